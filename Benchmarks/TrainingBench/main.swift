// How long a step of training takes: batches from memory, one line of JSON out.
//   training-bench BACKBONE SIZE BATCH fp32|bf16 THREADS SECONDS [DEVICE]
import Foundation
import HPABackbones
import HPACore
import HPAImages
import HPATorch

/// One batch again and again; a step is the time from one request to the next.
final class Batches: PixelBatchSource {
  private let batch: PixelBatch
  private let seconds: Double
  private let clock = ContinuousClock()
  private var requests: [ContinuousClock.Instant] = []

  init(_ batch: PixelBatch, seconds: Double) {
    self.batch = batch
    self.seconds = seconds
  }

  /// Without those of the first two steps, which warm up.
  var steps: [Double] { zip(requests, requests.dropFirst()).map { ($1 - $0).seconds }.dropFirst(2).sorted() }

  func next() -> PixelBatch? {
    requests.append(clock.now)
    return steps.count < 3 || steps.reduce(0, +) < seconds ? batch : nil
  }
}

FreedMemory.keep()
let arguments = CommandLine.arguments
guard [7, 8].contains(arguments.count), let size = Int(arguments[2]), let count = Int(arguments[3]),
  let precision = Precision(rawValue: arguments[4]), let threads = Int(arguments[5]), let seconds = Double(arguments[6])
else {
  FileHandle.standardError.write(Data("training-bench BACKBONE SIZE BATCH fp32|bf16 THREADS SECONDS [DEVICE]\n".utf8))
  exit(64)
}
var configuration = TrainingConfiguration(backbone: arguments[1], size: size, seed: 1, threads: threads)
(configuration.epochs, configuration.precision) = (1, precision)
var generator = SeededGenerator(seed: 1)
let pixels = (0..<count * Stain.allCases.count * size * size).map { _ in UInt8.random(in: 0...255, using: &generator) }
let batch = PixelBatch(
  ids: (0..<count).map { ImageID("\($0)") }, size: size, pixels: pixels, labels: (0..<count).map { LabelSet([$0 % ProteinLocation.count]) })
let batches = Batches(batch, seconds: seconds)
let checkpoint = FileManager.default.temporaryDirectory.appending(path: "training-bench-\(UUID()).safetensors").path
defer { try? FileManager.default.removeItem(atPath: checkpoint) }
let device = try Device(parsing: arguments.count > 7 ? arguments[7] : "cpu")
let record = try Trainer(configuration, device: device, programVersion: "bench").train(
  .init(imagesPerEpoch: count, training: { _ in batches }, validation: { Batches(batch, seconds: 0) }), checkpoint: checkpoint)
let steps = batches.steps
print(
  "{\"seconds\": \(steps[steps.count / 2]), \"best\": \(steps[0]), \"steps\": \(steps.count), \"loss\": \(record.epochs[0].trainLoss)}")
