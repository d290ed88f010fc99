public import HPACore

/// How each of the four stains is taken from a file that is an RGB picture, as those of HPAv18 are. Grey files need no map.
///
/// The four letters of a name say, for the stains red, green, blue, yellow, which channel of the stain's own file is taken: r, g, b, or m
/// for the mean of R and G. In the atlas's yellow JPEGs, R and G carry the picture and B is nearly empty (means 66.8, 67.0 and 4.5 of 255
/// on 30741_800_A6_1), so the rule that keeps the signal, `rgbr`, is the default, although the team's text names `rgbb`.
public struct ChannelMap: Sendable, Equatable, CustomStringConvertible {
  /// What of an RGB pixel becomes the stain's level.
  public enum Source: Sendable, Equatable {
    case red, green, blue
    /// (R + G) / 2, rounded up.
    case meanOfRedAndGreen
    /// ITU-R BT.601 luma with Pillow's integers: (19595 R + 38470 G + 7471 B + 32768) / 65536.
    case luma
    case brightest
  }

  public let name: String
  /// One line for people.
  public let summary: String
  /// In the order of `Stain.allCases`.
  let sources: [Source]

  public var description: String { name }

  public func source(of stain: Stain) -> Source { sources[stain.index] }

  public static let rgbr = ChannelMap(
    name: "rgbr", summary: "r, g, b from the files of their name, y from R of the yellow file (keeps the signal; the default)",
    sources: [.red, .green, .blue, .red])
  public static let rgbb = ChannelMap(
    name: "rgbb", summary: "r, g, b from the files of their name, y from B of the yellow file (the team's text; nearly empty in HPAv18)",
    sources: [.red, .green, .blue, .blue])
  public static let rgbm = ChannelMap(
    name: "rgbm", summary: "r, g, b from the files of their name, y = (R + G) / 2 of the yellow file",
    sources: [.red, .green, .blue, .meanOfRedAndGreen])
  public static let luma = ChannelMap(
    name: "luma", summary: "BT.601 luma of every file (blue keeps 11 % of its signal)", sources: Array(repeating: .luma, count: 4))
  public static let max = ChannelMap(
    name: "max", summary: "the brightest channel of every pixel, in every file", sources: Array(repeating: .brightest, count: 4))

  /// Every preset, the default first.
  public static let all = [rgbr, rgbb, rgbm, luma, max]

  /// The preset of this name.
  ///
  /// - Throws: `usage` that lists the presets.
  public static func named(_ name: String) throws -> ChannelMap {
    guard let map = all.first(where: { $0.name == name }) else {
      throw Failure(
        .usage, "no channel map '\(name)'",
        cure: "Channel maps are:\n" + all.map { "    \($0.name)  \($0.summary)" }.joined(separator: "\n"))
    }
    return map
  }
}

extension ChannelMap.Source {
  /// One plane out of interleaved pixels.
  ///
  /// - Parameter channels: samples a pixel in `pixels`, at least 3; those after the third (alpha) are not looked at.
  func plane(of pixels: [UInt8], channels: Int) -> [UInt8] {
    let count = pixels.count / channels
    return [UInt8](unsafeUninitializedCapacity: count) { plane, filled in
      pixels.withUnsafeBufferPointer { pixels in
        switch self {
        case .red: for index in 0..<count { plane[index] = pixels[index &* channels] }
        case .green: for index in 0..<count { plane[index] = pixels[index &* channels &+ 1] }
        case .blue: for index in 0..<count { plane[index] = pixels[index &* channels &+ 2] }
        case .meanOfRedAndGreen:
          for index in 0..<count {
            plane[index] = UInt8(
              truncatingIfNeeded: (UInt32(pixels[index &* channels]) &+ UInt32(pixels[index &* channels &+ 1]) &+ 1) &>> 1)
          }
        case .luma:
          for index in 0..<count {
            let (red, green) = (UInt32(pixels[index &* channels]), UInt32(pixels[index &* channels &+ 1]))
            let blue = UInt32(pixels[index &* channels &+ 2])
            plane[index] = UInt8(truncatingIfNeeded: (red &* 19595 &+ green &* 38470 &+ blue &* 7471 &+ 32768) &>> 16)
          }
        case .brightest:
          for index in 0..<count {
            plane[index] = Swift.max(pixels[index &* channels], pixels[index &* channels &+ 1], pixels[index &* channels &+ 2])
          }
        }
      }
      filled = count
    }
  }
}
