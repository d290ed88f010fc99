public import Foundation
import HPACore

/// What a view is and where its features come from; stored as JSON (schemas/view-header.schema.json).
public struct ViewHeader: Codable, Sendable, Equatable {
  public enum State: String, Codable, Sendable { case writing, complete }

  public enum Origin: String, Codable, Sendable {
    /// Made by this program from images.
    case extract
    /// Embeddings that another program made.
    case `import`
  }

  public static let currentFormat = 1
  static let dimensions = 1...1 << 20

  public private(set) var format = ViewHeader.currentFormat
  public let name: String
  public let dataset: String
  public let dimension: Int
  public let origin: Origin
  public internal(set) var state = State.writing
  /// How many images the view has when it is complete.
  public internal(set) var count = 0
  public internal(set) var lineage: Lineage
  /// The command line that made it.
  public let command: String
  public internal(set) var created = Date(timeIntervalSince1970: 0)
  public internal(set) var updated = Date(timeIntervalSince1970: 0)

  public init(name: String, dataset: String, dimension: Int, origin: Origin = .extract, lineage: Lineage, command: String) {
    self.name = name
    self.dataset = dataset
    self.dimension = dimension
    self.origin = origin
    self.lineage = lineage
    self.command = command
  }

  /// Letters, digits and `. _ @ + -`, at most 200 of them, beginning with a letter or digit.
  public static func isValid(name: String) -> Bool { name.utf8.count <= 200 && name.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9._@+\-]*/) != nil }
}

/// Everything that a feature depends on. Two features can be compared only where all of it is equal.
public struct Lineage: Codable, Sendable, Equatable {
  /// File name of the checkpoint, and the SHA-256 of its bytes.
  public var checkpoint: String?
  public var checkpointSHA256: String?
  public var backbone: String?
  /// Which channel of which stain file was used, such as `rgbb`.
  public var channelMap: String?
  /// Side of the images that the network saw.
  public var size: Int?
  /// `fp32` or `bf16`.
  public var precision: String?
  /// How images were brought to `size`, such as `bilinear from 1024`.
  public var preprocessing: String?
  /// File name of imported embeddings, and the SHA-256 of its bytes.
  public var source: String?
  public var sourceSHA256: String?
  public var programVersion: String
  /// SHA-256 of the ids that belong to the view (ContentHash.ids); the store fills it in.
  public internal(set) var idsSHA256 = ""

  public init(
    checkpoint: String? = nil, checkpointSHA256: String? = nil, backbone: String? = nil, channelMap: String? = nil, size: Int? = nil,
    precision: String? = nil, preprocessing: String? = nil, source: String? = nil, sourceSHA256: String? = nil, programVersion: String
  ) {
    self.checkpoint = checkpoint
    self.checkpointSHA256 = checkpointSHA256
    self.backbone = backbone
    self.channelMap = channelMap
    self.size = size
    self.precision = precision
    self.preprocessing = preprocessing
    self.source = source
    self.sourceSHA256 = sourceSHA256
    self.programVersion = programVersion
  }
}

extension ViewHeader {
  /// A property in which two headers differ.
  public struct Difference: Sendable, Equatable, CustomStringConvertible {
    public let property: String
    public let stored: String
    public let wanted: String

    public var description: String { "\(property): stored \(stored), now \(wanted)" }
  }

  /// In what the features of another header differ from this one's. Times, state and the command line do not count.
  public func differences(from wanted: ViewHeader) -> [Difference] {
    zip(identity, wanted.identity).compactMap { stored, wanted in
      stored.value == wanted.value
        ? nil : Difference(property: stored.property, stored: stored.value ?? "none", wanted: wanted.value ?? "none")
    }
  }

  private var identity: [(property: String, value: String?)] {
    [
      ("dataset", dataset), ("dimension", "\(dimension)"), ("origin", origin.rawValue),
      ("checkpoint SHA-256", lineage.checkpointSHA256), ("backbone", lineage.backbone), ("channel map", lineage.channelMap),
      ("size", lineage.size.map(String.init)), ("precision", lineage.precision), ("preprocessing", lineage.preprocessing),
      ("source", lineage.source), ("source SHA-256", lineage.sourceSHA256), ("program version", lineage.programVersion),
      ("number of ids", "\(count)"), ("ids SHA-256", lineage.idsSHA256),
    ]
  }
}

extension ViewHeader {
  /// - Throws: `badData` for JSON that is no header, or a header of a newer format.
  package init(json: UnsafeRawBufferPointer, name: String, path: String) throws {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    struct Format: Decodable { let format: Int }
    let data = Data(json)
    if let format = try? decoder.decode(Format.self, from: data).format, format > ViewHeader.currentFormat {
      throw Failure(
        .badData, "view '\(name)' has format \(format); this program reads up to \(ViewHeader.currentFormat)", at: .file(path),
        cure: "Use a newer hpa-feat.")
    }
    do {
      self = try decoder.decode(ViewHeader.self, from: data)
    } catch {
      throw ViewHeader.damaged(name, "\(error)", path: path)
    }
    guard self.name == name, ViewHeader.dimensions.contains(dimension) else {
      throw ViewHeader.damaged(name, "name or dimension is wrong", path: path)
    }
  }

  private static func damaged(_ name: String, _ reason: String, path: String) -> Failure {
    Failure(.badData, "the header of view '\(name)' is damaged: \(reason)", at: .file(path), cure: "Drop the view and extract it again.")
  }

  /// One line of JSON with sorted keys, times in UTC (ISO 8601).
  public func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }
}
