import Foundation
import HPABackbones
import HPACore
import HPATestSupport
import HPATorch
import Testing

@Suite(.enabled(if: Python.isPresent, "needs scripts/setup test"), .serialized)
struct FeatureExtractorTests {
  static func batches(_ goldens: Goldens, of count: Int) throws -> [PixelBatch] {
    let images = try goldens.images()
    let shape = try images.shape
    let bytes = try images.values(of: UInt8.self)
    let length = bytes.count / shape[0]
    return stride(from: 0, to: shape[0], by: count).map { start in
      let range = start..<min(start + count, shape[0])
      return PixelBatch(
        ids: range.map { ImageID("image\($0)") }, size: shape[2],
        pixels: Array(bytes[range.lowerBound * length..<range.upperBound * length]))
    }
  }

  @Test func `features depend on nothing but the image: not on the batch, nor on a repetition`() throws {
    let goldens = try Goldens(.inceptionV3)
    let extractor = try FeatureExtractor(Checkpoint(goldens.weightsPath, backbone: "inceptionv3", size: 107), threads: 1)
    func features(batch: Int) throws -> [Float] {
      try FeatureExtractorTests.batches(goldens, of: batch).flatMap { try extractor.extract($0).features.values }
    }
    let all = try features(batch: 6)
    #expect(try features(batch: 6) == all)
    #expect(try relativeError(features(batch: 1), all) <= 1e-5)
    #expect(try relativeError(features(batch: 4), all) <= 1e-5)
    #expect(relativeError(all, try goldens.expected.floats("features")) <= ParityTests.tolerance)
  }

  @Test func `scores from stored features are the network's`() throws {
    let goldens = try Goldens(.xception)
    let extractor = try FeatureExtractor(Checkpoint(goldens.weightsPath, size: 101), threads: 1)
    let output = try extractor.extract(FeatureExtractorTests.batches(goldens, of: 6)[0])
    let scores = try HeadWeights(goldens.weights).scores(output.features)
    #expect(zip(scores.values, output.scores.values).allSatisfy { abs($0 - $1) <= 1e-6 })
    let expected = try goldens.expected.floats("logits").map { 1 / (1 + exp(-$0)) }
    #expect(relativeError(scores.values, expected) <= ParityTests.tolerance)
  }

  @Test func `bfloat16 stays near float32`() throws {
    let goldens = try Goldens(.inceptionV3)
    let checkpoint = try Checkpoint(goldens.weightsPath, size: 107)
    let batch = try FeatureExtractorTests.batches(goldens, of: 6)[0]
    let exact = try FeatureExtractor(checkpoint, threads: 1).extract(batch).features.values
    let rough = try FeatureExtractor(checkpoint, precision: .bfloat16, threads: 1).extract(batch).features.values
    let error = relativeError(rough, exact)
    #expect(error > 0 && error < 0.05)
  }

  @Test func `a file that does not say what it is needs to be told, and may not be told otherwise`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("plain.safetensors")
    try SafetensorsFile.write([.init("a", shape: [1], .floats([0]))], to: path)
    #expect(throws: Failure.self) { try Checkpoint(path) }
    #expect(throws: Failure.self) { try Checkpoint(path, backbone: "xception") }
    #expect(throws: Failure.self) { try Checkpoint(path, backbone: "xception", size: 12) }
    let misfit = try Checkpoint(path, backbone: "xception", size: 512)
    let failure = #expect(throws: Failure.self) { try FeatureExtractor(misfit, threads: 1) }
    #expect(failure?.kind == .badData)
    #expect(failure?.message.contains("1 not part of the network: a") == true)
    #expect(throws: Failure.self) { try HeadWeights(misfit.file) }
    let xception = try Goldens(.xception).weightsPath
    #expect(throws: Failure.self) { try Checkpoint(xception, backbone: "inceptionv3", size: 512) }
  }
}
