public import HPATorch

/// How a stacker is built and trained.
public struct StackerConfiguration: Sendable, Codable, Equatable {
  /// Outputs of the hidden layer.
  public var width = 128
  public var dropout = 0.5
  public var epochs = 30
  public var batchSize = 512
  public var learningRate = 0.5
  public var momentum = 0.9
  public var weightDecay = 1e-4
  public var schedule = LearningRateSchedule.step(epochs: 10, gamma: 0.1)
  public var loss = MultilabelLoss.multilabelSoftMargin
  public var normalization = StackerInput.Normalization()
  public var seed: UInt64 = 0

  public init() {}
}

/// What one training of a stacker was like.
public struct StackerRecord: Sendable, Codable, Equatable {
  public let trainingLosses: [Double]
  public let validationLosses: [Double]
  /// The epoch (0-based) whose parameters were kept: the one of the lowest validation loss.
  public let bestEpoch: Int

  public var bestLoss: Double { validationLosses[bestEpoch] }
}
