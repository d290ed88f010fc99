import HPACore

extension ParameterStore {
  /// Takes every tensor from `file`. Nothing is changed where one is missing, unused or of another shape.
  ///
  /// - Parameter rename: the network's name of a tensor for its name in the file; nil leaves that tensor out.
  /// - Throws: `badData` that lists all missing, unused and mismatched names.
  public func load(_ file: SafetensorsFile, rename: (String) -> String? = { $0 }) throws {
    var nameInFile: [String: String] = [:]
    for name in file.names {
      guard let renamed = rename(name) else { continue }
      nameInFile[renamed] = name
    }
    try requireMatch(file, nameInFile)
    for entry in entries {
      guard let name = nameInFile[entry.name] else { continue }
      try entry.tensor.copy(from: file.tensor(name))
    }
  }

  /// `num_batches_tracked` counts training steps and has no part in the results; files of old PyTorch versions do not have it.
  private static func isOptional(_ name: String) -> Bool { name.hasSuffix(".num_batches_tracked") }

  private func requireMatch(_ file: SafetensorsFile, _ nameInFile: [String: String]) throws {
    let own = Set(entries.map(\.name))
    let missing = entries.map(\.name).filter { nameInFile[$0] == nil && !ParameterStore.isOptional($0) }
    let unused = nameInFile.filter { !own.contains($0.key) }.values.sorted()
    let mismatched = try entries.compactMap { entry -> String? in
      guard let name = nameInFile[entry.name] else { return nil }
      let (found, wanted) = (try file.entry(name).shape, try entry.tensor.shape)
      return found == wanted ? nil : "\(entry.name) is \(found), not \(wanted)"
    }
    let faults = [("missing", missing), ("not part of the network", unused), ("of another shape", mismatched)].filter { !$0.1.isEmpty }
    guard !faults.isEmpty else { return }
    throw Failure(
      .badData,
      "the weights do not fit the network; "
        + faults.map { "\($0.1.count) \($0.0): \($0.1.joined(separator: ", "))" }.joined(separator: "; "),
      at: .file(file.path), cure: "Check that the file belongs to this network (--backbone).")
  }

  /// All tensors as they are now.
  ///
  /// - Parameter prefix: stands before every name.
  public func items(prefix: String = "") throws -> [SafetensorsFile.Item] {
    try entries.map { try SafetensorsFile.Item(prefix + $0.name, $0.tensor) }
  }
}

extension SafetensorsFile.Item {
  /// A tensor as it is now: int64 as it is, all else as float32.
  init(_ name: String, _ tensor: Tensor) throws {
    self.init(
      name, shape: try tensor.shape,
      try tensor.type == .int64 ? .integers(try tensor.values(of: Int64.self)) : .floats(try tensor.floats()))
  }
}

extension SafetensorsFile {
  /// All tensors of the file, ready to be written again: integers as int64, all else as float32.
  public func items() throws -> [Item] {
    try names.map { name in
      let entry = try entry(name)
      return Item(
        name, shape: entry.shape, entry.type.isInteger ? .integers(entry.type.integers(try bytes(name))) : .floats(try floats(name)))
    }
  }

  /// A tensor on the CPU: int64 for integers, float32 for all else.
  public func tensor(_ name: String) throws -> Tensor {
    let entry = try entry(name)
    return entry.type.isInteger
      ? try Tensor(entry.type.integers(try bytes(name)), shape: entry.shape) : try Tensor(try floats(name), shape: entry.shape)
  }
}
