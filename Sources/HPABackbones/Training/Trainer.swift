public import HPACore
public import HPATorch

/// Trains a backbone with its head and keeps the weights of the lowest validation loss.
public final class Trainer {
  public struct Outcome: Sendable {
    public let record: TrainingRecord
    /// Sigmoid scores (N x 28) of the validation images by the weights that were kept.
    public let validationScores: NamedRows<Float>
  }

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
  private let dropout: RandomGenerator
  private var record: TrainingRecord

  /// - Parameters:
  ///   - initialWeights: a checkpoint of the same backbone, whatever size it was trained at, or ImageNet weights; random weights without.
  ///   - stem: what is made of a stem for three channels.
  ///   - classFrequencies: how often each of the 28 classes occurs among the training images; the last bias of a random head begins there.
  /// - Throws: `usage` for settings that make no sense, `badData` for weights that do not fit.
  public init(
    _ configuration: TrainingConfiguration, initialWeights: (any TensorFile)? = nil, stem: StemRule = .random,
    classFrequencies: [Double]? = nil,
    device: Device = .cpu, programVersion: String
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
    dropout = try RandomGenerator(seed: configuration.seed &+ 1, device: device)
    record = TrainingRecord(configuration: configuration, stem: start?.stem, programVersion: programVersion)
  }

  /// Runs all epochs. The checkpoint is written whenever the validation loss has fallen, so an interruption keeps the best so far.
  ///
  /// - Parameters:
  ///   - checkpoint: the path that the weights are written to.
  ///   - log: the path of a CSV: Epoch,LearningRate,TrainLoss,ValidationLoss,Seconds,WaitSeconds.
  /// - Throws: `badData` for a loss that is not finite and for images without labels, `interrupted`.
  public func train(_ sources: Sources, checkpoint: String, log: String? = nil) throws -> Outcome {
    var logFile = TrainingLog(path: log)
    var best: (loss: Double, items: [SafetensorsFile.Item], scores: NamedRows<Float>)?
    for epoch in 0..<configuration.epochs {
      let started = ContinuousClock.now
      optimiser.learningRate = configuration.schedule.learningRate(initial: configuration.learningRate, epoch: epoch)
      let training = try trainEpoch(epoch, try sources.training(epoch), images: sources.imagesPerEpoch)
      let validation = try evaluate(try sources.validation())
      let summary = TrainingRecord.Epoch(
        number: epoch + 1, learningRate: optimiser.learningRate, trainLoss: training.loss, validationLoss: validation.loss)
      record.epochs.append(summary)
      if validation.loss < best?.loss ?? .infinity {
        record.bestEpoch = summary.number
        best = (validation.loss, try network.store.items(), validation.scores)
        try Checkpoint.write(try network.store.items(), record: record, to: checkpoint)
      }
      try logFile.append(summary, seconds: (ContinuousClock.now - started).seconds, wait: training.wait + validation.wait)
    }
    guard let best else { throw Failure(.badData, "there was no validation loss to choose weights by") }
    try Checkpoint.write(best.items, record: record, to: checkpoint)
    return Outcome(record: record, validationScores: best.scores)
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

  private func step(_ batch: PixelBatch) throws -> Double {
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

  private func evaluate(_ source: any PixelBatchSource) throws -> (loss: Double, scores: NamedRows<Float>, wait: Double) {
    var mean = RunningMean()
    var ids: [ImageID] = []
    var scores: [Float] = []
    var batches = TimedBatches(source)
    while let batch = try batches.next() {
      try Interruption.check()
      try Scope.inference {
        let output = try configuration.precision.run(on: device) { try network(pixels(batch), .evaluation) }
        mean.add(try configuration.loss(output.logits, targets(batch)).item(), count: batch.ids.count)
        scores += try output.logits.sigmoid().floats()
      }
      ids += batch.ids
    }
    guard mean.count > 0 else {
      throw Failure(.badData, "there are no validation images", cure: "Check the folds and the fold that was asked for.")
    }
    let matrix = Matrix(rows: ids.count, columns: ProteinLocation.count, values: scores)
    return (mean.value, try NamedRows(ids: ids, matrix: matrix), batches.waited)
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
