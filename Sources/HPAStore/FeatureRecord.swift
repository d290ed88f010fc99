import CDeflate
import Foundation
import HPACore

/// One feature vector as the store holds it: little-endian float32, then the CRC-32 (zlib's) of the key's bytes and the floats' bytes.
enum FeatureRecord {
  static let longestKey = 511
  private static let checksumBytes = 4

  /// Why a record is not to be trusted.
  enum Defect: String, Sendable {
    case key = "its key is no id: a UTF-8 text of 1 to 511 bytes"
    case length = "its length is wrong"
    case checksum = "its checksum is wrong"
  }

  static func bytes(dimension: Int) -> Int { dimension * MemoryLayout<Float>.size + checksumBytes }
  static func dimension(bytes: Int) -> Int { (bytes - checksumBytes) / MemoryLayout<Float>.size }

  /// Writes the record of a vector into `place`, which has `bytes(dimension:)` bytes.
  static func encode(_ vector: ArraySlice<Float>, key: [UInt8], into place: UnsafeMutableRawBufferPointer) {
    vector.withUnsafeBytes { place.copyMemory(from: $0) }
    let floats = floats(UnsafeRawBufferPointer(place))
    let checksum = key.withUnsafeBytes { FeatureRecord.checksum($0, floats) }
    place.storeBytes(of: checksum.littleEndian, toByteOffset: floats.count, as: UInt32.self)
  }

  @inline(__always)
  static func defect(key: UnsafeRawBufferPointer, record: UnsafeRawBufferPointer, dimension: Int) -> Defect? {
    guard record.count == bytes(dimension: dimension) else { return .length }
    let floats = self.floats(record)
    let stored = UInt32(littleEndian: record.loadUnaligned(fromByteOffset: floats.count, as: UInt32.self))
    guard stored == checksum(key, floats) else { return .checksum }
    return (1...longestKey).contains(key.count) && isText(key) ? nil : .key
  }

  @inline(__always)
  private static func isText(_ key: UnsafeRawBufferPointer) -> Bool {
    key.allSatisfy { $0 < 0x80 } || String(validating: key, as: UTF8.self) != nil
  }

  /// The part of a record that holds the vector.
  static func floats(_ record: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: record.baseAddress, count: max(0, record.count - checksumBytes))
  }

  static func checksum(_ bytes: Data) -> UInt32 { bytes.withUnsafeBytes { libdeflate_crc32(0, $0.baseAddress, $0.count) } }

  /// The one bit of so many bytes that, turned over, changes their checksum so; nil where there is none.
  ///
  /// A CRC is linear: what a bit changes depends on its distance from the end alone, and grows by one step of the division from bit to bit.
  static func bit(changingChecksumBy difference: UInt32, bytes: Int) -> (byte: Int, bit: UInt8)? {
    var change: UInt32 = 1
    for distance in 0..<8 * bytes {
      change = change & 1 == 1 ? 0xEDB8_8320 ^ change >> 1 : change >> 1
      if change == difference { return (bytes - 1 - distance / 8, UInt8(7 - distance % 8)) }
    }
    return nil
  }

  @inline(__always)
  private static func checksum(_ key: UnsafeRawBufferPointer, _ floats: UnsafeRawBufferPointer) -> UInt32 {
    // In a page of the store they lie side by side.
    if let start = key.baseAddress, start + key.count == floats.baseAddress { return libdeflate_crc32(0, start, key.count + floats.count) }
    return libdeflate_crc32(libdeflate_crc32(0, key.baseAddress, key.count), floats.baseAddress, floats.count)
  }
}

extension ImageID {
  /// The id as a key of the store.
  ///
  /// - Throws: `badData` for an empty id, or one longer than LMDB's keys.
  func key() throws -> [UInt8] {
    try checkKey()
    return Array(text.utf8)
  }

  func checkKey() throws {
    let bytes = text.utf8.count
    guard (1...FeatureRecord.longestKey).contains(bytes) else {
      throw Failure(
        .badData,
        bytes == 0 ? "an id is empty" : "the id has \(bytes) bytes; a key of the store has at most \(FeatureRecord.longestKey)",
        at: .id(self), cure: "Give every image a name of 1 to \(FeatureRecord.longestKey) bytes.")
    }
  }
}
