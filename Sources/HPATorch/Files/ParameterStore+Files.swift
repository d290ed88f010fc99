import HPACore

extension ParameterStore {
  /// Takes every tensor from `file`. Nothing is changed where one is missing, unused or of another shape.
  ///
  /// - Parameter given: tensors that are taken from here, whether or not the file has them.
  /// - Throws: `badData` that lists all missing, unused and mismatched names.
  public func load(_ file: any TensorFile, given: [String: Tensor] = [:]) throws {
    let stored = Set(file.names)
    try requireMatch(file, stored, given)
    for entry in entries {
      if let tensor = given[entry.name] {
        try entry.tensor.copy(from: tensor)
      } else if stored.contains(entry.name) {
        try entry.tensor.copy(from: file.tensor(entry.name))
      }
    }
  }

  /// `num_batches_tracked` counts training steps and has no part in the results; files of old PyTorch versions do not have it.
  private static func isOptional(_ name: String) -> Bool { name.hasSuffix(".num_batches_tracked") }

  private func requireMatch(_ file: any TensorFile, _ stored: Set<String>, _ given: [String: Tensor]) throws {
    let own = Set(entries.map(\.name))
    let missing = entries.map(\.name).filter { !stored.contains($0) && given[$0] == nil && !ParameterStore.isOptional($0) }
    let unused = stored.subtracting(own).sorted()
    let mismatched = try entries.compactMap { entry -> String? in
      guard stored.contains(entry.name) || given[entry.name] != nil else { return nil }
      let (found, wanted) = (try given[entry.name]?.shape ?? file.entry(entry.name).shape, try entry.tensor.shape)
      return found == wanted ? nil : "\(entry.name) is \(found), not \(wanted)"
    }
    let faults = [("missing", missing), ("not part of the network", unused), ("of another shape", mismatched)].filter { !$0.1.isEmpty }
    guard !faults.isEmpty else { return }
    throw Failure(
      .badData,
      "the weights do not fit the network; "
        + faults.map { "\($0.1.count) \($0.0): \($0.1.joined(separator: ", "))" }.joined(separator: "; "),
      at: .file(file.path), cure: "Check that the file belongs to this network (--backbone); hpa-feat backbones lists what fits.")
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

extension TensorFile {
  /// All tensors of the file, ready to be written again: integers as int64, all else as float32.
  public func items() throws -> [SafetensorsFile.Item] {
    try names.map { name in
      let entry = try entry(name)
      return SafetensorsFile.Item(
        name, shape: entry.shape, entry.type.isInteger ? .integers(entry.type.integers(try bytes(name))) : .floats(try floats(name)))
    }
  }
}
