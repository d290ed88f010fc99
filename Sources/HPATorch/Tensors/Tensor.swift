import CTorchABI
import HPACore

/// An array of numbers with a shape, owned by LibTorch; it frees it when it goes.
///
/// A tensor belongs to the thread that uses it. Everything that LibTorch may refuse throws: `software` for shapes and types that do
/// not fit, `unavailable` for want of memory.
public final class Tensor {
  let handle: OpaquePointer
  private let release: @convention(c) (OpaquePointer?) -> Void

  /// Takes ownership of what `body` returns.
  init(_ body: (HPATorchTable, UnsafeMutablePointer<HPATorchError>) -> OpaquePointer?) throws {
    guard let made = try TorchLibrary.call(body) else { throw Failure(.software, "LibTorch returned no tensor") }
    handle = made
    release = try TorchLibrary.table().free_tensor
  }

  deinit { release(handle) }

  /// A new tensor from this one and `others`, which live until `body` has returned.
  func applying(_ others: Tensor?..., body: (HPATorchTable, UnsafeMutablePointer<HPATorchError>) -> OpaquePointer?) throws -> Tensor {
    try withExtendedLifetime((self, others)) { try Tensor(body) }
  }

  func asking<Result>(_ others: Tensor?..., body: (HPATorchTable, UnsafeMutablePointer<HPATorchError>) -> Result) throws -> Result {
    try withExtendedLifetime((self, others)) { try TorchLibrary.call(body) }
  }

  /// Calls `body` with the handles of `tensors`.
  static func withHandles<Result>(_ tensors: [Tensor], _ body: (UnsafePointer<OpaquePointer?>, Int64) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(tensors) {
      let handles: [OpaquePointer?] = tensors.map(\.handle)
      return try handles.withUnsafeBufferPointer { buffer in
        // An empty array may have no address; LibTorch reads nothing from it then.
        guard let base = buffer.baseAddress else { return try withUnsafePointer(to: nil) { try body($0, 0) } }
        return try body(base, Int64(buffer.count))
      }
    }
  }
}

// MARK: - Making

extension Tensor {
  /// Copies `values`, row by row.
  ///
  /// - Throws: `software` where they do not fill `shape`.
  public convenience init<Scalar: TensorScalar>(_ values: [Scalar], shape: [Int], device: Device = .cpu) throws {
    let count = shape.reduce(1, *)
    guard values.count == count else { throw Failure(.software, "\(values.count) values do not fill \(shape)") }
    let lengths = shape.map(Int64.init)
    try self.init { table, error in
      values.withUnsafeBytes { bytes in
        table.from_bytes(bytes.baseAddress, lengths, Int64(lengths.count), Scalar.dataType.rawValue, device.foreign, error)
      }
    }
  }

  public static func full(_ value: Double, shape: [Int], type: DataType = .float32, device: Device = .cpu) throws -> Tensor {
    let lengths = shape.map(Int64.init)
    return try Tensor { $0.full(lengths, Int64(lengths.count), value, type.rawValue, device.foreign, $1) }
  }

  public static func zeros(_ shape: [Int], type: DataType = .float32, device: Device = .cpu) throws -> Tensor {
    try full(0, shape: shape, type: type, device: device)
  }

  public static func ones(_ shape: [Int], type: DataType = .float32, device: Device = .cpu) throws -> Tensor {
    try full(1, shape: shape, type: type, device: device)
  }

  /// Uniform in [low, high), on the generator's device.
  public static func uniform(_ low: Double, _ high: Double, shape: [Int], generator: RandomGenerator) throws -> Tensor {
    let lengths = shape.map(Int64.init)
    return try Tensor { $0.uniform(lengths, Int64(lengths.count), low, high, generator.handle, generator.device.foreign, $1) }
  }

  public static func normal(mean: Double = 0, deviation: Double = 1, shape: [Int], generator: RandomGenerator) throws -> Tensor {
    let lengths = shape.map(Int64.init)
    return try Tensor { $0.normal(lengths, Int64(lengths.count), mean, deviation, generator.handle, generator.device.foreign, $1) }
  }
}

// MARK: - Asking

extension Tensor {
  public var shape: [Int] {
    get throws { try asking { table, _ in (0..<table.rank(handle)).map { Int(table.length(handle, $0)) } } }
  }

  public var count: Int {
    get throws { try shape.reduce(1, *) }
  }

  public var device: Device {
    get throws { Device(try asking { table, _ in table.device(handle) }) }
  }

  /// - Throws: `software` for a type that Swift has no use for (complex numbers, say).
  public var type: DataType {
    get throws {
      guard let type = DataType(rawValue: try asking { table, _ in table.type(handle) }) else {
        throw Failure(.software, "the tensor's element type is not known here")
      }
      return type
    }
  }

  public var isChannelsLast: Bool {
    get throws { try asking { table, _ in table.is_channels_last(handle) } }
  }

  /// The elements in row-major order, converted where the tensor is of another type.
  public func values<Scalar: TensorScalar>(of _: Scalar.Type) throws -> [Scalar] {
    guard try type == Scalar.dataType else { return try converted(to: Scalar.dataType).values(of: Scalar.self) }
    var values = [Scalar](repeating: .zero, count: try count)
    try values.withUnsafeMutableBytes { bytes in
      try asking { $0.to_bytes(handle, bytes.baseAddress, Int64(bytes.count), $1) }
    }
    return values
  }

  /// The elements in row-major order.
  public func floats() throws -> [Float] { try values(of: Float.self) }

  /// The only element.
  public func item() throws -> Double { try asking { $0.item(handle, $1) } }

  public func isFinite() throws -> Bool { try asking { $0.all_finite(handle, $1) } }
}
