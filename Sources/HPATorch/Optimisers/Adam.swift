import CTorchABI

/// torch.optim.Adam (Kingma and Ba 2015), weight decay as an L2 penalty.
public final class Adam: Optimiser {
  public var learningRate: Double
  public let betas: (Double, Double)
  public let epsilon: Double
  public let weightDecay: Double
  public let parameters: [Tensor]
  private let means: [Tensor]
  private let squares: [Tensor]
  /// How many there were: one int64.
  private let steps: Tensor
  public var state: [String: [Tensor]] { ["means": means, "squares": squares, "steps": [steps]] }

  public init(
    _ parameters: [Tensor], learningRate: Double, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8, weightDecay: Double = 0
  ) throws {
    self.parameters = parameters
    self.learningRate = learningRate
    self.betas = betas
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    means = try parameters.zerosAlike()
    squares = try parameters.zerosAlike()
    steps = try Tensor.zeros([], type: .int64)
  }

  public func step() throws {
    try steps.addInPlace(1)
    let steps = Int64(try steps.item())
    try Tensor.withHandles(parameters) { parameters, count in
      try Tensor.withHandles(means) { means, _ in
        try Tensor.withHandles(squares) { squares, _ in
          try TorchLibrary.call {
            $0.adam_step(parameters, means, squares, count, steps, learningRate, betas.0, betas.1, epsilon, weightDecay, $1)
          }
        }
      }
    }
  }
}
