/// How a public set of images is laid out in a folder: one file a stain, `<Id>_<stain>.<extension>`.
public enum ImageLayout: String, Sendable, Codable, CaseIterable {
  /// One RGB JPEG a stain; also under other extensions, as some download scripts name them.
  case hpav18
  /// 8-bit grey PNG, 512 x 512 (or full size).
  case kagglePNG = "kaggle-png"
  /// Grey TIFF, 2048 x 2048 or 3072 x 3072.
  case kaggleTIFF = "kaggle-tiff"

  /// The extensions that are looked for, lower case; upper case is found as well.
  public var extensions: [String] {
    switch self {
    case .hpav18: ["jpg", "jpeg", "png"]
    case .kagglePNG: ["png"]
    case .kaggleTIFF: ["tif", "tiff"]
    }
  }

  /// The size that full-size images go through on their way to smaller ones: the team resized TIFFs once to 1024, and made 650 and 800 from that.
  var intermediateSize: Int? { self == .kaggleTIFF ? 1024 : nil }
}
