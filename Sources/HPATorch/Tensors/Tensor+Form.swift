import CTorchABI

extension Tensor {
  public func converted(to type: DataType) throws -> Tensor { try applying { $0.to_type(handle, type.rawValue, $1) } }
  public func moved(to device: Device) throws -> Tensor { try applying { $0.to_device(handle, device.foreign, $1) } }

  /// The same values with the channels of each pixel side by side in memory (NHWC), which convolutions on the CPU prefer.
  public func channelsLast() throws -> Tensor { try applying { $0.to_channels_last(handle, $1) } }
  public func contiguous() throws -> Tensor { try applying { $0.contiguous(handle, $1) } }
  public func copied() throws -> Tensor { try applying { $0.clone(handle, $1) } }

  public func reshaped(_ shape: [Int]) throws -> Tensor {
    let lengths = shape.map(Int64.init)
    return try applying { $0.reshape(handle, lengths, Int64(lengths.count), $1) }
  }

  /// (N, ...) to (N, everything else).
  public func flattened() throws -> Tensor { try reshaped([try shape.first ?? 1, -1]) }

  public func transposed(_ first: Int = -2, _ second: Int = -1) throws -> Tensor {
    try applying { $0.transpose(handle, Int64(first), Int64(second), $1) }
  }

  /// The part `range` along `dimension`; it shares memory with this tensor.
  public func narrowed(_ range: Range<Int>, dimension: Int = 0) throws -> Tensor {
    try applying { $0.narrow(handle, Int64(dimension), Int64(range.lowerBound), Int64(range.count), $1) }
  }

  public func selecting(_ indices: [Int], dimension: Int = 0) throws -> Tensor {
    let indices = try Tensor(indices.map(Int64.init), shape: [indices.count], device: try device)
    return try applying(indices) { $0.index_select(handle, Int64(dimension), indices.handle, $1) }
  }

  public static func concatenated(_ tensors: [Tensor], dimension: Int) throws -> Tensor {
    try withHandles(tensors) { handles, count in try Tensor { $0.concatenate(handles, count, Int64(dimension), $1) } }
  }

  /// Takes over the values of `source`, outside of autograd.
  public func copy(from source: Tensor) throws { try asking(source) { $0.copy(handle, source.handle, $1) } }

  /// Adds a number to every element, outside of autograd.
  public func addInPlace(_ value: Int) throws { try asking { $0.add_in_place(handle, Int64(value), $1) } }
}
