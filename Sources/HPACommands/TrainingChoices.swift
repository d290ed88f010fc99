import HPABackbones
import HPATorch

/// What a person says about a training, in options or in hpa.yaml; what was not said is the preset's, or else the team's way for 512 pixels.
struct TrainingChoices {
  var preset: TrainingPreset?
  var size: Int?
  var epochs: Int?
  /// 0 for never.
  var patience: Int?
  var batch: Int?
  var learningRate: Double?
  var momentum: Double?
  var weightDecay: Double?
  var schedule: LearningRateSchedule.Form?
  var stepEpochs: Int?
  var gamma: Double?
  var dropout: Double?
  var optimiser: TrainingConfiguration.OptimiserName?
  var loss: MultilabelLoss?

  /// The first weights that a person asks for by this word instead of a file are random.
  static let randomWeights = "random"

  /// Images a step.
  var batchSize: Int { batch ?? 32 }

  /// A choice that nothing would look at, by its key in hpa.yaml, and the one that it goes with.
  var idle: (key: String, partner: String, value: String)? {
    if stepEpochs != nil, ![nil, .step].contains(schedule) { return ("step_epochs", "schedule", "step") }
    if gamma != nil, schedule == .constant { return ("gamma", "schedule", "step") }
    if momentum != nil, ![nil, .sgd].contains(optimiser) { return ("momentum", "optimiser", "sgd") }
    return nil
  }

  func configuration(backbone: String, size: Int, seed: UInt64, threads: Int, precision: Precision) -> TrainingConfiguration {
    var configuration = TrainingConfiguration(backbone: backbone, size: size, seed: seed, threads: threads)
    preset?.apply(to: &configuration)
    if let epochs { configuration.epochs = epochs }
    if let patience { configuration.patience = patience == 0 ? nil : patience }
    if let learningRate { configuration.learningRate = learningRate }
    if let momentum { configuration.momentum = momentum }
    if let weightDecay { configuration.weightDecay = weightDecay }
    if let dropout { configuration.dropout = dropout }
    if let optimiser { configuration.optimiser = optimiser }
    if let loss { configuration.loss = loss }
    configuration.schedule =
      switch schedule ?? .step {
      case .step: .step(epochs: stepEpochs ?? 6, gamma: gamma ?? 0.1)
      case .exponential: .exponential(gamma: gamma ?? 0.7)
      case .constant: .constant
      }
    configuration.precision = precision
    return configuration
  }
}
