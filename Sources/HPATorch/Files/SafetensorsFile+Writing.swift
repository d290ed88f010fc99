import Foundation
import HPACore

extension SafetensorsFile {
  /// A tensor to be written.
  public struct Item: Sendable {
    public enum Values: Sendable {
      case floats([Float])
      case integers([Int64])
    }

    public let name: String
    public let shape: [Int]
    public let values: Values

    public init(_ name: String, shape: [Int], _ values: Values) {
      self.name = name
      self.shape = shape
      self.values = values
    }

    fileprivate var type: StoredType {
      switch values {
      case .floats: .float32
      case .integers: .int64
      }
    }

    fileprivate var count: Int {
      switch values {
      case .floats(let floats): floats.count
      case .integers(let integers): integers.count
      }
    }

    fileprivate func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
      switch values {
      case .floats(let floats): try floats.withUnsafeBytes(body)
      case .integers(let integers): try integers.withUnsafeBytes(body)
      }
    }
  }

  /// Writes `items` in the order of their names, whole or not at all; the same items give the same bytes.
  ///
  /// - Throws: `cannotCreate`, `inputOutput`; `software` where an item's values do not fill its shape or two share a name.
  public static func write(_ items: [Item], metadata: [String: String] = [:], to path: String) throws {
    // Wider elements first, so that every tensor is aligned to its type, as the format's own library does.
    let ordered = items.sorted { ($1.type.byteCount, $0.name) < ($0.type.byteCount, $1.name) }
    let header = try header(ordered, metadata: metadata)
    try FileBytes.replace(path) { file in
      try file.write(contentsOf: withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) })
      try file.write(contentsOf: header)
      for item in ordered { try item.withBytes { try file.write(contentsOf: $0) } }
    }
  }

  private struct HeaderItem: Encodable {
    let dtype: String
    let shape: [Int]
    let data_offsets: [Int]
  }

  private static func header(_ items: [Item], metadata: [String: String]) throws -> Data {
    var tensors: [String: HeaderItem] = [:]
    var end = 0
    for item in items {
      guard item.count == item.shape.reduce(1, *) else {
        throw Failure(.software, "'\(item.name)': \(item.count) values do not fill \(item.shape)")
      }
      guard tensors[item.name] == nil, item.name != metadataName else {
        throw Failure(.software, "'\(item.name)' cannot be a tensor's name twice")
      }
      let start = end
      end += item.count * item.type.byteCount
      tensors[item.name] = HeaderItem(dtype: item.type.rawValue, shape: item.shape, data_offsets: [start, end])
    }
    var json = try encode(Header(tensors: tensors, metadata: metadata))
    while (json.count + 8) % 8 != 0 { json.append(UInt8(ascii: " ")) }
    return json
  }

  private struct Header: Encodable {
    let tensors: [String: HeaderItem]
    let metadata: [String: String]

    private struct Key: CodingKey {
      let stringValue: String
      var intValue: Int? { nil }
      init(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { return nil }
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Key.self)
      if !metadata.isEmpty { try container.encode(metadata, forKey: Key(stringValue: metadataName)) }
      for (name, item) in tensors { try container.encode(item, forKey: Key(stringValue: name)) }
    }
  }

  private static func encode(_ header: Header) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(header)
  }
}
