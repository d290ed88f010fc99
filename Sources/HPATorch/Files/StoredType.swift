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

  /// Whether its tensors are kept as int64; those of all other types are kept as float32.
  var isInteger: Bool { self == .int64 || self == .int32 }

  /// Little-endian elements as float32.
  public func floats(_ bytes: Data) -> [Float] {
    switch self {
    case .float64: elements(bytes).map { (number: Double) in Float(number) }
    case .float32: elements(bytes)
    case .float16: elements(bytes).map { (number: Float16) in Float(number) }
    case .bfloat16: elements(bytes).map { (bits: UInt16) in Float(bitPattern: UInt32(bits) << 16) }
    case .int64: elements(bytes).map { (number: Int64) in Float(number) }
    case .int32: elements(bytes).map { (number: Int32) in Float(number) }
    case .uint8, .bool: bytes.map { Float($0) }
    }
  }

  /// Elements of integer types as they are; others rounded towards zero where they can be.
  func integers(_ bytes: Data) -> [Int64] {
    switch self {
    case .int64: elements(bytes)
    case .int32: elements(bytes).map { (number: Int32) in Int64(number) }
    default: floats(bytes).map { Int64(exactly: $0.rounded(.towardZero)) ?? 0 }
    }
  }

  /// One copy of the whole: the file's byte order is that of every machine this runs on.
  private func elements<Element: BitwiseCopyable>(_ bytes: Data) -> [Element] {
    let count = bytes.count / MemoryLayout<Element>.size
    return [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
      initialized = bytes.copyBytes(to: buffer) / MemoryLayout<Element>.size
    }
  }
}
