import CTorchABI

/// Height and width of a kernel, a stride or a padding.
public struct Extent: Sendable, Equatable, ExpressibleByIntegerLiteral {
  public let height: Int
  public let width: Int

  public init(_ height: Int, _ width: Int) {
    self.height = height
    self.width = width
  }

  /// The same in both directions.
  public init(integerLiteral side: Int) { self.init(side, side) }

  public static let zero: Extent = 0

  var foreign: HPAPair { HPAPair(height: Int64(height), width: Int64(width)) }
}

/// The operations of networks; images are (N, C, H, W).
extension Tensor {
  public func relu() throws -> Tensor { try applying { $0.relu(handle, $1) } }
  public func sigmoid() throws -> Tensor { try applying { $0.sigmoid(handle, $1) } }

  /// - Parameter weight: (out, in).
  public func linear(weight: Tensor, bias: Tensor?) throws -> Tensor {
    try applying(weight, bias) { $0.linear(handle, weight.handle, bias?.handle, $1) }
  }

  /// - Parameter weight: (out, in / groups, height, width).
  public func convolved(weight: Tensor, bias: Tensor? = nil, stride: Extent = 1, padding: Extent = 0, groups: Int = 1) throws -> Tensor {
    try applying(weight, bias) {
      $0.convolution(handle, weight.handle, bias?.handle, stride.foreign, padding.foreign, Int64(groups), $1)
    }
  }

  /// The weights of a convolution of rectified images in bfloat16: what one loses by rounding is added to the next of the same output, so that in
  /// sums over images that are alike from pixel to pixel most of it cancels.
  public func weightsInBFloat16() throws -> Tensor { try applying { $0.weights_in_bfloat16(handle, $1) } }

  /// The weights of a convolution in the order that the kernel for inputs of `inputShape` wants; for `convolved(byOrdered:)`.
  public func ordered(forInputs inputShape: [Int], stride: Extent, padding: Extent, groups: Int) throws -> Tensor {
    let shape = inputShape.map(Int64.init)
    return try applying { $0.order_weights(handle, shape, stride.foreign, padding.foreign, Int64(groups), $1) }
  }

  /// A convolution with all that follows it in one pass over its output: `addend`, which has the output's shape, and a rectifier.
  ///
  /// - Parameter byOrdered: what `ordered` gave, of the type of this tensor.
  public func convolved(
    byOrdered weight: Tensor, bias: Tensor?, adding addend: Tensor?, stride: Extent, padding: Extent, groups: Int, isRectified: Bool
  ) throws -> Tensor {
    try applying(weight, bias, addend) {
      $0.ordered_convolution(
        handle, weight.handle, bias?.handle, addend?.handle, stride.foreign, padding.foreign, Int64(groups), isRectified, $1)
    }
  }

  /// A way to pool 3 x 3 pixels.
  enum InferencePool: Int32 {
    case maximum = 0
    case mean = 1
    /// Padded zeros do not count.
    case meanOfImage = 2
  }

  /// A pool of 3 x 3 on a CPU, then the bias (float32) and a rectifier; the result has its channels last.
  func pooledForInference(
    _ kind: InferencePool, stride: Int, padding: Int, roundsUp: Bool = false, bias: Tensor? = nil, isRectified: Bool = false,
    into place: ChannelPlace? = nil
  ) throws -> Tensor {
    try place.written { place in
      try applying(bias) {
        $0.pool_for_inference(handle, kind.rawValue, Int64(stride), Int64(padding), roundsUp, bias?.handle, isRectified, place, $1)
      }
    }
  }

  /// Normalises every channel: by the batch's own statistics while training, which then move the running ones, else by the running ones.
  ///
  /// - Parameter isRectified: a rectifier follows; in the same pass, where images are trained on a CPU.
  public func batchNormalized(
    weight: Tensor, bias: Tensor, runningMean: Tensor, runningVariance: Tensor, isTraining: Bool, isRectified: Bool = false,
    momentum: Double, epsilon: Double
  ) throws -> Tensor {
    try applying(weight, bias, runningMean, runningVariance) {
      $0.batch_norm(
        handle, weight.handle, bias.handle, runningMean.handle, runningVariance.handle, isTraining, isRectified, momentum, epsilon, $1)
    }
  }

  /// - Parameter roundsUp: a last window that reaches past the edge counts, too (`ceil_mode`).
  public func maxPooled(kernel: Extent, stride: Extent, padding: Extent = 0, roundsUp: Bool = false) throws -> Tensor {
    try applying { $0.max_pool(handle, kernel.foreign, stride.foreign, padding.foreign, roundsUp, $1) }
  }

  /// - Parameter countsPadding: padded zeros are part of the mean (`count_include_pad`).
  public func averagePooled(
    kernel: Extent, stride: Extent, padding: Extent = 0, roundsUp: Bool = false, countsPadding: Bool = true
  ) throws -> Tensor {
    try applying { $0.average_pool(handle, kernel.foreign, stride.foreign, padding.foreign, roundsUp, countsPadding, $1) }
  }

  public func adaptiveAveragePooled(to output: Extent) throws -> Tensor {
    try applying { $0.adaptive_average_pool(handle, output.foreign, $1) }
  }

  /// The mean of each channel: (N, C, H, W) to (N, C).
  public func globalAveragePooled() throws -> Tensor { try adaptiveAveragePooled(to: 1).flattened() }

  /// Each element is zeroed with `probability`; the rest is scaled up so that the mean stays.
  public func droppedOut(probability: Double, generator: RandomGenerator) throws -> Tensor {
    try applying { table, error in
      withExtendedLifetime(generator) { table.dropout(handle, probability, generator.handle, error) }
    }
  }

  /// torch.nn.MultiLabelSoftMarginLoss: both (N, classes), targets 0 or 1.
  public func multilabelSoftMarginLoss(targets: Tensor) throws -> Tensor {
    try applying(targets) { $0.multilabel_soft_margin_loss(handle, targets.handle, $1) }
  }

  /// torch.nn.BCEWithLogitsLoss: both of one shape, targets 0 to 1.
  public func binaryCrossEntropyWithLogits(targets: Tensor) throws -> Tensor {
    try applying(targets) { $0.binary_cross_entropy_with_logits(handle, targets.handle, $1) }
  }
}
