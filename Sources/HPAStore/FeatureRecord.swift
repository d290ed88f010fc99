import CDeflate
import HPACore

/// One feature vector as the store holds it: little-endian float32, then the CRC-32 (zlib's) of the key's bytes and the floats' bytes.
enum FeatureRecord {
  static let longestKey = 511
  private static let checksumBytes = 4

  /// Why a record is not to be trusted.
  enum Defect: String, Sendable {
    case key = "its key is no UTF-8 text"
    case length = "its length is wrong"
    case checksum = "its checksum is wrong"
  }

  static func bytes(dimension: Int) -> Int { dimension * MemoryLayout<Float>.size + checksumBytes }

  static func encode(_ vector: ArraySlice<Float>, key: [UInt8]) -> [UInt8] {
    var record: [UInt8] = []
    record.reserveCapacity(bytes(dimension: vector.count))
    vector.withUnsafeBytes { record.append(contentsOf: $0) }
    let checksum = key.withUnsafeBytes { key in record.withUnsafeBytes { FeatureRecord.checksum(key, $0) } }
    withUnsafeBytes(of: checksum.littleEndian) { record.append(contentsOf: $0) }
    return record
  }

  static func defect(key: UnsafeRawBufferPointer, record: UnsafeRawBufferPointer, dimension: Int) -> Defect? {
    guard record.count == bytes(dimension: dimension) else { return .length }
    let floats = self.floats(record)
    let stored = UInt32(littleEndian: record.loadUnaligned(fromByteOffset: floats.count, as: UInt32.self))
    guard stored == checksum(key, floats) else { return .checksum }
    return String(validating: key, as: UTF8.self) == nil ? .key : nil
  }

  /// The part of a record that holds the vector.
  static func floats(_ record: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: record.dropLast(checksumBytes))
  }

  private static func checksum(_ key: UnsafeRawBufferPointer, _ floats: UnsafeRawBufferPointer) -> UInt32 {
    libdeflate_crc32(libdeflate_crc32(0, key.baseAddress, key.count), floats.baseAddress, floats.count)
  }
}

extension ImageID {
  /// The id as a key of the store.
  ///
  /// - Throws: `badData` for an empty id, or one longer than LMDB's keys.
  func key() throws -> [UInt8] {
    let key = Array(text.utf8)
    guard !key.isEmpty, key.count <= FeatureRecord.longestKey else {
      throw Failure(
        .badData,
        key.isEmpty ? "an id is empty" : "the id has \(key.count) bytes; a key of the store has at most \(FeatureRecord.longestKey)",
        at: .id(self), cure: "Give every image a name of 1 to \(FeatureRecord.longestKey) bytes.")
    }
    return key
  }
}
