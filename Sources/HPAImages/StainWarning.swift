public import HPACore

/// Something odd about a stain that could be read all the same. Warnings are returned, never printed.
public struct StainWarning: Sendable, Equatable, CustomStringConvertible {
  public enum Kind: Sendable, Equatable {
    /// The channel map takes less than a quarter of the signal (mean level) of the brightest channel (R, G or B).
    case emptyChannel(mean: Double, brightest: Character, brightestMean: Double)
    /// Every pixel has this level.
    case blank(level: UInt8)
    /// A 16-bit file whose largest sample lies below 4096: maybe a 12-bit one.
    case lowRange(largest: UInt16)
    /// Width and height differ, so a square size distorts the cells.
    case notSquare(width: Int, height: Int)
    /// A file of this many bits a sample, where the stains of the atlas have 8.
    case notEightBit(bits: Int)
    /// The file is of this format, whatever its name says.
    case wrongFormat(ImageFile.Format)
  }

  public let id: ImageID
  public let stain: Stain
  public let path: String
  public let kind: Kind

  public var description: String { "\(path): \(kind)" }
}

extension StainWarning.Kind: CustomStringConvertible {
  public var description: String {
    switch self {
    case .emptyChannel(let mean, let brightest, let brightestMean):
      "the channel taken is nearly empty (mean \(Self.short(mean))), \(brightest) carries the picture (mean \(Self.short(brightestMean)))"
    case .blank(let level): "blank: every pixel is \(level)"
    case .lowRange(let largest):
      "16-bit samples up to \(largest) only: if the file is a 12-bit one, read it with the range \(SampleRange.twelveBit.rawValue)"
    case .notSquare(let width, let height): "\(width) x \(height) pixels: resizing to a square distorts it"
    case .notEightBit(let bits): "\(bits) bits a sample"
    case .wrongFormat(let format): "the bytes are those of a \(format.rawValue)"
    }
  }

  private static func short(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
}

extension StainWarning.Kind {
  /// The warning for a channel that keeps under a quarter of what another channel of the file holds.
  static func emptyChannel(of plane: ColourPlane) -> Self? {
    let mean = Double(sum(plane.levels)) / Double(plane.levels.count)
    let brightest = plane.means.indices.max { plane.means[$0] < plane.means[$1] } ?? 0
    guard mean * 4 < plane.means[brightest] else { return nil }
    return .emptyChannel(mean: mean, brightest: ["R", "G", "B"][brightest], brightestMean: plane.means[brightest])
  }

  static func blank(_ plane: [UInt8]) -> Self? {
    guard let first = plane.first, !plane.contains(where: { $0 != first }) else { return nil }
    return .blank(level: first)
  }

  static func lowRange(_ image: RasterImage, range: SampleRange) -> Self? {
    guard range == .full, case .words(let words) = image.samples, let largest = words.max(), largest > 0, largest < 4096 else { return nil }
    return .lowRange(largest: largest)
  }

  static func notEightBit(_ image: RasterImage) -> Self? { image.bits == 8 ? nil : .notEightBit(bits: image.bits) }

  static func wrongFormat(of format: ImageFile.Format, path: String) -> Self? {
    let name = path.lowercased()
    return format.extensions.contains { name.hasSuffix("." + $0) } ? nil : .wrongFormat(format)
  }

  private static func sum(_ bytes: [UInt8]) -> UInt64 { bytes.reduce(0) { $0 &+ UInt64($1) } }
}
