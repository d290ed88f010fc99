import CTorchABI

extension Tensor {
  /// self + scale * other, with broadcasting.
  public func adding(_ other: Tensor, scaledBy scale: Double = 1) throws -> Tensor {
    try applying(other) { $0.add(handle, other.handle, scale, $1) }
  }

  public func multiplied(by other: Tensor) throws -> Tensor { try applying(other) { $0.multiply(handle, other.handle, $1) } }
  public func scaled(by factor: Double) throws -> Tensor { try applying { $0.scale(handle, factor, $1) } }
  public func divided(by other: Tensor) throws -> Tensor { try applying(other) { $0.divide(handle, other.handle, $1) } }
  public func matrixProduct(_ other: Tensor) throws -> Tensor { try applying(other) { $0.matrix_product(handle, other.handle, $1) } }
  public func sum() throws -> Tensor { try applying { $0.sum(handle, $1) } }
  public func mean() throws -> Tensor { try applying { $0.mean(handle, $1) } }

  /// Each vector along `dimension` divided by its length, or by `epsilon` where it is shorter (torch.nn.functional.normalize).
  public func l2Normalized(dimension: Int = -1, epsilon: Double = 1e-12) throws -> Tensor {
    try applying { $0.l2_normalize(handle, Int64(dimension), epsilon, $1) }
  }
}
