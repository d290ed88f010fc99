import CTorchABI

/// torch.optim.RMSprop without momentum (Tieleman and Hinton 2012).
public final class RMSprop: Optimiser {
  public var learningRate: Double
  public let alpha: Double
  public let epsilon: Double
  public let weightDecay: Double
  public let parameters: [Tensor]
  private let squares: [Tensor]
  public var state: [String: [Tensor]] { ["squares": squares] }

  public init(_ parameters: [Tensor], learningRate: Double, alpha: Double = 0.99, epsilon: Double = 1e-8, weightDecay: Double = 0) throws {
    self.parameters = parameters
    self.learningRate = learningRate
    self.alpha = alpha
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    squares = try parameters.zerosAlike()
  }

  public func step() throws {
    try Tensor.withHandles(parameters) { parameters, count in
      try Tensor.withHandles(squares) { squares, _ in
        try TorchLibrary.call { $0.rmsprop_step(parameters, squares, count, learningRate, alpha, epsilon, weightDecay, $1) }
      }
    }
  }
}
