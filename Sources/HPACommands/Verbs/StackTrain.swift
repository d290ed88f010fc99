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
      BatchNorm, Dropout, Linear, ReLU, Dropout, Linear over the features of all networks side by side. Writes fold_N.safetensors, the scores
      of every image by the fold that held it out (validation_scores.npy with validation_ids.csv), and the mean scores of test images.

      The feature of a training image is honest only where its network held the image out. --out-of-fold uses such features only;
      --feature-folds says which they are. --folds must then divide the images with another seed than --feature-folds.

      Example: hpa-feat stack-train --features F.npy --ids ids.csv --labels train.csv --folds folds.csv --out stack
               hpa-feat stack-train --features F.npy --ids ids.csv --labels train.csv --folds other_folds.csv --feature-folds folds.csv \\
                 --out-of-fold --test-features T.npy --test-ids test.csv --out stack
      In a project folder: hpa-feat stack-train
      """)

  /// How the blocks of the input follow each other.
  enum FoldOrder: String, CaseIterable, ExpressibleByArgument {
    case modelMajor = "model-major"
    case foldMajor = "fold-major"
  }

  @Option(help: ArgumentHelp("Features (N x columns, .npy); repeat to put several side by side.", valueName: "file")) var features:
    [String] = []
  @Option(help: ArgumentHelp("The ids of their rows.", valueName: "file")) var ids: String?
  @Option(help: ArgumentHelp("A CSV with the columns Id and Target.", valueName: "file")) var labels: String?
  @Option(help: ArgumentHelp("The stacker's folds, as hpa-feat folds writes them.", valueName: "file")) var folds: String?
  @Option(help: ArgumentHelp("Where to write.", valueName: "folder")) var out: String?
  @Option(help: ArgumentHelp("Columns of one network's features inside of the files; 128 where that fits.", valueName: "n"))
  var blockWidth: Int?

  @Option(
    help: ArgumentHelp("The folds that the networks were trained on: one file for all models, or repeat for each model.", valueName: "file")
  )
  var featureFolds: [String] = []

  @Option(
    help: "model-major: all folds of the first model, then of the next (the default); fold-major: all models of fold 0, then of fold 1.")
  var foldOrder: FoldOrder?

  @Flag(inversion: .prefixedNo, help: "Train on honest features only: by networks that held the image out. Not so by default.")
  var outOfFold: Bool?

  @Flag(
    inversion: .prefixedNo,
    help: "Train the other variant, too, and show what the choice does to the validation score; so by default where it takes seconds.")
  var compare: Bool?

  @Option(help: ArgumentHelp("Features of test images; repeat as --features.", valueName: "file")) var testFeatures: [String] = []
  @Option(help: ArgumentHelp("The ids of their rows.", valueName: "file")) var testIds: String?
  @OptionGroup var stacker: StackerOptions
  @OptionGroup var device: DeviceOptions
  @OptionGroup var machine: MachineOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var project: ProjectOptions

  func validate() throws {
    let isFiles = try Together.allOrNone([
      ("--features", !features.isEmpty), ("--ids", ids != nil), ("--labels", labels != nil), ("--folds", folds != nil),
      ("--out", out != nil),
    ])
    let hasTest = try Together.allOrNone([("--test-features", !testFeatures.isEmpty), ("--test-ids", testIds != nil)])
    guard isFiles || !(hasTest || blockWidth != nil || !featureFolds.isEmpty || foldOrder != nil) else {
      throw ValidationError("--test-features, --block-width, --feature-folds and --fold-order go with --features.")
    }
    guard !featureFolds.isEmpty || !isFiles || (outOfFold != true && compare != true && foldOrder == nil) else {
      throw ValidationError("--out-of-fold, --compare and --fold-order also need --feature-folds.")
    }
    if let blockWidth, blockWidth < 1 { throw ValidationError("--block-width \(blockWidth): use 1 or more.") }
  }

  func run() throws {
    let device = try Device(parsing: device.device)
    try device.requirePresence()
    try TorchLibrary.setThreads(machine.threadCount)
    var job = try fileJob() ?? project.open().stackJob(isOutOfFold: outOfFold) { try stacker.apply(to: &$0) }
    job.isCompared = compare
    let summary = try job.run(device: device)
    if output.json { try Output.print(json: summary) } else { Output.print(summary.text) }
  }

  /// The stacker of named files; nil where the project says what to stack.
  private func fileJob() throws -> StackJob? {
    guard let ids, let labels, let folds, let out else { return nil }
    let training = try Self.images(features, ids: ids, blockWidth: blockWidth)
    let own = try Folds.read(folds, for: training.ids)
    var configuration = StackerConfiguration()
    try stacker.apply(to: &configuration)
    let test = try testIds.map { try Self.images(testFeatures, ids: $0, blockWidth: blockWidth) }
    if let test, test.input.widths != training.input.widths {
      throw Failure(
        .badData, "test features have \(test.input.columns) columns, training features \(training.input.columns)",
        at: .file(testFeatures[0]),
        cure: "Give the features of the same networks, in the same order.")
    }
    return StackJob(
      training: training, labels: try LabelTable(contentsOf: labels).labels(for: training.ids, path: labels), folds: own,
      honest: featureFolds.isEmpty ? nil : .init(blocks: try honestBlocks(training), folds: own), test: test, configuration: configuration,
      variant: outOfFold == true ? .outOfFold : .naive, out: out)
  }

  static func images(_ paths: [String], ids: String, blockWidth: Int?) throws -> StackJob.Images {
    let order = try ImageID.list(contentsOf: ids)
    let matrices = try paths.map { try NamedRows(ids: order, matrix: try NumpyFile.read($0, as: Float.self), path: $0).matrix }
    return StackJob.Images(ids: order, input: try StackerInput(joining: matrices, blockWidth: blockWidth))
  }

  private func honestBlocks(_ training: StackJob.Images) throws -> HonestBlocks {
    let count = training.input.widths.count
    let files = try featureFolds.map { try Folds.read($0, for: training.ids) }
    // One file stands for as many models as there are blocks for.
    let divisions = files.count == 1 ? Array(repeating: files[0], count: max(1, count / files[0].count)) : files
    guard divisions.reduce(0, { $0 + $1.count }) == count else {
      throw Failure(
        .usage, "\(count) blocks of features are no models of \(divisions.map { "\($0.count)" }.joined(separator: ", ")) folds",
        at: .file(featureFolds[0]), cure: "Give one --feature-folds for all models, or one for each model; look at --block-width, too.")
    }
    var models: [[Int]] = []
    if foldOrder == .foldMajor {
      guard Set(divisions.map(\.count)).count == 1 else {
        throw Failure(.usage, "models differ in folds, so their blocks cannot be fold-major", cure: "Order the blocks by model.")
      }
      models = divisions.indices.map { model in (0..<divisions[model].count).map { $0 * divisions.count + model } }
    } else {
      for division in divisions {
        let start = models.reduce(0) { $0 + $1.count }
        models.append(Array(start..<start + division.count))
      }
    }
    var heldOut = Array(repeating: [ImageID](), count: count)
    for (division, blocks) in zip(divisions, models) {
      for (fold, block) in blocks.enumerated() { heldOut[block] = division.validation(fold: fold) }
    }
    return HonestBlocks(models: models, heldOut: heldOut)
  }
}
