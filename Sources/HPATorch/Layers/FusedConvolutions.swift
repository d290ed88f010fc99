/// The convolutions of a network as inference wants them: batch norms folded into weights, weights ordered once for the kernels of the
/// processor, and sums and rectifiers done in the same pass.
///
/// Each is prepared when it first runs, for inputs of that shape; other shapes give the same numbers, more slowly. The weights of the network
/// must not change any more.
public final class FusedConvolutions {
  private struct Fused {
    let weight: Tensor
    let bias: Tensor?
  }

  /// What the convolutions compute in; their inputs must be of this type.
  public let type: DataType
  /// By the weight that it was made of.
  private var fused: [ObjectIdentifier: Fused] = [:]

  /// What the inputs of the first convolution are short of: it is folded into its weights.
  private let inputScale: Double

  /// - Parameter inputScale: a factor that the network's input needs; so whole numbers up to 255 go in as they are, which bfloat16 holds exactly.
  public init(type: DataType, inputScale: Double = 1) {
    self.type = type
    self.inputScale = inputScale
  }

  func callAsFunction(
    _ convolution: Convolution, _ norm: BatchNorm?, _ input: Tensor, adding addend: Tensor?, isRectified: Bool
  ) throws -> Tensor {
    let isOrdered = try isOrdered(on: input.device)
    let parts = try prepared(convolution, norm, input, hasAddend: addend != nil, isOrdered: isOrdered)
    let (stride, padding, groups) = (convolution.stride, convolution.padding, convolution.groups)
    guard !isOrdered else {
      return try input.convolved(
        byOrdered: parts.weight, bias: parts.bias, adding: addend, stride: stride, padding: padding, groups: groups,
        isRectified: isRectified)
    }
    let output = try input.convolved(weight: parts.weight, bias: parts.bias, stride: stride, padding: padding, groups: groups)
    let sum = try addend.map { try output.adding($0) } ?? output
    return isRectified ? try sum.relu() : sum
  }

  /// A mean of 3 x 3 and then a 1 x 1 convolution, the other way round: both are linear, and pooling what is projected is less to pool.
  func projectionOfMean(_ convolution: Convolution, _ norm: BatchNorm?, _ input: Tensor, countsPadding: Bool) throws -> Tensor {
    guard try isOrdered(on: input.device) else {
      let pooled = try input.averagePooled(kernel: 3, stride: 1, padding: 1, countsPadding: countsPadding)
      return try self(convolution, norm, pooled, adding: nil, isRectified: true)
    }
    let parts = try prepared(convolution, norm, input, hasAddend: false, isOrdered: true)
    let projected = try input.convolved(
      byOrdered: parts.weight, bias: nil, adding: nil, stride: 1, padding: 0, groups: 1, isRectified: false)
    return try projected.pooledForInference(
      countsPadding ? .mean : .meanOfImage, stride: 1, padding: 1, bias: parts.bias, isRectified: true)
  }

  private func isOrdered(on device: Device) throws -> Bool {
    guard device == .cpu else { return false }
    return try type == .float32 || TorchLibrary.hasBFloat16Convolutions()
  }

  private func prepared(_ convolution: Convolution, _ norm: BatchNorm?, _ input: Tensor, hasAddend: Bool, isOrdered: Bool) throws -> Fused {
    let key = ObjectIdentifier(convolution.weight)
    if let known = fused[key] { return known }
    let (weight, bias) = try norm.map { try $0.folded(into: convolution) } ?? (convolution.weight, convolution.bias)
    let typed = try (fused.isEmpty ? weight.scaled(by: inputScale) : weight).converted(to: type).channelsLast()
    let made = Fused(
      weight: isOrdered
        ? try typed.ordered(
          forInputs: try input.shape, stride: convolution.stride, padding: convolution.padding, groups: convolution.groups) : typed,
      // Sums are float32 inside of the ordered kernels, and so is what begins them; beside an addend the kernels take one type only.
      bias: try isOrdered && !hasAddend ? bias : bias?.converted(to: type))
    fused[key] = made
    return made
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
    if case .inference = mode, try input.device == .cpu {
      return try input.pooledForInference(.maximum, stride: 2, padding: padding, roundsUp: roundsUp)
    }
    return try input.maxPooled(kernel: 3, stride: 2, padding: Extent(padding, padding), roundsUp: roundsUp)
  }
}

extension Convolution {
  /// A mean of 3 x 3 pixels around each, this 1 x 1 convolution, `norm`, and a rectifier.
  ///
  /// - Parameter countsPadding: padded zeros are part of the mean.
  public func ofMean(_ input: Tensor, countsPadding: Bool, norm: BatchNorm?, _ mode: ForwardMode) throws -> Tensor {
    if case .inference(let fused) = mode { return try fused.projectionOfMean(self, norm, input, countsPadding: countsPadding) }
    // Both are linear, and what the convolution leaves is less to pool; only a bias would have to come last.
    let projected = try self(input).averagePooled(kernel: 3, stride: 1, padding: 1, countsPadding: countsPadding)
    return try norm?(projected, isRectified: true, mode) ?? projected.relu()
  }

  /// The convolution with what follows it: `norm`, then the sum with `addend`, then a rectifier.
  public func callAsFunction(
    _ input: Tensor, norm: BatchNorm?, adding addend: Tensor? = nil, isRectified: Bool = false, _ mode: ForwardMode
  ) throws -> Tensor {
    if case .inference(let fused) = mode { return try fused(self, norm, input, adding: addend, isRectified: isRectified) }
    let output = try self(input)
    if let norm, addend == nil { return try norm(output, isRectified: isRectified, mode) }
    let normalized = try norm?(output, mode) ?? output
    let sum = try addend.map { try normalized.adding($0) } ?? normalized
    return isRectified ? try sum.relu() : sum
  }
}
