import CImageCodecs
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
  var native: hpa_stain_source {
    switch self {
    case .red: HPA_STAIN_RED
    case .green: HPA_STAIN_GREEN
    case .blue: HPA_STAIN_BLUE
    case .meanOfRedAndGreen: HPA_STAIN_MEAN_OF_RED_AND_GREEN
    case .luma: HPA_STAIN_LUMA
    case .brightest: HPA_STAIN_BRIGHTEST
    }
  }

  /// One plane out of interleaved pixels.
  ///
  /// - Parameter channels: samples a pixel in `pixels`, 3 or 4; the fourth (alpha) is not looked at.
  func plane(of pixels: [UInt8], channels: Int) -> ColourPlane {
    let count = pixels.count / channels
    return ColourPlane(count: count) { levels, sums in hpa_take_stain(pixels, count, channels, native, levels, sums) }
  }
}

/// A stain out of an RGB picture, and what the picture's channels hold.
struct ColourPlane {
  let levels: [UInt8]
  /// The mean levels of R, G and B.
  let means: [Double]

  /// - Parameter fill: writes `count` levels, and adds each channel's levels to one of three sums.
  init(count: Int, _ fill: (UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt64>?) throws -> Void) rethrows {
    var sums: [UInt64] = [0, 0, 0]
    levels = try [UInt8](unsafeUninitializedCapacity: count) { target, filled in
      try sums.withUnsafeMutableBufferPointer { try fill(target.baseAddress, $0.baseAddress) }
      filled = count
    }
    means = sums.map { Double($0) / Double(count) }
  }
}
