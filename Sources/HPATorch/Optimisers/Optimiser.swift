/// Moves parameters against their gradients.
public protocol Optimiser: AnyObject {
  var learningRate: Double { get set }
  var parameters: [Tensor] { get }

  /// Parameters without a gradient stay as they are.
  func step() throws
}

extension Optimiser {
  /// Forgets the gradients of the last step; `backward` would add to them.
  public func clearGradients() throws { try Tensor.clearGradients(of: parameters) }
}

extension [Tensor] {
  /// The state of an optimiser before its first step.
  func zerosAlike() throws -> [Tensor] {
    try map { parameter in
      // A copy keeps the memory layout, which the fused kernels rely on.
      let zeros = try parameter.detached().copied()
      try zeros.copy(from: Tensor.zeros([], device: parameter.device))
      return zeros
    }
  }
}
