/// torch.nn.BatchNorm1d and BatchNorm2d: (N, C) or (N, C, H, W), each channel normalised (Ioffe and Szegedy 2015).
public struct BatchNorm {
  public let weight: Tensor
  public let bias: Tensor
  public let runningMean: Tensor
  public let runningVariance: Tensor
  public let batchesTracked: Tensor
  public let epsilon: Double
  public let momentum: Double

  public init(_ path: ParameterPath, _ channels: Int, epsilon: Double = 1e-5, momentum: Double = 0.1) throws {
    weight = try path.constant("weight", 1, shape: [channels])
    bias = try path.constant("bias", 0, shape: [channels])
    runningMean = try path.buffer("running_mean", 0, shape: [channels])
    runningVariance = try path.buffer("running_var", 1, shape: [channels])
    batchesTracked = try path.buffer("num_batches_tracked", 0, shape: [], type: .int64)
    self.epsilon = epsilon
    self.momentum = momentum
  }

  /// - Parameter isRectified: a rectifier follows.
  public func callAsFunction(_ input: Tensor, isRectified: Bool = false, _ mode: ForwardMode) throws -> Tensor {
    if mode.isTraining { try batchesTracked.addInPlace(1) }
    return try input.batchNormalized(
      weight: weight, bias: bias, runningMean: runningMean, runningVariance: runningVariance, isTraining: mode.isTraining,
      isRectified: isRectified, momentum: momentum, epsilon: epsilon)
  }
}
