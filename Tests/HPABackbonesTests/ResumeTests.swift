import Foundation
import HPABackbones
import HPACore
import HPATestSupport
import HPATorch
import Testing

/// A training that is stopped and taken up again is the training that was not stopped.
@Suite(.serialized)
struct ResumeTests {
  private struct Stopped: Error {}

  /// Images that fail at an epoch (0-based), as a kill would.
  private func sources(stoppingAt epoch: Int? = nil) -> Trainer.Sources {
    Trainer.Sources(
      imagesPerEpoch: 8,
      training: { number in
        if number == epoch { throw Stopped() }
        return MadeImages(count: 8, batch: 4, size: TrainerTests.size, seed: UInt64(number))
      }, validation: { MadeImages(count: 4, batch: 3, size: TrainerTests.size, seed: 99) })
  }

  private func configuration(_ optimiser: TrainingConfiguration.OptimiserName, seed: UInt64) -> TrainingConfiguration {
    var configuration = TrainerTests.configuration(seed: seed)
    configuration.epochs = 2
    configuration.optimiser = optimiser
    // Momentum and moments in which a wrong state would show at once.
    configuration.learningRate = optimiser == .sgd ? 0.02 : 0.0005
    return configuration
  }

  @Test(arguments: TrainingConfiguration.OptimiserName.allCases)
  func `a stopped training ends in the same bytes`(optimiser: TrainingConfiguration.OptimiserName) throws {
    let folder = try TemporaryFolder()
    let configuration = configuration(optimiser, seed: testSeed())
    let whole = try Trainer(configuration, programVersion: "test").train(
      sources(), checkpoint: folder.path("whole.safetensors"), log: folder.path("whole.csv"))
    let path = folder.path("stopped.safetensors")
    let first = try Trainer(configuration, programVersion: "test")
    #expect(try !first.goOn(checkpoint: path))
    #expect(throws: Stopped.self) { try first.train(sources(stoppingAt: 1), checkpoint: path, log: folder.path("stopped.csv")) }
    #expect(Checkpoint.isUnfinished(path))
    let state = try FileBytes.read(Checkpoint.statePath(besides: path))

    let second = try Trainer(configuration, programVersion: "test")
    #expect(try second.goOn(checkpoint: path))
    #expect(second.record.epochs == Array(whole.epochs.prefix(1)))
    #expect(try second.train(sources(), checkpoint: path, log: folder.path("stopped.csv")) == whole)
    let bytes = try FileBytes.read(folder.path("whole.safetensors"))
    #expect(try FileBytes.read(path) == bytes)
    #expect(!Checkpoint.isUnfinished(path))
    let losses = try ["whole.csv", "stopped.csv"].map {
      try CSVTable(contentsOf: folder.path($0)).rows.map { row in (0..<4).map { row[$0] } }
    }
    #expect(losses[0].count == configuration.epochs && losses[0] == losses[1])

    // Killed between the last checkpoint and the removal of the state: one epoch comes again and changes nothing.
    guard optimiser == .sgd else { return }
    try FileBytes.write(state, to: Checkpoint.statePath(besides: path))
    let third = try Trainer(configuration, programVersion: "test")
    #expect(try third.goOn(checkpoint: path) && third.record.epochs.count == 1)
    #expect(try third.train(sources(), checkpoint: path) == whole)
    #expect(try FileBytes.read(path) == bytes)
  }

  @Test func `another training, another program and other weights are refused with both sides`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("a.safetensors")
    let configuration = configuration(.sgd, seed: 1)
    let inputs = ["batch": "4", "images": "8"]
    #expect(throws: Stopped.self) {
      try Trainer(configuration, inputs: inputs, programVersion: "test").train(sources(stoppingAt: 1), checkpoint: path)
    }
    func refusal(_ change: (inout TrainingConfiguration) -> Void = { _ in }, _ inputs: [String: String]? = nil) throws -> String {
      var other = configuration
      change(&other)
      let trainer = try Trainer(other, inputs: inputs ?? ["batch": "4", "images": "8"], programVersion: "test")
      let failure = #expect(throws: Failure.self) { try trainer.goOn(checkpoint: path) }
      #expect(failure?.kind == .badData && failure?.cure?.contains("--restart") == true)
      return failure?.message ?? ""
    }
    #expect(try refusal { $0.learningRate = 0.5 }.contains("learningRate: 0.02 then, 0.5 now"))
    #expect(try refusal { $0.threads = 2 }.contains("threads: 1 then, 2 now"))
    #expect(try refusal { $0.patience = 3 }.contains("patience: none then, 3 now"))
    #expect(try refusal({ _ in }, ["batch": "8", "images": "8"]).contains("batch: 4 then, 8 now"))
    #expect(try refusal({ _ in }, ["batch": "4"]).contains("images: 8 then, none now"))
    #expect(throws: Never.self) { try Trainer(configuration, inputs: inputs, programVersion: "test").goOn(checkpoint: path) }

    let statePath = Checkpoint.statePath(besides: path)
    let state = try SafetensorsFile(statePath)
    var metadata = state.metadata
    metadata["training_state"] = "0"
    let items = try state.items()
    let bytes = try FileBytes.read(statePath)
    try SafetensorsFile.write(items, metadata: metadata, to: statePath)
    #expect(try refusal().contains("form 0, not 1"))
    try SafetensorsFile.write(items.filter { !$0.name.hasSuffix("momenta.3") }, metadata: state.metadata, to: statePath)
    #expect(throws: Failure.self) { try Trainer(configuration, inputs: inputs, programVersion: "test").goOn(checkpoint: path) }
    try FileBytes.write(Array(bytes.dropLast(1)), to: statePath)
    #expect(throws: Failure.self) { try Trainer(configuration, inputs: inputs, programVersion: "test").goOn(checkpoint: path) }

    try FileBytes.write(bytes, to: statePath)
    try FileManager.default.removeItem(atPath: path)
    #expect(try refusal().contains("best weights"))
  }

  @Test func `a training ends once its patience has run out, and is finished then`() throws {
    let folder = try TemporaryFolder()
    var configuration = configuration(.sgd, seed: 3)
    (configuration.epochs, configuration.patience) = (9, 2)
    // From the second epoch on, the validation images carry every class that they did not carry before.
    var validations = 0
    let sources = Trainer.Sources(
      imagesPerEpoch: 4, training: { MadeImages(count: 4, batch: 4, size: TrainerTests.size, seed: UInt64($0)) },
      validation: {
        validations += 1
        let batch = try #require(MadeImages(count: 2, batch: 2, size: TrainerTests.size, seed: 99).next())
        let others = batch.labels.map { labels in LabelSet((0..<ProteinLocation.count).filter { !labels.contains($0) }) }
        return OneBatch(
          batch: PixelBatch(ids: batch.ids, size: batch.size, pixels: batch.pixels, labels: validations == 1 ? batch.labels : others))
      })
    let path = folder.path("a.safetensors")
    let record = try Trainer(configuration, programVersion: "test").train(sources, checkpoint: path)
    #expect(record.bestEpoch == 1 && record.epochs.count == 3)
    #expect(record.hasStoppedEarly && record.isFinished)
    #expect(try Checkpoint.record(at: path) == record)
    #expect(!Checkpoint.isUnfinished(path))
  }
}

private final class OneBatch: PixelBatchSource {
  private var batch: PixelBatch?

  init(batch: PixelBatch) { self.batch = batch }

  func next() -> PixelBatch? {
    defer { batch = nil }
    return batch
  }
}
