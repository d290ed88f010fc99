import HPACore

/// Moves parameters against their gradients.
public protocol Optimiser: AnyObject {
  var learningRate: Double { get set }
  var parameters: [Tensor] { get }
  /// What a step leaves for the next, by name; tensors in the order of `parameters`.
  var state: [String: [Tensor]] { get }

  /// Parameters without a gradient stay as they are.
  func step() throws
}

extension Optimiser {
  /// Forgets the gradients of the last step; `backward` would add to them.
  public func clearGradients() throws { try Tensor.clearGradients(of: parameters) }
}

// MARK: State in files

extension Optimiser {
  /// The state as it is now, each tensor as `PREFIX.NAME.INDEX`.
  public func items(prefix: String) throws -> [SafetensorsFile.Item] {
    try named(prefix).map { name, tensor in try SafetensorsFile.Item(name, tensor) }
  }

  /// Takes over what `items` gave.
  ///
  /// - Throws: `badData` where a tensor is missing or of another shape.
  public func load(_ file: SafetensorsFile, prefix: String) throws {
    for (name, tensor) in named(prefix) {
      let (found, wanted) = (try file.entry(name).shape, try tensor.shape)
      guard found == wanted else { throw Failure(.badData, "\(name) is \(found), not \(wanted)", at: .file(file.path)) }
      try tensor.copy(from: file.tensor(name))
    }
  }

  private func named(_ prefix: String) -> [(name: String, tensor: Tensor)] {
    state.flatMap { name, tensors in tensors.enumerated().map { ("\(prefix).\(name).\($0)", $1) } }
  }
}

extension [Tensor] {
  /// The state of an optimiser before its first step.
  func zerosAlike() throws -> [Tensor] {
    try map { parameter in
      // A copy keeps the memory layout, which the fused kernels rely on.
      let zeros = try parameter.detached().copied()
      try zeros.copy(from: Tensor.zeros([], device: parameter.device))
      return zeros
    }
  }
}
