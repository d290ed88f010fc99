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

/// Convolution, batch norm, ReLU: the unit of the Inception networks (`BasicConv2d`).
struct ConvolutionBlock: FeatureMaps {
  private let convolution: NormalizedConvolution

  init(_ path: ParameterPath, _ inputs: Int, _ outputs: Int, kernel: Extent, stride: Extent = 1, padding: Extent = 0) throws {
    convolution = try NormalizedConvolution(
      path / "conv", norm: path / "bn", inputs, outputs, kernel: kernel, stride: stride, padding: padding,
      // TensorFlow's, with which the networks were first trained.
      epsilon: 0.001)
  }

  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor { try convolution(input, isRectified: true, mode) }

  /// The same of the mean of 3 x 3 pixels around each.
  func ofMean(_ input: Tensor, countsPadding: Bool, _ mode: ForwardMode) throws -> Tensor {
    try convolution.ofMean(input, countsPadding: countsPadding, mode)
  }
}

/// Parts one after the other.
struct Chain: FeatureMaps {
  let parts: [any FeatureMaps]

  init(_ parts: [any FeatureMaps]) { self.parts = parts }

  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor { try parts.reduce(input) { try $1($0, mode) } }
}

/// Parts side by side on one input; their channels are joined in order.
struct Branches: FeatureMaps {
  let branches: [any FeatureMaps]

  init(_ branches: [any FeatureMaps]) { self.branches = branches }

  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor {
    try Tensor.concatenated(branches.map { try $0(input, mode) }, dimension: 1)
  }
}

/// 3 x 3, stride 2, no padding.
struct HalvingMaxPool: FeatureMaps {
  private let pool = HalvingPool()

  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor { try pool(input, mode) }
}

/// The branch of an Inception block that pools: a mean of 3 x 3 pixels, then a convolution block of 1 x 1.
struct PooledBranch: FeatureMaps {
  private let block: ConvolutionBlock
  private let countsPadding: Bool

  init(_ path: ParameterPath, _ inputs: Int, _ outputs: Int, countsPadding: Bool) throws {
    block = try ConvolutionBlock(path, inputs, outputs, kernel: 1)
    self.countsPadding = countsPadding
  }

  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor { try block.ofMean(input, countsPadding: countsPadding, mode) }
}
