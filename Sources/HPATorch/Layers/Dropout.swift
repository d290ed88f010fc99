/// torch.nn.Dropout (Srivastava et al. 2014), drawn from the generator of the forward mode.
public struct Dropout: Sendable {
  public let probability: Double

  public init(_ probability: Double) { self.probability = probability }

  public func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor {
    guard case .training(let generator?) = mode, probability > 0 else { return input }
    return try input.droppedOut(probability: probability, generator: generator)
  }
}
