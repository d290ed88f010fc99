import ArgumentParser
import Foundation
import HPAStacker
import HPATorch

/// How a stacker is built and trained; what is not given stays as the project or the default says.
struct StackerOptions: ParsableArguments {
  @Option(help: "Outputs of the hidden layer; 128 by default.") var width: Int?
  @Option(help: "Passes over the training images; 30 by default.") var epochs: Int?
  @Option(help: "Images a step; 512 by default.") var batch: Int?
  @Option(help: "Learning rate of SGD; 0.5 by default.") var learningRate: Double?
  @Option(help: "Momentum of SGD; 0.9 by default.") var momentum: Double?
  @Option(help: "Weight decay; 1e-4 by default.") var weightDecay: Double?
  @Option(help: "Chance that a number is dropped, before both layers; 0.5 by default.") var dropout: Double?
  @Option(help: "How the learning rate falls: step (the default), exponential or constant.") var schedule: LearningRateSchedule.Form?
  @Option(help: "Epochs of a step; 10 by default.") var stepEpochs: Int?
  @Option(help: "What the learning rate is multiplied by: after a step (0.1 by default), or after every epoch (0.9, exponential).")
  var gamma: Double?

  @Option(help: "mlsm (MultiLabelSoftMargin, the default) or bce.") var loss: MultilabelLoss?
  @Flag(inversion: .prefixedNo, help: "Bring every block of features to length 1 first; so by default.") var blockL2: Bool?
  @Flag(inversion: .prefixedNo, help: "Bring every whole row to length 1 after that; so by default.") var rowL2: Bool?
  @Option(help: "Another seed gives other first weights and another order.") var seed: UInt64?

  func validate() throws {
    let rules: [(option: String, value: Double?, isFit: (Double) -> Bool, cure: String)] = [
      ("--width", width.map(Double.init), { $0 >= 1 }, "1 or more"), ("--epochs", epochs.map(Double.init), { $0 >= 1 }, "1 or more"),
      ("--batch", batch.map(Double.init), { $0 >= 2 }, "2 or more"),
      ("--step-epochs", stepEpochs.map(Double.init), { $0 >= 1 }, "1 or more"),
      ("--learning-rate", learningRate, { $0 > 0 && $0.isFinite }, "a number above 0"),
      ("--momentum", momentum, { (0..<1).contains($0) }, "0 to below 1"), ("--dropout", dropout, { (0..<1).contains($0) }, "0 to below 1"),
      ("--weight-decay", weightDecay, { $0 >= 0 && $0.isFinite }, "0 or more"),
      ("--gamma", gamma, { $0 > 0 && $0 <= 1 }, "above 0, at most 1"),
    ]
    for rule in rules {
      if let value = rule.value, !rule.isFit(value) {
        throw ValidationError("\(rule.option) \(String(format: "%g", value)): use \(rule.cure).")
      }
    }
    guard LearningRateSchedule.step(epochs: 1, gamma: 1).changed(schedule, stepEpochs: stepEpochs, gamma: gamma) != nil else {
      throw ValidationError("--step-epochs goes with --schedule step, and --gamma with step or exponential.")
    }
  }

  /// - Throws: a usage error where a schedule of the project has no use for --step-epochs or --gamma.
  func apply(to configuration: inout StackerConfiguration) throws {
    if let width { configuration.width = width }
    if let epochs { configuration.epochs = epochs }
    if let batch { configuration.batchSize = batch }
    if let learningRate { configuration.learningRate = learningRate }
    if let momentum { configuration.momentum = momentum }
    if let weightDecay { configuration.weightDecay = weightDecay }
    if let dropout { configuration.dropout = dropout }
    if let loss { configuration.loss = loss }
    if let seed { configuration.seed = seed }
    if let blockL2 { configuration.normalization.ofBlocks = blockL2 }
    if let rowL2 { configuration.normalization.ofRows = rowL2 }
    guard let changed = configuration.schedule.changed(schedule, stepEpochs: stepEpochs, gamma: gamma) else {
      throw ValidationError("--step-epochs and --gamma say nothing to the schedule of hpa.yaml; add --schedule step.")
    }
    configuration.schedule = changed
  }
}

extension LearningRateSchedule {
  /// This schedule with another form, other steps or another factor; nil where the form has no steps or no factor.
  func changed(_ form: LearningRateSchedule.Form?, stepEpochs: Int?, gamma: Double?) -> LearningRateSchedule? {
    let current: (form: LearningRateSchedule.Form, stepEpochs: Int?, gamma: Double?) =
      switch self {
      case .step(let epochs, let gamma): (.step, epochs, gamma)
      case .exponential(let gamma): (.exponential, nil, gamma)
      case .constant: (.constant, nil, nil)
      }
    let form = form ?? current.form
    let kept = form == current.form ? current : (form: form, stepEpochs: nil, gamma: nil)
    switch form {
    case .step: return .step(epochs: stepEpochs ?? kept.stepEpochs ?? 10, gamma: gamma ?? kept.gamma ?? 0.1)
    case .exponential: return stepEpochs == nil ? .exponential(gamma: gamma ?? kept.gamma ?? 0.9) : nil
    case .constant: return stepEpochs == nil && gamma == nil ? .constant : nil
    }
  }
}
