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

  /// 2 brought the checksum.
  public static let currentFormat = 2
  static let dimensions = 1...1 << 20

  public internal(set) var format = ViewHeader.currentFormat
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
  /// When it became complete.
  public internal(set) var finished: Date?

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
  /// How images were brought to `size`, such as `linear`.
  public var resize: String?
  /// What was done to the pixels then, such as `value / 255`.
  public var preprocessing: String?
  /// What made imported embeddings, as the person who brought them said.
  public var declaredOrigin: String?
  /// File name of imported embeddings, and the SHA-256 of its bytes.
  public var source: String?
  public var sourceSHA256: String?
  public var programVersion: String
  /// SHA-256 of the ids that belong to the view (ContentHash.ids); the store fills it in.
  public internal(set) var idsSHA256 = ""

  public init(
    checkpoint: String? = nil, checkpointSHA256: String? = nil, backbone: String? = nil, channelMap: String? = nil, size: Int? = nil,
    precision: String? = nil, resize: String? = nil, preprocessing: String? = nil, declaredOrigin: String? = nil, source: String? = nil,
    sourceSHA256: String? = nil, programVersion: String
  ) {
    self.checkpoint = checkpoint
    self.checkpointSHA256 = checkpointSHA256
    self.backbone = backbone
    self.channelMap = channelMap
    self.size = size
    self.precision = precision
    self.resize = resize
    self.preprocessing = preprocessing
    self.declaredOrigin = declaredOrigin
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

  private typealias Property = (property: String, value: String?)

  private var identity: [Property] {
    [("dataset", dataset), ("channel map", lineage.channelMap)] + making + [
      ("source", lineage.source), ("source SHA-256", lineage.sourceSHA256), ("program version", lineage.programVersion),
      ("number of ids", "\(count)"), ("ids SHA-256", lineage.idsSHA256),
    ]
  }

  /// What two views must share for their features to be compared. The channel map is not among it: data sets have different files.
  private var making: [Property] {
    [
      ("dimension", "\(dimension)"), ("origin", origin.rawValue), ("declared origin", lineage.declaredOrigin),
      ("checkpoint SHA-256", lineage.checkpointSHA256), ("backbone", lineage.backbone), ("size", lineage.size.map(String.init)),
      ("resize", lineage.resize), ("precision", lineage.precision), ("preprocessing", lineage.preprocessing),
    ]
  }

  /// - Throws: `badData` that shows both views side by side where their features cannot be compared: made by different checkpoints or
  ///   preprocessing, of different dimension, or of one data set with different channel maps.
  public static func checkComparable(_ left: ViewHeader, _ right: ViewHeader) throws {
    let isOneDataset = left.dataset == right.dataset
    let maps = { (header: ViewHeader) in isOneDataset ? [("channel map", header.lineage.channelMap)] : [] }
    let pairs = zip(left.making + maps(left), right.making + maps(right)).filter { $0.value != $1.value }
    guard !pairs.isEmpty else { return }
    let rows = [("", left.name, right.name)] + pairs.map { ($0.property, $0.value ?? "none", $1.value ?? "none") }
    let (first, second) = (rows.map(\.0.count).max() ?? 0, rows.map(\.1.count).max() ?? 0)
    let pad = { (text: String, width: Int) in text + String(repeating: " ", count: width + 2 - text.count) }
    throw Failure(
      .badData,
      "the features of '\(left.name)' and '\(right.name)' were made in different ways and cannot be compared:\n"
        + rows.map { "    " + pad($0.0, first) + pad($0.1, second) + $0.2 }.joined(separator: "\n"),
      cure: "Extract both with the same checkpoint and options.")
  }
}

/// What a reader relies on; nil leaves a property open.
public struct ViewRequirement: Sendable, Equatable {
  public var checkpointSHA256: String?
  public var channelMap: String?
  public var size: Int?
  public var dimension: Int?

  public init(checkpointSHA256: String? = nil, channelMap: String? = nil, size: Int? = nil, dimension: Int? = nil) {
    self.checkpointSHA256 = checkpointSHA256
    self.channelMap = channelMap
    self.size = size
    self.dimension = dimension
  }

  /// - Throws: `badData` with both sides where a view is another one than the reader relies on.
  func check(_ header: ViewHeader, path: String) throws {
    let pairs: [(String, stored: String?, wanted: String?)] = [
      ("checkpoint SHA-256", header.lineage.checkpointSHA256, checkpointSHA256), ("channel map", header.lineage.channelMap, channelMap),
      ("size", header.lineage.size.map(String.init), size.map(String.init)),
      ("dimension", "\(header.dimension)", dimension.map(String.init)),
    ]
    let differences = pairs.filter { $0.wanted != nil && $0.stored != $0.wanted }
    guard !differences.isEmpty else { return }
    throw Failure(
      .badData,
      "view '\(header.name)' is not the one that is wanted here:\n    "
        + differences.map { "\($0.0): stored \($0.stored ?? "none"), wanted \($0.wanted ?? "none")" }.joined(separator: "\n    "),
      at: .file(path), cure: "It was made by: \(header.command). Drop it and extract it again, or name another view.")
  }
}

// MARK: As bytes

extension ViewHeader {
  private static let checksumStart = Array("{\"checksum\":\"".utf8)
  /// The checksum with its name and comma, in front of everything that it covers.
  private static let checksumBytes = checksumStart.count + 10

  /// - Throws: `badData` for JSON that is no header or was changed since it was written, or a header of a newer format.
  package init(json: UnsafeRawBufferPointer, name: String, path: String) throws {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .custom(ViewHeader.time)
    struct Format: Decodable { let format: Int }
    let data = Data(json)
    let format = (try? decoder.decode(Format.self, from: data))?.format ?? ViewHeader.currentFormat
    guard format <= ViewHeader.currentFormat else {
      throw Failure(
        .badData, "view '\(name)' has format \(format); this program reads up to \(ViewHeader.currentFormat)", at: .file(path),
        cure: "Use a newer hpa-feat.")
    }
    // The first format had no checksum.
    guard data.starts(with: ViewHeader.checksumStart) ? ViewHeader.hasItsChecksum(data) : format == 1 else {
      throw ViewHeader.damaged(name, "its checksum is wrong", path: path)
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

  /// A time as `json` writes it; other forms would come out in another way than they came in.
  private static func time(_ decoder: any Decoder) throws -> Date {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let time = try? Date(text, strategy: .iso8601), time.ISO8601Format() == text else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is no time such as 2026-01-02T03:04:05Z")
    }
    return time
  }

  private static func hasItsChecksum(_ json: Data) -> Bool {
    json.count > checksumBytes && json.prefix(checksumBytes) == Data(checksum(of: json.dropFirst(checksumBytes)))
  }

  private static func checksum(of rest: Data) -> [UInt8] {
    let digits = String(FeatureRecord.checksum(rest), radix: 16)
    return checksumStart + Array((String(repeating: "0", count: 8 - digits.count) + digits + "\",").utf8)
  }

  private static func damaged(_ name: String, _ reason: String, path: String) -> Failure {
    Failure(
      .badData, "the header of view '\(name)' is damaged: \(reason)", at: .file(path),
      cure: "Save what is whole into a new store: hpa-feat store salvage --store \(path) --out NEW.")
  }

  /// One line of JSON: the checksum (CRC-32 of all that follows its comma), then the other keys sorted; times in UTC (ISO 8601).
  public func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    let rest = try encoder.encode(self).dropFirst()
    return String(decoding: ViewHeader.checksum(of: rest) + rest, as: UTF8.self)
  }

  /// The header that this JSON was before one bit of it was turned over; nil where no one bit makes its checksum right.
  static func mended(_ json: UnsafeRawBufferPointer, name: String, path: String) -> ViewHeader? {
    guard json.count > checksumBytes else { return nil }
    let stored = Array(json.prefix(checksumBytes))
    var rest = Data(json.dropFirst(checksumBytes))
    let expected = checksum(of: rest)
    let wrongBits = zip(stored, expected).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount }
    if wrongBits != 1 {
      let digits = String(decoding: stored.dropFirst(checksumStart.count).prefix(8), as: UTF8.self)
      guard let number = UInt32(digits, radix: 16),
        let place = FeatureRecord.bit(changingChecksumBy: number ^ FeatureRecord.checksum(rest), bytes: rest.count)
      else { return nil }
      rest[place.byte] ^= 1 << place.bit
      guard checksum(of: rest) == stored else { return nil }
    }
    return Array(checksum(of: rest) + rest).withUnsafeBytes { try? ViewHeader(json: $0, name: name, path: path) }
  }
}
