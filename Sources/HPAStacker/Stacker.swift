import Foundation
public import HPACore
public import HPATorch

/// The second stage: class scores from the concatenated features of all networks.
public final class Stacker {
  public let layout: StackerLayout
  public let configuration: StackerConfiguration
  private let device: Device
  let parameters: ParameterStore
  private let network: StackerNetwork

  public init(_ layout: StackerLayout, configuration: StackerConfiguration, device: Device = .cpu) throws {
    self.layout = layout
    self.configuration = configuration
    self.device = device
    parameters = try ParameterStore(seed: configuration.seed, device: device)
    network = try StackerNetwork(parameters.root, columns: layout.columns, width: configuration.width, dropout: configuration.dropout)
  }

  public var columns: Int { layout.columns }

  /// Rows of features, as the network reads them, with the labels that they are trained on or judged by.
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
    let dropout = try RandomGenerator(seed: configuration.seed &+ 1, device: device)
    var order = Self.order(seed: configuration.seed)
    var (trainingLosses, validationLosses): ([Double], [Double]) = ([], [])
    var best = try Snapshot(parameters)
    for epoch in 0..<configuration.epochs {
      try Interruption.check()
      optimiser.learningRate = configuration.schedule.learningRate(initial: configuration.learningRate, epoch: epoch)
      let batches = Self.batches(of: training.count, size: configuration.batchSize, using: &order)
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

  /// Sigmoid scores (N, 28) of features as they were extracted: the mean over the passes of the layout.
  ///
  /// - Throws: `badData` for blocks of other widths than the stacker was trained on.
  public func scores(of input: StackerInput) throws -> Matrix<Double> {
    guard input.widths == layout.widths else {
      throw Failure(
        .badData,
        "the stacker reads \(layout.widths.count) blocks of \(columns) columns in all, not \(input.widths.count) of \(input.columns)",
        cure: "Give the features of the same models and folds, in the same order.")
    }
    let step = 4096
    var values: [Double] = []
    for start in stride(from: 0, to: input.rows, by: step) {
      try Interruption.check()
      let rows = Array(start..<min(start + step, input.rows))
      let passes = try (layout.passes.isEmpty ? [Array(layout.widths.indices)] : layout.passes).map { blocks in
        try scores(
          of: input.features(
            rows: rows, normalization: configuration.normalization, kept: Array(repeating: blocks, count: rows.count))
        ).values
      }
      values += passes[0].indices.map { index in passes.reduce(0) { $0 + $1[index] } / Double(passes.count) }
    }
    return Matrix(rows: input.rows, columns: ProteinLocation.count, values: values)
  }

  /// Sigmoid scores (N, 28) of feature rows (N, columns), as the network reads them.
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

  /// What the orders of all epochs are drawn from.
  static func order(seed: UInt64) -> SeededGenerator { SeededGenerator(seed: seed, stream: "stacker/order") }

  /// The rows of each step in a new order; a last batch of one is left out, since batch normalisation needs two.
  static func batches(of count: Int, size: Int, using generator: inout SeededGenerator) -> [[Int]] {
    let order = Array(0..<count).shuffled(using: &generator)
    return stride(from: 0, to: count, by: size).map { Array(order[$0..<min($0 + size, count)]) }.filter { $0.count > 1 }
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
  private static let layoutKey = "layout"

  /// Writes parameters and configuration as safetensors.
  ///
  /// - Throws: `cannotCreate`, `inputOutput`.
  public func write(to path: String, record: StackerRecord) throws {
    try SafetensorsFile.write(
      try parameters.items(),
      metadata: [
        Self.configurationKey: try VersionedJSON.text(configuration), Self.layoutKey: try VersionedJSON.text(layout),
        "record": try VersionedJSON.text(record),
      ], to: path)
  }

  /// Reads what `write` wrote.
  ///
  /// - Throws: `missingInput`; `badData` where the file is no stacker.
  public convenience init(contentsOf path: String, device: Device = .cpu) throws {
    let file = try SafetensorsFile(path)
    let cure = "Give a file that hpa-feat stack-train wrote."
    func metadata<Value: Decodable>(_ key: String) throws -> Value {
      guard let text = file.metadata[key] else { throw Failure(.badData, "is no stacker", at: .file(path), cure: cure) }
      return try VersionedJSON.value(of: Data(text.utf8), path: path, cure: cure)
    }
    let (layout, configuration): (StackerLayout, StackerConfiguration) = (try metadata(Self.layoutKey), try metadata(Self.configurationKey))
    guard layout.isValid else { throw Failure(.badData, "is no stacker", at: .file(path), cure: cure) }
    try self.init(layout, configuration: configuration, device: device)
    try parameters.load(file)
  }
}
