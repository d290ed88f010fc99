import CTorchABI

extension Tensor {
  public var requiresGradient: Bool {
    get throws { try asking { table, _ in table.requires_gradient(handle) } }
  }

  public func requireGradient(_ isRequired: Bool = true) throws { try asking { $0.require_gradient(handle, isRequired, $1) } }

  /// Adds the gradients of this one number to every tensor that requires one.
  public func backward() throws { try asking { $0.backward(handle, $1) } }

  /// What `backward` has gathered, or nil.
  public var gradient: Tensor? {
    get throws {
      guard let found: OpaquePointer = try asking(body: { $0.gradient(handle, $1) }) else { return nil }
      return try Tensor { _, _ in found }
    }
  }

  /// The same values without their history.
  public func detached() throws -> Tensor { try applying { $0.detach(handle, $1) } }

  public static func clearGradients(of tensors: [Tensor]) throws {
    try withHandles(tensors) { handles, count in try TorchLibrary.call { $0.clear_gradients(handles, count, $1) } }
  }
}

/// A state of the current thread that lasts for one closure.
public enum Scope {
  /// Nothing is recorded for `backward`.
  public static func noGradient<Result>(_ body: () throws -> Result) throws -> Result { try with(HPA_TORCH_NO_GRADIENT, body) }

  /// As `noGradient`, and what is made can never be part of training: the fastest way to use a network.
  public static func inference<Result>(_ body: () throws -> Result) throws -> Result { try with(HPA_TORCH_INFERENCE, body) }

  /// Convolutions and matrix products in bfloat16, sums and losses in float32.
  public static func bfloat16<Result>(on device: Device, _ body: () throws -> Result) throws -> Result {
    try with(device == .cpu ? HPA_TORCH_AUTOCAST_CPU : HPA_TORCH_AUTOCAST_CUDA, body)
  }

  private static func with<Result>(_ kind: Int, _ body: () throws -> Result) throws -> Result {
    let guardHandle = try TorchLibrary.call { $0.make_guard(Int32(kind), $1) }
    let release = try TorchLibrary.table().free_guard
    defer { release?(guardHandle) }
    return try body()
  }
}
