// How long the stacker takes to learn: features from a file, one line of JSON out.
//   stacker-bench FEATURES.npy LABELS.npy FOLDS_TO_TRAIN EPOCHS THREADS
// Fold f holds out every tenth row, from row f on. LABELS holds a float32 0 or 1 for each row and class.
import Foundation
import HPACore
import HPAImages
import HPAStacker
import HPATorch

FreedMemory.keep()
let arguments = CommandLine.arguments
guard arguments.count == 6, let folds = Int(arguments[3]), let epochs = Int(arguments[4]), let threads = Int(arguments[5]) else {
  FileHandle.standardError.write(Data("stacker-bench FEATURES.npy LABELS.npy FOLDS_TO_TRAIN EPOCHS THREADS\n".utf8))
  exit(64)
}
let division = 10
let features = try NumpyFile.read(arguments[1], as: Float.self)
let targets = try NumpyFile.read(arguments[2], as: Float.self)
let labels = (0..<targets.rows).map { row in LabelSet(targets[row: row].enumerated().filter { $0.element > 0 }.map(\.offset)) }
try TorchLibrary.setThreads(threads)
let examples = Stacker.Examples(features: features, labels: labels)
let clock = ContinuousClock()
let started = clock.now
var losses: [Double] = []
for fold in 0..<folds {
  var configuration = StackerConfiguration()
  (configuration.epochs, configuration.seed) = (epochs, UInt64(fold))
  let stacker = try Stacker(StackerLayout(widths: [features.columns]), configuration: configuration)
  let rows = 0..<features.rows
  let record = try stacker.train(
    examples, training: rows.filter { $0 % division != fold }, validation: rows.filter { $0 % division == fold })
  losses.append(record.bestLoss)
}
print("{\"seconds\": \((clock.now - started).seconds), \"loss\": \(losses.reduce(0, +) / Double(losses.count))}")
