import ArgumentParser
import Foundation
import HPACore
import HPAStacker
import HPATorch

struct StackPredict: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stack-predict",
    abstract: "Score images for the 28 classes with trained stackers.",
    discussion: """
      The mean of all folds in the folder that stack-train wrote. Features stand side by side as in training. In a project, stack-train
      scores the test images itself.

      Example: hpa-feat stack-predict --stack stack --features T.npy --ids test.csv --out scores.npy
      """)

  @Option(help: ArgumentHelp("The folder that stack-train wrote.", valueName: "folder")) var stack: String
  @Option(help: ArgumentHelp("Features (N x columns, .npy); repeat as in training.", valueName: "file")) var features: [String]
  @Option(help: ArgumentHelp("The ids of their rows.", valueName: "file")) var ids: String
  @Option(help: ArgumentHelp("Where to write N x 28 sigmoid scores (.npy).", valueName: "file")) var out: String
  @OptionGroup var device: DeviceOptions
  @OptionGroup var machine: MachineOptions

  func run() throws {
    let device = try Device(parsing: device.device)
    try device.requirePresence()
    try TorchLibrary.setThreads(machine.threadCount)
    let summary = try FileBytes.read(json: StackSummary.path(in: stack), as: StackSummary.self)
    let images = try StackTrain.images(features, ids: ids, blockWidth: nil)
    var mean = ScoreMean()
    let progress = ProgressLine("stack-predict", total: summary.folds.count, unit: "folds")
    for fold in summary.folds.indices {
      let stacker = try Stacker(contentsOf: "\(stack)/fold_\(fold).safetensors", device: device)
      mean.add(try stacker.scores(of: try images.input.divided(into: stacker.layout.widths)), for: images.ids)
      progress.advance()
    }
    progress.finish()
    let scores = try mean.mean(in: images.ids)
    try NumpyFile.write(scores.matrix, to: out)
    Output.print(
      "\(out): \(scores.matrix.rows) x \(ProteinLocation.count), the mean of \(summary.folds.count) stackers (\(summary.variant.name))")
  }
}
