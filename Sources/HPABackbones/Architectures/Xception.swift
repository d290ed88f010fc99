import HPATorch

/// Xception: Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", CVPR 2017, arXiv 1610.02357.
///
/// What differs: four input channels; the first convolution has no padding, and the classifier gives way to the common head. Tensors
/// are named as in the pretrainedmodels package: a block's `rep` counts its ReLUs and pools, too.
struct Xception: FeatureMaps {
  private let entry: [(convolution: Convolution, norm: BatchNorm)]
  private let blocks: [Block]
  private let exit: [(convolution: SeparableConvolution, norm: BatchNorm)]

  init(_ path: ParameterPath) throws {
    entry = [
      (try Convolution(path / "conv1", Network.channels, 32, kernel: 3, stride: 2), try BatchNorm(path / "bn1", 32)),
      (try Convolution(path / "conv2", 32, 64, kernel: 3), try BatchNorm(path / "bn2", 64)),
    ]
    let middle = (4...11).map { Block.Shape(number: $0, inputs: 728, outputs: 728, layers: 3, stride: 1) }
    let shapes =
      [
        Block.Shape(number: 1, inputs: 64, outputs: 128, layers: 2, stride: 2, startsWithReLU: false),
        Block.Shape(number: 2, inputs: 128, outputs: 256, layers: 2, stride: 2),
        Block.Shape(number: 3, inputs: 256, outputs: 728, layers: 2, stride: 2),
      ] + middle + [Block.Shape(number: 12, inputs: 728, outputs: 1024, layers: 2, stride: 2, growsFirst: false)]
    blocks = try shapes.map { try Block(path / "block\($0.number)", $0) }
    exit = [
      (try SeparableConvolution(path / "conv3", 1024, 1536), try BatchNorm(path / "bn3", 1536)),
      (try SeparableConvolution(path / "conv4", 1536, 2048), try BatchNorm(path / "bn4", 2048)),
    ]
  }

  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor {
    let entered = try entry.reduce(input) { try $1.convolution($0, norm: $1.norm, isRectified: true, mode) }
    let blocked = try blocks.reduce(entered) { try $1($0, mode) }
    return try exit.reduce(blocked) { try $1.convolution($0, norm: $1.norm, isRectified: true, mode) }
  }
}

/// A 3 x 3 convolution of each channel alone, then a 1 x 1 across channels.
private struct SeparableConvolution {
  let depthwise: Convolution
  let pointwise: Convolution

  init(_ path: ParameterPath, _ inputs: Int, _ outputs: Int) throws {
    depthwise = try Convolution(path / "conv1", inputs, inputs, kernel: 3, padding: 1, groups: inputs)
    pointwise = try Convolution(path / "pointwise", inputs, outputs, kernel: 1)
  }

  func callAsFunction(
    _ input: Tensor, rectifiesInput: Bool = false, norm: BatchNorm, adding addend: Tensor? = nil, isRectified: Bool = false,
    _ mode: ForwardMode
  ) throws -> Tensor {
    try pointwise.ofEachChannel(
      depthwise, input, rectifiesInput: rectifiesInput, norm: norm, adding: addend, isRectified: isRectified, mode)
  }
}

/// Separable convolutions beside a shortcut.
private struct Block {
  struct Shape {
    let number: Int
    let inputs: Int
    let outputs: Int
    /// Separable convolutions.
    let layers: Int
    /// 2: the block ends in a max pool, and the shortcut strides.
    let stride: Int
    var startsWithReLU = true
    /// Whether the first convolution widens, or the last.
    var growsFirst = true
  }

  private let shape: Shape
  private let layers: [(convolution: SeparableConvolution, norm: BatchNorm)]
  private let shortcut: (convolution: Convolution, norm: BatchNorm)?

  init(_ path: ParameterPath, _ shape: Shape) throws {
    self.shape = shape
    if shape.inputs != shape.outputs || shape.stride != 1 {
      shortcut = (
        try Convolution(path / "skip", shape.inputs, shape.outputs, kernel: 1, stride: Extent(shape.stride, shape.stride)),
        try BatchNorm(path / "skipbn", shape.outputs)
      )
    } else {
      shortcut = nil
    }
    let widths =
      [shape.inputs] + (1..<shape.layers).map { _ in shape.growsFirst ? shape.outputs : shape.inputs } + [shape.outputs]
    let first = shape.startsWithReLU ? 1 : 0
    layers = try (0..<shape.layers).map { layer in
      // Each layer is ReLU, convolution, norm.
      let index = first + 3 * layer
      return (
        try SeparableConvolution(path / "rep" / index, widths[layer], widths[layer + 1]),
        try BatchNorm(path / "rep" / (index + 1), widths[layer + 1])
      )
    }
  }

  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor {
    let beside = shape.stride == 1 ? try shortcut(input, mode) : nil
    var output = input
    for (index, layer) in layers.enumerated() {
      let isLast = index == layers.count - 1
      output = try layer.convolution(
        output, rectifiesInput: index == 0 && shape.startsWithReLU, norm: layer.norm, adding: isLast ? beside : nil, isRectified: !isLast,
        mode)
    }
    guard shape.stride != 1 else { return output }
    return try shortcut(input, adding: HalvingPool(padding: 1)(output, mode), mode)
  }

  private func shortcut(_ input: Tensor, adding addend: Tensor? = nil, _ mode: ForwardMode) throws -> Tensor {
    guard let shortcut else { return try addend.map { try input.adding($0) } ?? input }
    return try shortcut.convolution(input, norm: shortcut.norm, adding: addend, mode)
  }
}

extension Backbone {
  public static let xception = Backbone(
    name: "xception", paper: "Chollet 2017, arXiv 1610.02357", parameterCount: 21_077_220, width: 2048, smallestSize: 71,
    operations: 47_835_400_576, activations: 104_060_448, stem: "conv1.weight",
    weightFiles: [
      WeightFile(.timm, "legacy_xception.tf_in1k"),
      WeightFile(.pretrainedmodels, "xception-43020ad28.pth"),
    ],
    nameRules: NameRule.common,
    make: Xception.init)
}
