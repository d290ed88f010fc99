import Foundation
import HPABackbones
import HPACore
import HPATestSupport
import HPATorch
import Testing

/// Hands out made images: class 0 is dark, class 1 bright, in batches of `batch`.
final class MadeImages: PixelBatchSource {
  private var batches: [PixelBatch]

  init(count: Int, batch: Int, size: Int, seed: UInt64, isLabelled: Bool = true) {
    var random = SeededGenerator(seed: seed)
    let labels = (0..<count).map { LabelSet([$0 % 2, 25]) }
    let images = labels.map { label in
      (0..<4 * size * size).map { _ in UInt8(random.index(below: 100) + (label.contains(1) ? 150 : 0)) }
    }
    batches = stride(from: 0, to: count, by: batch).map { start in
      let range = start..<min(start + batch, count)
      return PixelBatch(
        ids: range.map { ImageID("image\($0)") }, size: size, pixels: images[range].flatMap { $0 },
        labels: isLabelled ? Array(labels[range]) : [])
    }
  }

  func next() -> PixelBatch? { batches.isEmpty ? nil : batches.removeFirst() }

  static func sources(count: Int = 8, batch: Int = 4, size: Int, isLabelled: Bool = true) -> Trainer.Sources {
    Trainer.Sources(
      imagesPerEpoch: count,
      training: { MadeImages(count: count, batch: batch, size: size, seed: UInt64($0), isLabelled: isLabelled) },
      validation: { MadeImages(count: 4, batch: 3, size: size, seed: 99) })
  }
}

@Suite(.serialized)
struct TrainerTests {
  static let size = 75

  static func configuration(seed: UInt64, backbone: String = "inceptionv3") -> TrainingConfiguration {
    var configuration = TrainingConfiguration(backbone: backbone, size: size, seed: seed, threads: 1)
    configuration.epochs = 3
    // A half of the features gone makes the losses of a few steps a lottery.
    configuration.dropout = 0.1
    configuration.learningRate = 0.01
    configuration.schedule = .step(epochs: 2, gamma: 0.1)
    return configuration
  }

  static func train(seed: UInt64, into path: String, log: String? = nil) throws -> TrainingRecord {
    try Trainer(configuration(seed: seed), programVersion: "test").train(MadeImages.sources(size: size), checkpoint: path, log: log)
  }

  @Test func `the loss falls, the best weights are kept, and one seed gives one file`() throws {
    let folder = try TemporaryFolder()
    let record = try TrainerTests.train(seed: 5, into: folder.path("a.safetensors"), log: folder.path("log.csv"))
    #expect(record.epochs.map(\.number) == [1, 2, 3])
    #expect(record.epochs.map(\.learningRate).map { Float($0) } == [0.01, 0.01, 0.001])
    #expect(record.epochs[2].trainLoss < record.epochs[0].trainLoss)
    let best = try #require(record.epochs.min { $0.validationLoss < $1.validationLoss })
    #expect(record.bestEpoch == best.number)

    let checkpoint = try Checkpoint(folder.path("a.safetensors"))
    #expect(checkpoint.record == record)
    #expect(checkpoint.backbone.name == "inceptionv3" && checkpoint.size == TrainerTests.size)
    #expect(checkpoint.file.metadata["feature_dimension"] == "128")
    #expect(checkpoint.file.metadata["class_names"]?.contains("Rods & rings") == true)
    let log = try CSVLines(folder.path("log.csv"))
    #expect(log.header == "Epoch,LearningRate,TrainLoss,ValidationLoss,Seconds,WaitSeconds" && log.count == 3)

    // The kept weights have the loss of the best epoch: the mean over images and classes of the cross entropies.
    let extractor = try FeatureExtractor(checkpoint, threads: 1)
    let batch = try #require(MadeImages(count: 4, batch: 4, size: TrainerTests.size, seed: 99).next())
    let scores = try extractor.extract(batch).scores
    let losses = scores.values.enumerated().map { index, score in
      -Foundation.log(Double(batch.labels[index / scores.columns].contains(index % scores.columns) ? score : 1 - score))
    }
    #expect(abs(losses.reduce(0, +) / Double(losses.count) - best.validationLoss) <= 1e-5)

    _ = try TrainerTests.train(seed: 5, into: folder.path("b.safetensors"))
    #expect(try FileBytes.read(folder.path("a.safetensors")) == FileBytes.read(folder.path("b.safetensors")))
  }

  private struct CSVLines {
    let header: String
    let count: Int

    init(_ path: String) throws {
      let lines = String(decoding: try FileBytes.read(path), as: UTF8.self).split(separator: "\n")
      header = lines.first.map(String.init) ?? ""
      count = lines.count - 1
    }
  }

  @Test func `a training goes on from a checkpoint, at another size`() throws {
    let folder = try TemporaryFolder()
    var configuration = TrainerTests.configuration(seed: 2, backbone: "xception")
    configuration.epochs = 1
    _ = try Trainer(configuration, programVersion: "test").train(MadeImages.sources(size: 75), checkpoint: folder.path("75.safetensors"))
    configuration.size = 80
    configuration.loss = .binaryCrossEntropy
    let start = try SafetensorsFile(folder.path("75.safetensors"))
    let trainer = try Trainer(configuration, initialWeights: start, programVersion: "test")
    #expect(
      try trainer.network.store.items().first { $0.name == "conv1.weight" }.map { item in
        if case .floats(let values) = item.values { values } else { [] }
      } == start.floats("conv1.weight"))
    _ = try trainer.train(MadeImages.sources(size: 80), checkpoint: folder.path("80.safetensors"))
    #expect(try Checkpoint(folder.path("80.safetensors")).size == 80)
  }

  @Test func `a training starts from ImageNet weights, and its record says what became of the stem`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("imagenet.safetensors")
    let items = try Network(.resNet18, seed: 9).store.items().filter { !$0.name.hasPrefix("last_linear.") && $0.name != "conv1.weight" }
    let stem = SafetensorsFile.Item("conv1.weight", shape: [64, 3, 7, 7], .floats((0..<64 * 3 * 49).map { Float($0 % 5) / 5 }))
    let classifier = SafetensorsFile.Item("fc.weight", shape: [1000, 512], .floats([Float](repeating: 0, count: 512_000)))
    try SafetensorsFile.write(items + [stem, classifier], to: path)
    var configuration = TrainerTests.configuration(seed: 2, backbone: "resnet18")
    configuration.epochs = 1
    let frequencies = (0..<28).map { Double($0 + 1) / 40 }
    let trainer = try Trainer(
      configuration, initialWeights: TensorFiles.open(path), stem: .tile, classFrequencies: frequencies, programVersion: "test")
    #expect(trainer.start?.leftOut == ["fc.weight"])
    let last = try #require(trainer.network.store.entries.first { $0.name == "last_linear.5.bias" }).tensor.floats()
    #expect(relativeError(last, frequencies.map { Float(log($0 / (1 - $0))) }) < 1e-6)
    let record = try trainer.train(MadeImages.sources(size: 75), checkpoint: folder.path("a.safetensors"))
    #expect(record.stem == .tile)
    #expect(try Checkpoint(folder.path("a.safetensors")).record == record)
  }

  @Test func `a loss that is not finite ends the training, and says after which images`() throws {
    let folder = try TemporaryFolder()
    var configuration = TrainerTests.configuration(seed: 1)
    configuration.learningRate = 1e30
    let trainer = try Trainer(configuration, programVersion: "test")
    let failure = #expect(throws: Failure.self) {
      try trainer.train(MadeImages.sources(size: TrainerTests.size), checkpoint: folder.path("a.safetensors"))
    }
    #expect(failure?.kind == .badData)
    #expect(failure?.message.contains("the loss is") == true)
    #expect(!FileManager.default.fileExists(atPath: folder.path("a.safetensors")))
  }

  @Test func `images without labels and batches of one are refused by id`() throws {
    let folder = try TemporaryFolder()
    let trainer = try Trainer(TrainerTests.configuration(seed: 1), programVersion: "test")
    let unlabelled = #expect(throws: Failure.self) {
      try trainer.train(MadeImages.sources(size: TrainerTests.size, isLabelled: false), checkpoint: folder.path("a"))
    }
    #expect(unlabelled?.place.id == "image0" && unlabelled?.message == "the image has no labels")
    let single = #expect(throws: Failure.self) {
      try trainer.train(MadeImages.sources(count: 3, batch: 2, size: TrainerTests.size), checkpoint: folder.path("a"))
    }
    #expect(single?.place.id == "image2")
  }

  @Test(arguments: [(32, 105_678, true), (32, 65, false), (1, 10, false), (2, 1, false), (5, 5, true), (4, 13, false), (0, 4, false)])
  func `a batch size that leaves one image is refused beforehand, with one that does not`(batch: Int, images: Int, isHealthy: Bool) {
    if isHealthy {
      #expect(throws: Never.self) { try TrainingConfiguration.requireHealthyBatches(images: images, batch: batch) }
    } else {
      let failure = #expect(throws: Failure.self) { try TrainingConfiguration.requireHealthyBatches(images: images, batch: batch) }
      if let cure = failure?.cure, let proposed = cure.split(separator: " ").last.flatMap({ Int($0.dropLast()) }) {
        #expect(throws: Never.self) { try TrainingConfiguration.requireHealthyBatches(images: images, batch: proposed) }
      }
    }
  }

  @Test func `settings that make no sense are refused`() {
    let changes: [(inout TrainingConfiguration) -> Void] = [
      { $0.epochs = 0 }, { $0.learningRate = -1 }, { $0.learningRate = .nan }, { $0.momentum = 1 }, { $0.weightDecay = .infinity },
      { $0.patience = 0 }, { $0.threads = 0 }, { $0.size = 74 }, { $0.backbone = "alexnet" },
    ]
    for change in changes {
      var configuration = TrainerTests.configuration(seed: 1)
      change(&configuration)
      #expect(throws: Failure.self) { try configuration.validate() }
    }
  }
}
