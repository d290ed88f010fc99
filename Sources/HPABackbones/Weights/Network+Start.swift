public import HPATorch
import HPACore

extension Network {
  /// What was made of the weights that a training starts from.
  public struct Start: Sendable {
    /// Nil where the file's stem took four channels already.
    public let stem: StemRule?
    /// Whether the head has its first weights, since the file's was ImageNet's.
    public let hasNewHead: Bool
    /// Tensors of the file that have no place in the network.
    public let leftOut: [String]
  }

  /// Takes weights to start from: our own checkpoints as they are; ImageNet weights of other packages without their classifier, and with the
  /// stem made for four channels; checkpoints of other programs that have the common head. See `Backbone.weightFiles`.
  ///
  /// - Throws: `badData` that lists all missing, unused and mismatched names; nothing is changed then.
  @discardableResult
  public func start(from file: any TensorFile, stem rule: StemRule = .random) throws -> Start {
    if let stored = file.metadata["backbone"] {
      guard stored == backbone.name else {
        throw Failure(.badData, "the file holds \(stored), not \(backbone.name)", at: .file(file.path), cure: "Use --backbone \(stored).")
      }
      try store.load(file)
      return Start(stem: nil, hasNewHead: false, leftOut: [])
    }
    let foreign = try ForeignWeights(file, for: backbone)
    var given: [String: Tensor] = [:]
    for entry in store.entries where foreign.lacksHead && entry.name.hasPrefix(Network.headPrefix) { given[entry.name] = entry.tensor }
    let adapted = try adaptedStem(foreign.file, rule)
    given[backbone.stem] = adapted
    try store.load(foreign.file, given: given)
    return Start(stem: adapted == nil ? nil : rule, hasNewHead: foreign.lacksHead, leftOut: foreign.leftOut)
  }

  /// Nil unless the file has a stem that fits but for its three channels.
  private func adaptedStem(_ file: any TensorFile, _ rule: StemRule) throws -> Tensor? {
    guard file.names.contains(backbone.stem), let own = store.entries.first(where: { $0.name == backbone.stem })?.tensor else { return nil }
    var wanted = try own.shape
    wanted[1] = 3
    guard try file.entry(backbone.stem).shape == wanted else { return nil }
    return try rule.adapted(file.tensor(backbone.stem), random: own)
  }
}
