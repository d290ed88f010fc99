import Foundation
public import HPACore
public import HPATorch

/// Trains a backbone with its head and keeps the weights of the lowest validation loss.
///
/// Whatever is drawn at random follows from the seed and the number of the epoch, so a training that was stopped goes on with the losses
/// that it would have had.
public final class Trainer {
  /// Where images come from. Each factory is called once an epoch.
  public struct Sources {
    let training: (_ epoch: Int) throws -> any PixelBatchSource
    let validation: () throws -> any PixelBatchSource
    /// For the progress line.
    let imagesPerEpoch: Int

    /// - Parameter training: gets the 0-based epoch.
    public init(
      imagesPerEpoch: Int, training: @escaping (_ epoch: Int) throws -> any PixelBatchSource,
      validation: @escaping () throws -> any PixelBatchSource
    ) {
      self.imagesPerEpoch = imagesPerEpoch
      self.training = training
      self.validation = validation
    }
  }

  public let configuration: TrainingConfiguration
  public let network: Network
  /// What was made of the initial weights; nil without any.
  public let start: Network.Start?
  private let device: Device
  private let optimiser: any Optimiser
  private var dropout: RandomGenerator
  private var log = TrainingLog()
  /// What was done so far.
  public private(set) var record: TrainingRecord

  /// - Parameters:
  ///   - inputs: what else decides the outcome, by name; the record keeps it, and a stopped training goes on only with the same.
  ///   - initialWeights: a checkpoint of the same backbone, whatever size it was trained at, or ImageNet weights; random weights without.
  ///   - stem: what is made of a stem for three channels.
  ///   - classFrequencies: how often each of the 28 classes occurs among the training images; the last bias of a random head begins there.
  /// - Throws: `usage` for settings that make no sense, `badData` for weights that do not fit.
  public init(
    _ configuration: TrainingConfiguration, inputs: [String: String] = [:], initialWeights: (any TensorFile)? = nil,
    stem: StemRule = .random, classFrequencies: [Double]? = nil, device: Device = .cpu, programVersion: String
  ) throws {
    try configuration.validate()
    try device.requirePresence()
    try TorchLibrary.setThreads(configuration.threads)
    self.configuration = configuration
    self.device = device
    network = try Network(Backbone.named(configuration.backbone), seed: configuration.seed, dropout: configuration.dropout, device: device)
    start = try initialWeights.map { [network] in try network.start(from: $0, stem: stem) }
    if start == nil { try network.beginWithOpenRectifiers() }
    if start?.hasNewHead ?? true, let classFrequencies { try network.begin(atFrequencies: classFrequencies) }
    optimiser = try configuration.makeOptimiser(network.store.parameters)
    dropout = try Self.dropout(configuration, epoch: 0, device: device)
    record = TrainingRecord(configuration: configuration, inputs: inputs, stem: start?.stem, programVersion: programVersion)
  }

  /// Takes up the training that was stopped before it had finished `checkpoint`.
  ///
  /// - Returns: whether there was one; `record` then says how far it came.
  /// - Throws: `badData`, with both sides, where it was another training than this one, and where its files are damaged.
  public func goOn(checkpoint: String) throws -> Bool {
    guard let state = try TrainingState(besides: checkpoint) else { return false }
    var differences = state.record.differences(from: configuration, record.inputs ?? [:])
    if state.device != device.description { differences.append("device: \(state.device) then, \(device) now") }
    guard differences.isEmpty else {
      throw Failure(
        .badData, "is where another training was stopped:\n    \(differences.joined(separator: "\n    "))", at: .file(state.file.path),
        cure: "Give the old options to go on, or begin anew with --restart.")
    }
    let kept = FileManager.default.fileExists(atPath: checkpoint) ? try Checkpoint.record(at: checkpoint) : nil
    // A kill between checkpoint and state leaves a checkpoint that is one epoch ahead; that epoch comes again.
    guard let kept, kept.best == state.record.best || kept.bestEpoch == state.record.epochs.count + 1 else { throw replaced(checkpoint) }
    try network.store.load(
      RenamedTensors(state.file) { name in
        name.hasPrefix(TrainingState.networkPrefix) ? String(name.dropFirst(TrainingState.networkPrefix.count)) : nil
      })
    try optimiser.load(state.file, prefix: TrainingState.optimiserPrefix)
    record = state.record
    log = TrainingLog(csv: state.log)
    return true
  }

  /// Runs all epochs that are left. After each, `checkpoint` holds the best weights so far, and what is needed to go on lies beside it.
  ///
  /// - Parameters:
  ///   - checkpoint: the path that the weights are written to.
  ///   - log: the path of a CSV: Epoch,LearningRate,TrainLoss,ValidationLoss,Seconds,WaitSeconds.
  /// - Throws: `badData` for a loss that is not finite and for images without labels, `interrupted`.
  public func train(_ sources: Sources, checkpoint: String, log logPath: String? = nil) throws -> TrainingRecord {
    let statePath = Checkpoint.statePath(besides: checkpoint)
    for path in [checkpoint, statePath, logPath] { path.map { FileBytes.removeLeftovers(of: $0) } }
    while !record.isFinished {
      let epoch = record.epochs.count
      let started = ContinuousClock.now
      try begin(epoch: epoch)
      let training = try trainEpoch(epoch, try sources.training(epoch), images: sources.imagesPerEpoch)
      let validation = try evaluate(try sources.validation())
      guard validation.loss.isFinite else {
        throw Failure(.badData, "the validation loss is \(validation.loss) in epoch \(epoch + 1)", cure: "Use a smaller --learning-rate.")
      }
      let summary = TrainingRecord.Epoch(
        number: epoch + 1, learningRate: optimiser.learningRate, trainLoss: training.loss, validationLoss: validation.loss)
      record.append(summary)
      log.append(summary, seconds: (ContinuousClock.now - started).seconds, wait: training.wait + validation.wait)
      if let logPath { try FileBytes.write(log.csv, to: logPath) }
      if record.bestEpoch == summary.number { try Checkpoint.write(try network.store.items(), record: record, to: checkpoint) }
      if !record.isFinished { try writeState(besides: checkpoint) }
    }
    try finish(checkpoint)
    try Checkpoint.removeState(besides: checkpoint)
    return record
  }

  /// Sets what an epoch (0-based) has of its own: the learning rate and the stream of dropout.
  func begin(epoch: Int) throws {
    optimiser.learningRate = configuration.schedule.learningRate(initial: configuration.learningRate, epoch: epoch)
    dropout = try Self.dropout(configuration, epoch: epoch, device: device)
  }

  private static func dropout(_ configuration: TrainingConfiguration, epoch: Int, device: Device) throws -> RandomGenerator {
    var seeds = SeededGenerator(seed: configuration.seed, stream: "dropout/\(epoch)")
    return try RandomGenerator(seed: seeds.next(), device: device)
  }

  private func writeState(besides checkpoint: String) throws {
    let items = try network.store.items(prefix: TrainingState.networkPrefix) + optimiser.items(prefix: TrainingState.optimiserPrefix)
    try TrainingState.write(items, record: record, device: device.description, log: log.csv, besides: checkpoint)
  }

  /// Gives the best weights, which are in `checkpoint`, the record of all epochs.
  private func finish(_ checkpoint: String) throws {
    let kept = try Checkpoint(checkpoint)
    guard kept.record?.best == record.best else { throw replaced(checkpoint) }
    if kept.record != record { try Checkpoint.write(try kept.file.items(), record: record, to: checkpoint) }
  }

  private func replaced(_ checkpoint: String) -> Failure {
    Failure(
      .badData, "is missing or no longer holds the best weights of the training that was stopped", at: .file(checkpoint),
      cure: "Put the file back, or begin anew with --restart.")
  }

  private func trainEpoch(_ epoch: Int, _ source: any PixelBatchSource, images: Int) throws -> (loss: Double, wait: Double) {
    let progress = ProgressLine("epoch \(epoch + 1) of \(configuration.epochs)", total: images, unit: "images")
    var mean = RunningMean()
    var batches = TimedBatches(source)
    while let batch = try batches.next() {
      try Interruption.check()
      let loss = try step(batch)
      guard loss.isFinite else {
        throw Failure(
          .badData, "the loss is \(loss) in epoch \(epoch + 1) after \(mean.count) images", at: Failure.Place(id: batch.ids.first?.text),
          cure: "Use a smaller --learning-rate, or look for broken images.")
      }
      mean.add(loss, count: batch.ids.count)
      progress.advance(by: batch.ids.count, note: "loss \(mean.rounded)")
    }
    progress.finish()
    guard mean.count > 0 else { throw Failure(.badData, "there are no training images") }
    return (mean.value, batches.waited)
  }

  /// One step on one batch; returns the loss before it.
  func step(_ batch: PixelBatch) throws -> Double {
    guard batch.ids.count > 1 else {
      throw Failure(.badData, "a batch of one image has no batch statistics", at: .id(batch.ids[0]), cure: "Use another --batch.")
    }
    try optimiser.clearGradients()
    let output = try configuration.precision.run(on: device) { try network(pixels(batch), .training(dropout: dropout)) }
    let loss = try configuration.loss(output.logits, targets(batch))
    try loss.backward()
    try optimiser.step()
    return try loss.item()
  }

  private func evaluate(_ source: any PixelBatchSource) throws -> (loss: Double, wait: Double) {
    var mean = RunningMean()
    var batches = TimedBatches(source)
    while let batch = try batches.next() {
      try Interruption.check()
      try Scope.inference {
        let output = try configuration.precision.run(on: device) { try network(pixels(batch), .evaluation) }
        mean.add(try configuration.loss(output.logits, targets(batch)).item(), count: batch.ids.count)
      }
    }
    guard mean.count > 0 else {
      throw Failure(.badData, "there are no validation images", cure: "Check the folds and the fold that was asked for.")
    }
    return (mean.value, batches.waited)
  }

  private func pixels(_ batch: PixelBatch) throws -> Tensor {
    try Tensor(batch.pixels, shape: [batch.ids.count, Network.channels, batch.size, batch.size], device: device)
  }

  private func targets(_ batch: PixelBatch) throws -> Tensor {
    guard batch.labels.count == batch.ids.count else {
      throw Failure(.badData, "the image has no labels", at: Failure.Place(id: batch.ids.first?.text), cure: "Give it a row in --labels.")
    }
    let values = batch.labels.flatMap { labels in (0..<ProteinLocation.count).map { labels.contains($0) ? Float(1) : 0 } }
    return try Tensor(values, shape: [batch.ids.count, ProteinLocation.count], device: device)
  }
}

/// The mean loss of an image.
private struct RunningMean {
  private var sum = 0.0
  private(set) var count = 0

  var value: Double { sum / Double(count) }
  /// Four decimals.
  var rounded: Double { (value * 1e4).rounded() / 1e4 }

  mutating func add(_ mean: Double, count: Int) {
    sum += mean * Double(count)
    self.count += count
  }
}

/// A source, and the time that was spent waiting for it.
private struct TimedBatches {
  private let source: any PixelBatchSource
  private(set) var waited = 0.0

  init(_ source: any PixelBatchSource) { self.source = source }

  mutating func next() throws -> PixelBatch? {
    let started = ContinuousClock.now
    defer { waited += (ContinuousClock.now - started).seconds }
    return try source.next()
  }
}
