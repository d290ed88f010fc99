public import HPACore

/// Something odd about an image of an import: one row of `import_report.csv`.
public struct ImportFinding: Sendable, Equatable, Codable {
  /// The worst first; a finding of the first five kinds makes an image unusable.
  public enum Kind: String, Sendable, Codable, CaseIterable {
    case missing
    case ambiguous
    case truncated
    case unreadable
    case otherSize = "other-size"
    case blank
    case emptyChannel = "empty-channel"
    case notSquare = "not-square"
    case notEightBit = "not-8-bit"
    case lowRange = "low-range"
    case wrongFormat = "wrong-format"
    case sameFile = "same-file"
    case samePixels = "same-pixels"

    /// A few words for people.
    public var summary: String {
      switch self {
      case .missing: "a stain has no file"
      case .ambiguous: "a stain has two files"
      case .truncated: "the file ends before its picture does"
      case .unreadable: "no picture, damaged, or of a kind that is not read"
      case .otherSize: "another size than the image's other stains"
      case .blank: "every pixel is the same"
      case .emptyChannel: "the channel map takes a nearly empty channel"
      case .notSquare: "made square by distortion"
      case .notEightBit: "more than 8 bits a sample, reduced to 8"
      case .lowRange: "16-bit samples below 4096: maybe 12-bit ones"
      case .wrongFormat: "another format than the name says"
      case .sameFile: "the same bytes as an earlier file"
      case .samePixels: "the same four stains as an earlier image"
      }
    }
  }

  private let idText: String
  /// The stain that it is about; nil where it is about the image.
  public let stain: Stain?
  /// The file's name in the folder of images; empty where it is about the image.
  public let file: String
  public let kind: Kind
  public let detail: String

  public var id: ImageID { ImageID(idText) }

  init(id: ImageID, stain: Stain? = nil, file: String = "", kind: Kind, detail: String) {
    idText = id.text
    self.stain = stain
    self.file = file
    self.kind = kind
    self.detail = detail
  }

  private enum CodingKeys: String, CodingKey {
    case idText = "id"
    case stain, file, kind, detail
  }

  static let columns = ["Id", "Stain", "File", "Kind", "Detail"]

  var fields: [String] { [idText, stain?.rawValue ?? "", file, kind.rawValue, detail] }
}
