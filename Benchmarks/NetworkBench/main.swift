// How fast a network gives features: images in memory, one line of JSON out.
//   network-bench CHECKPOINT fp32|bf16 BATCH THREADS SECONDS [DEVICE]
import Foundation
import HPABackbones
import HPACore
import HPAImages
import HPATorch

let arguments = CommandLine.arguments
guard [6, 7].contains(arguments.count), let precision = Precision(rawValue: arguments[2]), let batch = Int(arguments[3]),
  let threads = Int(arguments[4]),
  let seconds = Double(arguments[5])
else {
  FileHandle.standardError.write(Data("network-bench CHECKPOINT fp32|bf16 BATCH THREADS SECONDS [DEVICE]\n".utf8))
  exit(64)
}
FreedMemory.keep()
let checkpoint = try Checkpoint(arguments[1])
let device = try Device(parsing: arguments.count > 6 ? arguments[6] : "cpu")
let extractor = try FeatureExtractor(checkpoint, device: device, precision: precision, threads: threads)
var generator = SeededGenerator(seed: 1)
let pixels = (0..<batch * Stain.allCases.count * checkpoint.size * checkpoint.size).map { _ in UInt8.random(in: 0...255, using: &generator)
}
let images = PixelBatch(ids: (0..<batch).map { ImageID("\($0)") }, size: checkpoint.size, pixels: pixels)
_ = try extractor.extract(images)
let clock = ContinuousClock()
let started = clock.now
var times: [Double] = []
while (clock.now - started).seconds < seconds || times.count < 3 {
  times.append(try clock.measure { _ = try extractor.extract(images) }.seconds)
}
times.sort()
print("{\"images_per_second\": \(Double(batch) / times[times.count / 2]), \"best\": \(Double(batch) / times[0]), \"runs\": \(times.count)}")
