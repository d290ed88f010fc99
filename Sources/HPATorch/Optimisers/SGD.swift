import CTorchABI

/// torch.optim.SGD without dampening (Sutskever et al. 2013 for the momentum).
public final class SGD: Optimiser {
  public var learningRate: Double
  public let momentum: Double
  public let weightDecay: Double
  public let isNesterov: Bool
  public let parameters: [Tensor]
  private let momenta: [Tensor]
  public var state: [String: [Tensor]] { ["momenta": momenta] }

  public init(_ parameters: [Tensor], learningRate: Double, momentum: Double = 0, weightDecay: Double = 0, isNesterov: Bool = false) throws
  {
    self.parameters = parameters
    self.learningRate = learningRate
    self.momentum = momentum
    self.weightDecay = weightDecay
    self.isNesterov = isNesterov
    momenta = try parameters.zerosAlike()
  }

  public func step() throws {
    try Tensor.withHandles(parameters) { parameters, count in
      try Tensor.withHandles(momenta) { momenta, _ in
        try TorchLibrary.call { $0.sgd_step(parameters, momenta, count, learningRate, momentum, weightDecay, isNesterov, $1) }
      }
    }
  }
}
