import ArgumentParser
import HPACore
import HPADatasets
import HPAStacker
import HPATorch

struct StackTrain: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stack-train",
    abstract: "Train one network over the features of all networks, fold by fold.",
    discussion: """
      BatchNorm, Dropout, Linear, ReLU, Dropout, Linear over the concatenated features. Writes fold_N.safetensors, and the scores of every
      image by the fold that held it out: validation_scores.npy with validation_ids.csv.

      Example: hpa-feat stack-train --features F.npy --ids ids.csv --labels train.csv --folds folds.csv --out stack
      In a project folder: hpa-feat stack-train
      """)

  @Option(help: ArgumentHelp("Features (N x columns, .npy); repeat to put several side by side.", valueName: "file")) var features:
    [String] = []
  @Option(help: ArgumentHelp("The ids of their rows.", valueName: "file")) var ids: String?
  @Option(help: ArgumentHelp("A CSV with the columns Id and Target.", valueName: "file")) var labels: String?
  @Option(help: ArgumentHelp("Folds, as hpa-feat folds writes them.", valueName: "file")) var folds: String?
  @Option(help: ArgumentHelp("Where to write.", valueName: "folder")) var out: String?
  @Option(help: "Outputs of the hidden layer.") var width: Int?
  @Option(help: "Passes over the training images.") var epochs: Int?
  @Option(help: "Images a step.") var batch: Int?
  @Option(help: "Learning rate of SGD; divided by ten every ten epochs.") var learningRate: Double?
  @Option(help: "mlsm (MultiLabelSoftMargin) or bce.") var loss: MultilabelLoss?
  @Flag(inversion: .prefixedNo, help: "Bring every block of features to length 1 first.") var blockL2 = true
  @Flag(inversion: .prefixedNo, help: "Bring every whole row to length 1.") var rowL2 = true
  @Option(help: "Another seed gives other first weights and another order.") var seed: UInt64?
  @OptionGroup var device: DeviceOptions
  @OptionGroup var machine: MachineOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var project: ProjectOptions

  func validate() throws {
    _ = try Together.allOrNone([
      ("--features", !features.isEmpty), ("--ids", ids != nil), ("--labels", labels != nil), ("--folds", folds != nil),
      ("--out", out != nil),
    ])
    for (name, value) in [("--width", width), ("--epochs", epochs), ("--batch", batch)] {
      if let value, value < (name == "--batch" ? 2 : 1) { throw ValidationError("\(name) \(value) is too small.") }
    }
    if let learningRate, !(learningRate > 0 && learningRate.isFinite) {
      throw ValidationError("--learning-rate \(learningRate): use a number above 0.")
    }
  }

  func run() throws {
    let device = try Device(parsing: device.device)
    try device.requirePresence()
    try TorchLibrary.setThreads(machine.threadCount)
    let job = try job()
    let summary = try job.run(device: device)
    if output.json { try Output.print(json: summary) } else { Output.print(Self.text(summary, columns: job.columns)) }
  }

  private func job() throws -> StackJob {
    guard let ids, let labels, let folds, let out else {
      return try project.open().stackJob { configuration in apply(to: &configuration) }
    }
    let order = try ImageID.list(contentsOf: ids)
    let blocks = try features.map { try NamedRows(ids: order, matrix: try NumpyFile.read($0, as: Float.self), path: $0).matrix }
    var configuration = StackerConfiguration()
    apply(to: &configuration)
    return StackJob(
      ids: order, features: try StackerInput.concatenate(blocks, normalization: configuration.normalization),
      labels: try LabelTable(contentsOf: labels).labels(for: order, path: labels), folds: try Folds.read(folds, for: order), test: nil,
      configuration: configuration, out: out)
  }

  private func apply(to configuration: inout StackerConfiguration) {
    if let width { configuration.width = width }
    if let epochs { configuration.epochs = epochs }
    if let batch { configuration.batchSize = batch }
    if let learningRate { configuration.learningRate = learningRate }
    if let loss { configuration.loss = loss }
    if let seed { configuration.seed = seed }
    configuration.normalization = .init(ofBlocks: blockL2, ofRows: rowL2)
  }

  private static func text(_ summary: StackJob.Summary, columns: Int) -> String {
    var table = Table([("fold", .right), ("best epoch", .right), ("validation loss", .right)])
    for (fold, record) in summary.folds.enumerated() {
      table.add(["\(fold)", "\(record.bestEpoch + 1)", Output.decimal(record.bestLoss)])
    }
    return """
      \(columns) columns
      \(table.text)
      mean validation loss \(Output.decimal(summary.meanLoss))
      features as published: an image's features come also from networks that were trained on it, so these losses flatter
      -> \(summary.out)
      """
  }
}

/// The stacker of every fold, from features in memory to files.
struct StackJob {
  struct Test {
    let ids: [ImageID]
    let features: Matrix<Float>
  }

  struct Summary: Codable {
    let folds: [StackerRecord]
    let meanLoss: Double
    let columns: Int
    let out: String
  }

  let ids: [ImageID]
  let features: Matrix<Float>
  let labels: [LabelSet]
  let folds: Folds
  /// Images that the mean of all folds is to score; nil for none.
  let test: Test?
  let configuration: StackerConfiguration
  let out: String

  var columns: Int { features.columns }

  func run(device: Device) throws -> Summary {
    let rowOfID = Dictionary(uniqueKeysWithValues: zip(ids, ids.indices))
    let rows = { (part: [ImageID]) in part.compactMap { rowOfID[$0] } }
    let examples = Stacker.Examples(features: features, labels: labels)
    let progress = ProgressLine("stack-train", total: folds.count * configuration.epochs, unit: "epochs")
    var held = ScoreMean()
    var tested = ScoreMean()
    var records: [StackerRecord] = []
    for fold in 0..<folds.count {
      var configuration = configuration
      configuration.seed = self.configuration.seed &+ UInt64(fold)
      let stacker = try Stacker(columns: columns, configuration: configuration, device: device)
      let validation = folds.validation(fold: fold)
      let record = try stacker.train(examples, training: rows(folds.training(fold: fold)), validation: rows(validation), progress: progress)
      held.add(try stacker.scores(of: features.selecting(rows: rows(validation))), for: validation)
      if let test { tested.add(try stacker.scores(of: test.features), for: test.ids) }
      try stacker.write(to: "\(out)/fold_\(fold).safetensors", record: record)
      records.append(record)
    }
    progress.finish()
    try held.mean(in: ids).write(to: "\(out)/validation")
    if let test { try tested.mean(in: test.ids).write(to: "\(out)/test") }
    let summary = Summary(
      folds: records, meanLoss: records.reduce(0) { $0 + $1.bestLoss } / Double(records.count), columns: columns, out: out)
    try FileBytes.write(json: summary, to: "\(out)/stack.json")
    return summary
  }
}
