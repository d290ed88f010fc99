/// The convolutions of a network as inference wants them: batch norms folded into weights, weights ordered once for the kernels of the
/// processor, and sums and rectifiers done in the same pass.
///
/// Each is prepared when it first runs, for inputs of that shape; other shapes give the same numbers but for their rounding, perhaps more
/// slowly. The weights of the network must not change any more.
public final class FusedConvolutions {
  private struct Prepared {
    enum Kernel {
      case own(InferenceConvolution)
      /// oneDNN's or cuDNN's, by weights in its order.
      case ordered(Tensor)
      case plain(Tensor)
    }

    let kernel: Kernel
    /// What `own` has not in it already.
    let bias: Tensor?
  }

  /// What surrounds a convolution, and so decides how it is prepared.
  private enum Surroundings {
    case none
    case addend
    /// The bias comes after a pool.
    case pool
    case depthwise(Tensor, rectifiesInput: Bool)

    var isAddend: Bool { if case .addend = self { true } else { false } }
    var isDepthwise: Bool { if case .depthwise = self { true } else { false } }
    var isPool: Bool { if case .pool = self { true } else { false } }
  }

  /// What the convolutions compute in; their inputs must be of this type.
  public let type: DataType
  /// By the weight that it was made of.
  private var prepared: [ObjectIdentifier: Prepared] = [:]

  /// What the inputs of the first convolution are short of: it is folded into its weights.
  private let inputScale: Double

  /// - Parameter inputScale: a factor that the network's input needs; so whole numbers up to 255 go in as they are, which bfloat16 holds exactly.
  public init(type: DataType, inputScale: Double = 1) {
    self.type = type
    self.inputScale = inputScale
  }

  func callAsFunction(
    _ convolution: Convolution, _ norm: BatchNorm?, _ input: Tensor, adding addend: Tensor?, isRectified: Bool, into place: ChannelPlace?
  ) throws -> Tensor {
    let parts = try prepare(convolution, norm, input, addend == nil ? .none : .addend)
    return try run(convolution, parts, input, adding: addend, isRectified: isRectified, into: place)
  }

  /// A mean of 3 x 3 and then a 1 x 1 convolution, the other way round: both are linear, and pooling what is projected is less to pool.
  func projectionOfMean(
    _ convolution: Convolution, _ norm: BatchNorm?, _ input: Tensor, countsPadding: Bool, into place: ChannelPlace?
  ) throws -> Tensor {
    guard try input.device == .cpu else {
      let pooled = try input.averagePooled(kernel: 3, stride: 1, padding: 1, countsPadding: countsPadding)
      return try self(convolution, norm, pooled, adding: nil, isRectified: true, into: place)
    }
    let parts = try prepare(convolution, norm, input, .pool)
    let projected = try run(convolution, Prepared(kernel: parts.kernel, bias: nil), input, adding: nil, isRectified: false, into: nil)
    return try projected.pooledForInference(
      countsPadding ? .mean : .meanOfImage, stride: 1, padding: 1, bias: parts.bias, isRectified: true, into: place)
  }

  /// A 3 x 3 convolution of each channel alone, then `pointwise` across channels, without an output between them.
  func separable(
    _ depthwise: Convolution, _ pointwise: Convolution, _ norm: BatchNorm?, _ input: Tensor, rectifiesInput: Bool, adding addend: Tensor?,
    isRectified: Bool
  ) throws -> Tensor {
    let parts = try prepare(pointwise, norm, input, .depthwise(depthwise.weight, rectifiesInput: rectifiesInput))
    if case .own = parts.kernel { return try run(pointwise, parts, input, adding: addend, isRectified: isRectified, into: nil) }
    let rectified = rectifiesInput ? try input.relu() : input
    let filtered = try self(depthwise, nil, rectified, adding: nil, isRectified: false, into: nil)
    return try run(pointwise, parts, filtered, adding: addend, isRectified: isRectified, into: nil)
  }

  private func run(
    _ convolution: Convolution, _ parts: Prepared, _ input: Tensor, adding addend: Tensor?, isRectified: Bool, into place: ChannelPlace?
  ) throws -> Tensor {
    let (stride, padding, groups) = (convolution.stride, convolution.padding, convolution.groups)
    switch parts.kernel {
    case .own(let own):
      return try own(input, adding: addend, isRectified: isRectified, into: place)
    case .ordered(let weight):
      return try place.taking(
        input.convolved(
          byOrdered: weight, bias: parts.bias, adding: addend, stride: stride, padding: padding, groups: groups, isRectified: isRectified))
    case .plain(let weight):
      let output = try input.convolved(weight: weight, bias: parts.bias, stride: stride, padding: padding, groups: groups)
      let sum = try addend.map { try output.adding($0) } ?? output
      return try place.taking(isRectified ? sum.relu() : sum)
    }
  }

  private func prepare(_ convolution: Convolution, _ norm: BatchNorm?, _ input: Tensor, _ surroundings: Surroundings) throws -> Prepared {
    let key = ObjectIdentifier(convolution.weight)
    if let known = prepared[key] { return known }
    let (folded, bias) = try norm.map { try $0.folded(into: convolution) } ?? (convolution.weight, convolution.bias)
    let weight = try prepared.isEmpty ? folded.scaled(by: inputScale) : folded
    let made =
      try ownKernel(convolution, weight, bias, input, surroundings) ?? libraryKernel(convolution, weight, bias, input, surroundings)
    prepared[key] = made
    return made
  }

  private func ownKernel(
    _ convolution: Convolution, _ weight: Tensor, _ bias: Tensor?, _ input: Tensor, _ surroundings: Surroundings
  ) throws -> Prepared? {
    guard try input.device == .cpu, convolution.groups == 1 else { return nil }
    var (depthwise, rectifiesInput): (Tensor?, Bool) = (nil, false)
    if case .depthwise(let weight, let rectifies) = surroundings { (depthwise, rectifiesInput) = (weight, rectifies) }
    return try InferenceConvolution(
      weight: weight, bias: surroundings.isPool ? nil : bias, depthwise: depthwise, rectifiesInput: rectifiesInput,
      stride: convolution.stride, padding: convolution.padding, image: Extent(try input.shape[2], try input.shape[3]), type: type
    ).map { Prepared(kernel: .own($0), bias: surroundings.isPool ? bias : nil) }
  }

  private func libraryKernel(
    _ convolution: Convolution, _ weight: Tensor, _ bias: Tensor?, _ input: Tensor, _ surroundings: Surroundings
  ) throws -> Prepared {
    let isAfterRectifier = convolution.groups == 1 && !surroundings.isDepthwise
    let typed = try (type == .bfloat16 && isAfterRectifier ? weight.weightsInBFloat16() : weight.converted(to: type)).channelsLast()
    let isCPU = try input.device == .cpu
    guard try !isCPU || type == .float32 || TorchLibrary.hasBFloat16Convolutions() else {
      return Prepared(kernel: .plain(typed), bias: surroundings.isPool ? bias : try bias?.converted(to: type))
    }
    let ordered = try typed.ordered(
      forInputs: try input.shape, stride: convolution.stride, padding: convolution.padding, groups: convolution.groups)
    // Sums are float32 inside of the ordered kernels, and so is what begins them; beside an addend the kernels take one type only, and
    // so do cuDNN's.
    return Prepared(kernel: .ordered(ordered), bias: !isCPU || surroundings.isAddend ? try bias?.converted(to: type) : bias)
  }
}

extension BatchNorm {
  /// Weights and bias of the convolution that does this normalisation, too: w * s and (b - mean) * s + beta, where s = gamma / sqrt(variance + epsilon).
  fileprivate func folded(into convolution: Convolution) throws -> (weight: Tensor, bias: Tensor?) {
    let (gamma, beta) = (try weight.floats(), try bias.floats())
    let (mean, variance) = (try runningMean.floats(), try runningVariance.floats())
    let old = try convolution.bias?.floats() ?? Array(repeating: 0, count: gamma.count)
    let scale = gamma.indices.map { Double(gamma[$0]) / (Double(variance[$0]) + epsilon).squareRoot() }
    let shift = gamma.indices.map { Float((Double(old[$0]) - Double(mean[$0])) * scale[$0] + Double(beta[$0])) }
    let device = try weight.device
    let factors = try Tensor(scale.map(Float.init), shape: [scale.count, 1, 1, 1], device: device)
    return (try convolution.weight.multiplied(by: factors), try Tensor(shift, shape: [shift.count], device: device))
  }
}

/// torch.nn.MaxPool2d of 3 x 3, stride 2.
public struct HalvingPool: Sendable {
  private let padding: Int
  private let roundsUp: Bool

  /// - Parameter roundsUp: a last window that reaches past the edge counts, too (`ceil_mode`).
  public init(padding: Int = 0, roundsUp: Bool = false) {
    self.padding = padding
    self.roundsUp = roundsUp
  }

  public func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor {
    guard case .inference(_, let place) = mode else { return try pooled(input) }
    guard try input.device == .cpu else { return try place.taking(pooled(input)) }
    return try input.pooledForInference(.maximum, stride: 2, padding: padding, roundsUp: roundsUp, into: place)
  }

  private func pooled(_ input: Tensor) throws -> Tensor {
    try input.maxPooled(kernel: 3, stride: 2, padding: Extent(padding, padding), roundsUp: roundsUp)
  }
}

extension Convolution {
  /// A mean of 3 x 3 pixels around each, this 1 x 1 convolution, `norm`, and a rectifier.
  ///
  /// - Parameter countsPadding: padded zeros are part of the mean.
  public func ofMean(_ input: Tensor, countsPadding: Bool, norm: BatchNorm?, _ mode: ForwardMode) throws -> Tensor {
    if case .inference(let fused, let place) = mode {
      return try fused.projectionOfMean(self, norm, input, countsPadding: countsPadding, into: place)
    }
    // Both are linear, and what the convolution leaves is less to pool.
    precondition(bias == nil, "a bias comes after the mean")
    let projected = try self(input).averagePooled(kernel: 3, stride: 1, padding: 1, countsPadding: countsPadding)
    return try norm?(projected, isRectified: true, mode) ?? projected.relu()
  }

  /// The convolution with what follows it: `norm`, then the sum with `addend`, then a rectifier.
  public func callAsFunction(
    _ input: Tensor, norm: BatchNorm?, adding addend: Tensor? = nil, isRectified: Bool = false, _ mode: ForwardMode
  ) throws -> Tensor {
    if case .inference(let fused, let place) = mode {
      return try fused(self, norm, input, adding: addend, isRectified: isRectified, into: place)
    }
    let output = try self(input)
    if let norm, addend == nil { return try norm(output, isRectified: isRectified, mode) }
    let normalized = try norm?(output, mode) ?? output
    let sum = try addend.map { try normalized.adding($0) } ?? normalized
    return isRectified ? try sum.relu() : sum
  }

  /// A 3 x 3 convolution of each channel alone, then this 1 x 1 across channels, `norm`, the sum with `addend`, and a rectifier.
  ///
  /// - Parameter rectifiesInput: a rectifier comes first.
  public func ofEachChannel(
    _ depthwise: Convolution, _ input: Tensor, rectifiesInput: Bool, norm: BatchNorm?, adding addend: Tensor? = nil,
    isRectified: Bool = false, _ mode: ForwardMode
  ) throws -> Tensor {
    if case .inference(let fused, into: nil) = mode {
      return try fused.separable(
        depthwise, self, norm, input, rectifiesInput: rectifiesInput, adding: addend, isRectified: isRectified)
    }
    let filtered = try depthwise(rectifiesInput ? input.relu() : input, norm: nil, mode)
    return try self(filtered, norm: norm, adding: addend, isRectified: isRectified, mode)
  }
}
