import HPATorch

/// A convolution without bias and the batch norm of its outputs.
struct NormalizedConvolution {
  private let convolution: Convolution
  private let norm: BatchNorm

  /// - Parameters:
  ///   - path: of the convolution.
  ///   - norm: where the batch norm's tensors go.
  init(
    _ path: ParameterPath, norm: ParameterPath, _ inputs: Int, _ outputs: Int, kernel: Extent, stride: Extent = 1, padding: Extent = 0,
    groups: Int = 1, epsilon: Double = 1e-5
  ) throws {
    convolution = try Convolution(path, inputs, outputs, kernel: kernel, stride: stride, padding: padding, groups: groups)
    self.norm = try BatchNorm(norm, outputs, epsilon: epsilon)
  }

  func callAsFunction(_ input: Tensor, adding addend: Tensor? = nil, isRectified: Bool = false, _ mode: ForwardMode) throws -> Tensor {
    try convolution(input, norm: norm, adding: addend, isRectified: isRectified, mode)
  }

  /// Rectified, of the mean of 3 x 3 pixels around each.
  func ofMean(_ input: Tensor, countsPadding: Bool, _ mode: ForwardMode) throws -> Tensor {
    try convolution.ofMean(input, countsPadding: countsPadding, norm: norm, mode)
  }
}

/// What Inception networks are built of.
protocol InceptionPart: FeatureMaps {
  /// Channels of the output of an input with `inputs` channels.
  func outputs(of inputs: Int) -> Int
}

/// Convolution, batch norm, ReLU: the unit of the Inception networks (`BasicConv2d`).
struct ConvolutionBlock: InceptionPart {
  private let convolution: NormalizedConvolution
  private let outputs: Int

  init(_ path: ParameterPath, _ inputs: Int, _ outputs: Int, kernel: Extent, stride: Extent = 1, padding: Extent = 0) throws {
    self.outputs = outputs
    convolution = try NormalizedConvolution(
      path / "conv", norm: path / "bn", inputs, outputs, kernel: kernel, stride: stride, padding: padding,
      // TensorFlow's, with which the networks were first trained.
      epsilon: 0.001)
  }

  func outputs(of inputs: Int) -> Int { outputs }

  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor { try convolution(input, isRectified: true, mode) }

  /// The same of the mean of 3 x 3 pixels around each.
  func ofMean(_ input: Tensor, countsPadding: Bool, _ mode: ForwardMode) throws -> Tensor {
    try convolution.ofMean(input, countsPadding: countsPadding, mode)
  }
}

/// Parts one after the other.
struct Chain: InceptionPart {
  let parts: [any InceptionPart]

  init(_ parts: [any InceptionPart]) { self.parts = parts }

  func outputs(of inputs: Int) -> Int { parts.reduce(inputs) { $1.outputs(of: $0) } }

  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor {
    guard let last = parts.last else { return input }
    return try last(parts.dropLast().reduce(input) { try $1($0, mode.inside) }, mode)
  }
}

/// Parts side by side on one input; their channels are joined in order.
struct Branches: InceptionPart {
  let branches: [any InceptionPart]

  init(_ branches: [any InceptionPart]) { self.branches = branches }

  func outputs(of inputs: Int) -> Int { branches.reduce(0) { $0 + $1.outputs(of: inputs) } }

  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor {
    guard case .inference(let fused, let place) = mode else {
      return try Tensor.concatenated(branches.map { try $0(input, mode) }, dimension: 1)
    }
    let inputs = try input.shape[1]
    var next = place ?? Joint(channels: outputs(of: inputs)).place(from: 0)
    return try branches.reduce(input) { _, branch in
      defer { next = next.moved(by: branch.outputs(of: inputs)) }
      return try branch(input, .inference(fused, into: next))
    }
  }
}

/// 3 x 3, stride 2, no padding.
struct HalvingMaxPool: InceptionPart {
  private let pool = HalvingPool()

  func outputs(of inputs: Int) -> Int { inputs }

  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor { try pool(input, mode) }
}

/// The branch of an Inception block that pools: a mean of 3 x 3 pixels, then a convolution block of 1 x 1.
struct PooledBranch: InceptionPart {
  private let block: ConvolutionBlock
  private let countsPadding: Bool

  init(_ path: ParameterPath, _ inputs: Int, _ outputs: Int, countsPadding: Bool) throws {
    block = try ConvolutionBlock(path, inputs, outputs, kernel: 1)
    self.countsPadding = countsPadding
  }

  func outputs(of inputs: Int) -> Int { block.outputs(of: inputs) }

  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor { try block.ofMean(input, countsPadding: countsPadding, mode) }
}
