import CTorchABI

/// The type of a tensor's elements.
public enum DataType: Int32, Sendable, CaseIterable {
  case float32 = 0
  case float64 = 1
  case float16 = 2
  case bfloat16 = 3
  case uint8 = 4
  case int64 = 5
  case bool = 6

  public var byteCount: Int {
    switch self {
    case .uint8, .bool: 1
    case .float16, .bfloat16: 2
    case .float32: 4
    case .float64, .int64: 8
    }
  }
}

/// A Swift number that a tensor can be made of.
public protocol TensorScalar: BitwiseCopyable, Sendable {
  static var dataType: DataType { get }
  static var zero: Self { get }
}

extension Float: TensorScalar { public static var dataType: DataType { .float32 } }
extension Double: TensorScalar { public static var dataType: DataType { .float64 } }
extension UInt8: TensorScalar { public static var dataType: DataType { .uint8 } }
extension Int64: TensorScalar { public static var dataType: DataType { .int64 } }
