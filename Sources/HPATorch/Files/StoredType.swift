public import Foundation

/// An element type of a safetensors file, by the format's own name.
public enum StoredType: String, Sendable, CaseIterable {
  case float64 = "F64"
  case float32 = "F32"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case int64 = "I64"
  case int32 = "I32"
  case uint8 = "U8"
  case bool = "BOOL"

  public var byteCount: Int {
    switch self {
    case .uint8, .bool: 1
    case .float16, .bfloat16: 2
    case .float32, .int32: 4
    case .float64, .int64: 8
    }
  }

  /// Little-endian elements as float32.
  public func floats(_ bytes: Data) -> [Float] {
    switch self {
    case .float64: elements(bytes, UInt64.self).map { Float(Double(bitPattern: $0)) }
    case .float32: elements(bytes, UInt32.self).map { Float(bitPattern: $0) }
    case .float16: elements(bytes, UInt16.self).map { Float(Float16(bitPattern: $0)) }
    case .bfloat16: elements(bytes, UInt16.self).map { Float(bitPattern: UInt32($0) << 16) }
    case .int64: elements(bytes, Int64.self).map { Float($0) }
    case .int32: elements(bytes, Int32.self).map { Float($0) }
    case .uint8, .bool: bytes.map { Float($0) }
    }
  }

  /// Elements of integer types as they are; others rounded towards zero where they can be.
  func integers(_ bytes: Data) -> [Int64] {
    switch self {
    case .int64: elements(bytes, Int64.self)
    case .int32: elements(bytes, Int32.self).map { Int64($0) }
    default: floats(bytes).map { Int64(exactly: $0.rounded(.towardZero)) ?? 0 }
    }
  }

  private func elements<Word: FixedWidthInteger>(_ bytes: Data, _: Word.Type) -> [Word] {
    bytes.withUnsafeBytes { buffer in
      (0..<buffer.count / MemoryLayout<Word>.size).map {
        Word(littleEndian: buffer.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Word>.size, as: Word.self))
      }
    }
  }
}
