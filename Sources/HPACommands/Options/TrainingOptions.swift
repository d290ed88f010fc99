import ArgumentParser
import HPABackbones
import HPATorch

/// How a network is trained.
struct TrainingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "\(TrainingPreset.allCases.map(\.rawValue).joined(separator: ", ")): the team's size, learning rate, schedule and epochs. What is given beside it wins.",
      valueName: "name"))
  var preset: TrainingPreset?
  @Option(help: "Side of the images in pixels.") var size: Int?
  @Option(help: "Passes over the training images. (default: 25)") var epochs: Int?
  @Option(help: "End after this many epochs without a lower validation loss; 0 for never. (default: 0)") var patience: Int?
  @Option(help: "Images a step. (default: 32)") var batch: Int?
  @Option(help: "Learning rate. (default: 0.05)") var learningRate: Double?
  @Option(help: "Of sgd. (default: 0.9)") var momentum: Double?
  @Option(help: "Weight decay. (default: 0.0001)") var weightDecay: Double?
  @Option(help: "What becomes of the learning rate: step, exponential or constant. (default: step)")
  var schedule: LearningRateSchedule.Form?
  @Option(help: "Epochs of one step. (default: 6)") var stepEpochs: Int?
  @Option(help: "What the learning rate is multiplied by, after a step or after every epoch. (default: 0.1; exponential: 0.7)")
  var gamma: Double?
  @Option(help: "Chance that the head drops a number. (default: 0.5)") var dropout: Double?
  @Option(help: "sgd, adam or rmsprop. (default: sgd)") var optimiser: TrainingConfiguration.OptimiserName?
  @Option(help: "mlsm (MultiLabelSoftMargin) or bce. (default: mlsm)") var loss: MultilabelLoss?

  var choices: TrainingChoices {
    TrainingChoices(
      preset: preset, size: size, epochs: epochs, patience: patience, batch: batch, learningRate: learningRate, momentum: momentum,
      weightDecay: weightDecay, schedule: schedule, stepEpochs: stepEpochs, gamma: gamma, dropout: dropout, optimiser: optimiser, loss: loss
    )
  }

  func validate() throws {
    if let batch, batch < 2 { throw ValidationError("--batch \(batch): use 2 or more.") }
    if let stepEpochs, stepEpochs < 1 { throw ValidationError("--step-epochs \(stepEpochs): use 1 or more.") }
    if let patience, patience < 0 { throw ValidationError("--patience \(patience): use 0 or more.") }
    if let idle = choices.idle {
      throw ValidationError("--\(idle.key.replacing("_", with: "-")) goes with --\(idle.partner) \(idle.value).")
    }
  }

  /// Each option, and whether it was given.
  var given: [(name: String, isGiven: Bool)] {
    [
      ("--preset", preset != nil), ("--size", size != nil), ("--epochs", epochs != nil), ("--patience", patience != nil),
      ("--batch", batch != nil), ("--learning-rate", learningRate != nil), ("--momentum", momentum != nil),
      ("--weight-decay", weightDecay != nil), ("--schedule", schedule != nil), ("--step-epochs", stepEpochs != nil),
      ("--gamma", gamma != nil), ("--dropout", dropout != nil), ("--optimiser", optimiser != nil), ("--loss", loss != nil),
    ]
  }
}
