import Foundation
public import HPACore
public import HPATorch

/// The second stage: class scores from the concatenated features of all networks.
public final class Stacker {
  public let columns: Int
  public let configuration: StackerConfiguration
  private let device: Device
  private let parameters: ParameterStore
  private let network: StackerNetwork

  /// - Parameter columns: width of the input, 3840 for thirty blocks of 128.
  public init(columns: Int, configuration: StackerConfiguration, device: Device = .cpu) throws {
    self.columns = columns
    self.configuration = configuration
    self.device = device
    parameters = try ParameterStore(seed: configuration.seed, device: device)
    network = try StackerNetwork(parameters.root, columns: columns, width: configuration.width, dropout: configuration.dropout)
  }

  /// Rows of features with the labels that they are trained on or judged by.
  public struct Examples: Sendable {
    public let features: Matrix<Float>
    public let labels: [LabelSet]

    public init(features: Matrix<Float>, labels: [LabelSet]) {
      precondition(features.rows == labels.count)
      self.features = features
      self.labels = labels
    }

    fileprivate func selecting(_ rows: [Int]) -> Examples {
      Examples(features: features.selecting(rows: rows), labels: rows.map { labels[$0] })
    }
  }

  /// Trains on some rows and keeps the parameters of the lowest loss on others.
  ///
  /// The same seed and number of threads give the same parameters.
  /// - Throws: `badData` where a part is empty, a feature is not finite or the loss runs away; `interrupted`.
  public func train(_ examples: Examples, training: [Int], validation: [Int], progress: ProgressLine? = nil) throws -> StackerRecord {
    try check(examples, training: training, validation: validation)
    let (inputs, targets) = try tensors(examples.selecting(training))
    let (heldInputs, heldTargets) = try tensors(examples.selecting(validation))
    let optimiser = try SGD(
      parameters.parameters, learningRate: configuration.learningRate, momentum: configuration.momentum,
      weightDecay: configuration.weightDecay)
    let schedule = LearningRateSchedule.step(epochs: configuration.stepEpochs, gamma: configuration.gamma)
    let dropout = try RandomGenerator(seed: configuration.seed &+ 1, device: device)
    var order = SeededGenerator(seed: configuration.seed, stream: "stacker/order")
    var (trainingLosses, validationLosses): ([Double], [Double]) = ([], [])
    var best = try Snapshot(parameters)
    for epoch in 0..<configuration.epochs {
      try Interruption.check()
      optimiser.learningRate = schedule.learningRate(initial: configuration.learningRate, epoch: epoch)
      let batches = batches(of: training.count, using: &order)
      var sum = 0.0
      for batch in batches {
        sum +=
          try step(try inputs.selecting(batch), try targets.selecting(batch), optimiser: optimiser, dropout: dropout) * Double(batch.count)
      }
      trainingLosses.append(sum / Double(batches.reduce(0) { $0 + $1.count }))
      let held = try Scope.noGradient { try configuration.loss(try network(heldInputs, .evaluation), heldTargets).item() }
      try requireFinite(held, epoch: epoch)
      if held < validationLosses.min() ?? .infinity { best = try Snapshot(parameters) }
      validationLosses.append(held)
      progress?.advance(note: "validation loss " + String(format: "%.4f", held))
    }
    try best.restore(parameters)
    return StackerRecord(
      trainingLosses: trainingLosses, validationLosses: validationLosses,
      bestEpoch: validationLosses.indices.min { (validationLosses[$0], $0) < (validationLosses[$1], $1) } ?? 0)
  }

  /// Sigmoid scores (N, 28) of feature rows (N, columns).
  public func scores(of features: Matrix<Float>) throws -> Matrix<Double> {
    guard features.columns == columns else {
      throw Failure(
        .badData, "the stacker reads \(columns) columns, not \(features.columns)",
        cure: "Concatenate the features of the same models, in the same order.")
    }
    let scores = try Scope.noGradient {
      try network(try Tensor(features.values, shape: [features.rows, columns], device: device), .evaluation).sigmoid().floats()
    }
    return Matrix(rows: features.rows, columns: ProteinLocation.count, values: scores.map(Double.init))
  }

  // MARK: Training

  private func check(_ examples: Examples, training: [Int], validation: [Int]) throws {
    guard training.count >= 2, !validation.isEmpty else {
      throw Failure(
        .badData, "\(training.count) training and \(validation.count) validation images are too few",
        cure: "Use fewer folds or more images.")
    }
    guard examples.features.columns == columns else {
      throw Failure(.badData, "the stacker reads \(columns) columns, not \(examples.features.columns)")
    }
    if let row = examples.features.firstRowNotFinite {
      throw Failure(
        .badData, "the features hold NaN or infinity", at: .init(row: row + 1), cure: "Run hpa-feat store verify, and extract again.")
    }
  }

  private func tensors(_ examples: Examples) throws -> (inputs: Tensor, targets: Tensor) {
    let targets = examples.labels.flatMap { labels in (0..<ProteinLocation.count).map { labels.contains($0) ? Float(1) : 0 } }
    return (
      try Tensor(examples.features.values, shape: [examples.features.rows, columns], device: device),
      try Tensor(targets, shape: [examples.labels.count, ProteinLocation.count], device: device)
    )
  }

  /// The rows of each step in a new order; a last batch of one is left out, since batch normalisation needs two.
  private func batches(of count: Int, using generator: inout SeededGenerator) -> [[Int]] {
    let order = Array(0..<count).shuffled(using: &generator)
    return stride(from: 0, to: count, by: configuration.batchSize)
      .map { Array(order[$0..<min($0 + configuration.batchSize, count)]) }.filter { $0.count > 1 }
  }

  private func step(_ inputs: Tensor, _ targets: Tensor, optimiser: SGD, dropout: RandomGenerator) throws -> Double {
    try optimiser.clearGradients()
    let loss = try configuration.loss(try network(inputs, .training(dropout: dropout)), targets)
    try loss.backward()
    try optimiser.step()
    return try loss.item()
  }

  private func requireFinite(_ loss: Double, epoch: Int) throws {
    guard loss.isFinite else {
      throw Failure(
        .badData, "the validation loss of epoch \(epoch + 1) is \(loss)", cure: "Lower the learning rate, for example --learning-rate 0.05."
      )
    }
  }

  /// The values of all tensors at one moment.
  private struct Snapshot {
    private let values: [Tensor]

    init(_ store: ParameterStore) throws { values = try store.entries.map { try $0.tensor.detached().copied() } }

    func restore(_ store: ParameterStore) throws {
      for (entry, value) in zip(store.entries, values) { try entry.tensor.copy(from: value) }
    }
  }
}

extension Stacker {
  private static let configurationKey = "stacker"
  private static let columnsKey = "columns"

  /// Writes parameters and configuration as safetensors.
  ///
  /// - Throws: `cannotCreate`, `inputOutput`.
  public func write(to path: String, record: StackerRecord) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    try SafetensorsFile.write(
      try parameters.items(),
      metadata: [
        Self.configurationKey: String(decoding: try encoder.encode(configuration), as: UTF8.self),
        Self.columnsKey: String(columns),
        "record": String(decoding: try encoder.encode(record), as: UTF8.self),
      ], to: path)
  }

  /// Reads what `write` wrote.
  ///
  /// - Throws: `missingInput`; `badData` where the file is no stacker.
  public convenience init(contentsOf path: String, device: Device = .cpu) throws {
    let file = try SafetensorsFile(path)
    guard let columns = file.metadata[Self.columnsKey].flatMap(Int.init), columns > 0,
      let configuration = try? JSONDecoder().decode(
        StackerConfiguration.self, from: Data((file.metadata[Self.configurationKey] ?? "").utf8))
    else { throw Failure(.badData, "is no stacker", at: .file(path), cure: "Give a file that hpa-feat stack-train wrote.") }
    try self.init(columns: columns, configuration: configuration, device: device)
    try parameters.load(file)
  }
}
