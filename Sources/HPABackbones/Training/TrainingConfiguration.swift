public import HPACore
public import HPATorch

/// How a network is trained; the defaults are the HPAIC team's for 512 pixels.
public struct TrainingConfiguration: Sendable, Codable, Equatable {
  public enum OptimiserName: String, Sendable, Codable, CaseIterable {
    case sgd, adam, rmsprop
  }

  public var backbone: String
  /// Side of the images.
  public var size: Int
  public var epochs = 25
  /// Epochs without a lower validation loss after which the training ends; nil for never.
  public var patience: Int?
  public var learningRate = 0.05
  public var optimiser = OptimiserName.sgd
  /// Of SGD.
  public var momentum = 0.9
  public var weightDecay = 1e-4
  /// The chance that the head drops a number.
  public var dropout = 0.5
  public var schedule = LearningRateSchedule.step(epochs: 6, gamma: 0.1)
  public var loss = MultilabelLoss.multilabelSoftMargin
  public var precision = Precision.float32
  /// Of the first weights, the draws, the augmentations and dropout.
  public var seed: UInt64
  public var threads: Int

  public init(backbone: String, size: Int, seed: UInt64, threads: Int = Parallel.availableThreads) {
    self.backbone = backbone
    self.size = size
    self.seed = seed
    self.threads = threads
  }

  /// - Throws: `usage` that names the first setting that makes no sense.
  public func validate() throws {
    try Backbone.named(backbone).requireSize(size)
    let rules: [(holds: Bool, message: String)] = [
      (epochs > 0, "--epochs is \(epochs): at least 1"),
      (patience ?? 1 > 0, "--patience is \(patience ?? 0): at least 1"),
      (learningRate > 0 && learningRate.isFinite, "--learning-rate is \(learningRate): above 0"),
      ((0..<1).contains(momentum), "--momentum is \(momentum): 0 to below 1"),
      (weightDecay >= 0 && weightDecay.isFinite, "--weight-decay is \(weightDecay): 0 or more"),
      ((0..<1).contains(dropout), "--dropout is \(dropout): 0 to below 1"),
      (threads > 0, "--threads is \(threads): at least 1"),
    ]
    if let broken = rules.first(where: { !$0.holds }) { throw Failure(.usage, broken.message) }
  }

  /// - Throws: `usage` where the last batch of an epoch would be a single image, which batch norm cannot learn from.
  public static func requireHealthyBatches(images: Int, batch: Int) throws {
    func isHealthy(_ batch: Int) -> Bool { batch > 1 && images % batch != 1 }
    guard images > 1 else {
      throw Failure(.badData, "\(images) training images: at least 2", cure: "Check the folds and the fold that was asked for.")
    }
    guard !isHealthy(batch) else { return }
    // Batches of all images are healthy, so there is a first.
    let cure = (max(batch, 1)...max(batch, images, 1)).first(where: isHealthy) ?? images
    throw Failure(
      .usage, "batches of \(batch) leave a single image of \(images), which has no batch statistics", cure: "Use --batch \(cure).")
  }

  func makeOptimiser(_ parameters: [Tensor]) throws -> any Optimiser {
    switch optimiser {
    case .sgd: try SGD(parameters, learningRate: learningRate, momentum: momentum, weightDecay: weightDecay)
    case .adam: try Adam(parameters, learningRate: learningRate, weightDecay: weightDecay)
    case .rmsprop: try RMSprop(parameters, learningRate: learningRate, weightDecay: weightDecay)
    }
  }
}
