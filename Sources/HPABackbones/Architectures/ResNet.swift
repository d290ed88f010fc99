import HPATorch

/// ResNet: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, arXiv 1512.03385; ResNeXt: Xie et al., "Aggregated Residual
/// Transformations for Deep Neural Networks", CVPR 2017, arXiv 1611.05431.
///
/// What differs: four input channels; bottlenecks stride in their 3 x 3 convolution, as in torchvision, whose names the tensors have.
struct ResNet: FeatureMaps {
  private let stem: NormalizedConvolution
  private let blocks: [ResidualBlock]

  init(_ path: ParameterPath, _ shape: ResidualBlock.Shape, depths: [Int]) throws {
    stem = try NormalizedConvolution(path / "conv1", norm: path / "bn1", Network.channels, 64, kernel: 7, stride: 2, padding: 3)
    blocks = try ResidualBlock.stages(path, shape, depths: depths)
  }

  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor {
    try blocks.reduce(HalvingPool(padding: 1)(stem(input, isRectified: true, mode), mode)) { try $1($0, mode) }
  }
}

/// Convolutions beside a shortcut.
struct ResidualBlock: FeatureMaps {
  /// What the blocks of a network have in common.
  struct Shape {
    enum Stride { case first, second }

    /// 1 x 1, 3 x 3, 1 x 1 convolutions, or two 3 x 3.
    var isBottleneck = true
    /// Of the 3 x 3 convolution of a bottleneck.
    var groups = 1
    /// Channels of a group in the first stage.
    var groupWidth = 64
    /// The convolution that halves the map where a stage begins.
    var stride = Stride.second
    var hasSqueeze = false

    /// Channels of the block's output for one of its width.
    var expansion: Int { isBottleneck ? 4 : 1 }
  }

  private let layers: [NormalizedConvolution]
  private let squeeze: SqueezeExcitation?
  private let shortcut: NormalizedConvolution?

  /// - Parameter width: 64, 128, 256 or 512 by stage.
  private init(_ path: ParameterPath, _ shape: Shape, inputs: Int, width: Int, stride: Int) throws {
    let outputs = width * shape.expansion
    func layer(_ number: Int, _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, groups: Int = 1) throws -> NormalizedConvolution
    {
      try NormalizedConvolution(
        path / "conv\(number)", norm: path / "bn\(number)", inputs, outputs, kernel: Extent(kernel, kernel), stride: Extent(stride, stride),
        padding: Extent(kernel / 2, kernel / 2), groups: groups)
    }
    if shape.isBottleneck {
      let inner = width * shape.groupWidth / 64 * shape.groups
      let strides = shape.stride == .first ? (stride, 1) : (1, stride)
      layers = [
        try layer(1, inputs, inner, kernel: 1, stride: strides.0),
        try layer(2, inner, inner, kernel: 3, stride: strides.1, groups: shape.groups),
        try layer(3, inner, outputs, kernel: 1),
      ]
    } else {
      layers = [try layer(1, inputs, outputs, kernel: 3, stride: stride), try layer(2, outputs, outputs, kernel: 3)]
    }
    squeeze = shape.hasSqueeze ? try SqueezeExcitation(path / "se_module", outputs) : nil
    shortcut =
      inputs == outputs && stride == 1
      ? nil
      : try NormalizedConvolution(
        path / "downsample" / 0, norm: path / "downsample" / 1, inputs, outputs, kernel: 1, stride: Extent(stride, stride))
  }

  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor {
    let last = layers.count - 1
    let hidden = try layers[..<last].reduce(input) { try $1($0, isRectified: true, mode) }
    let beside = try shortcut?(input, mode) ?? input
    guard let squeeze else { return try layers[last](hidden, adding: beside, isRectified: true, mode) }
    return try squeeze(layers[last](hidden, mode), mode).adding(beside).relu()
  }

  /// `layer1` to `layer4`, each half as large and twice as wide as the one before, from a stem of 64 channels.
  static func stages(_ path: ParameterPath, _ shape: Shape, depths: [Int]) throws -> [ResidualBlock] {
    var inputs = 64
    return try depths.enumerated().flatMap { stage, depth in
      try (0..<depth).map { block in
        let width = 64 << stage
        defer { inputs = width * shape.expansion }
        return try ResidualBlock(
          path / "layer\(stage + 1)" / block, shape, inputs: inputs, width: width, stride: stage > 0 && block == 0 ? 2 : 1)
      }
    }
  }
}

extension Backbone {
  public static let resNet18 = Backbone(
    name: "resnet18", paper: "He et al. 2016, arXiv 1512.03385", parameterCount: 11_249_948, width: 512, smallestSize: 32,
    operations: 19_361_045_504, activations: 12_976_128, stem: "conv1.weight",
    weightFiles: [
      WeightFile(.torchvision, "resnet18-f37072fd.pth"), WeightFile(.timm, "resnet18.tv_in1k"), WeightFile(.timm, "resnet18.a1_in1k"),
      WeightFile(.pretrainedmodels, "resnet18-5c106cde.pth"),
    ],
    nameRules: NameRule.common, make: { try ResNet($0, .init(isBottleneck: false), depths: [2, 2, 2, 2]) })

  public static let resNet34 = Backbone(
    name: "resnet34", paper: "He et al. 2016, arXiv 1512.03385", parameterCount: 21_358_108, width: 512, smallestSize: 32,
    operations: 38_688_398_336, activations: 19_529_728, stem: "conv1.weight",
    weightFiles: [
      WeightFile(.torchvision, "resnet34-b627a593.pth"), WeightFile(.timm, "resnet34.tv_in1k"), WeightFile(.timm, "resnet34.a1_in1k"),
      WeightFile(.pretrainedmodels, "resnet34-333f7ec4.pth"),
    ],
    nameRules: NameRule.common, make: { try ResNet($0, .init(isBottleneck: false), depths: [3, 4, 6, 3]) })

  public static let resNet50 = Backbone(
    name: "resnet50", paper: "He et al. 2016, arXiv 1512.03385", parameterCount: 23_781_148, width: 2048, smallestSize: 32,
    operations: 43_117_976_576, activations: 58_064_896, stem: "conv1.weight",
    weightFiles: [
      WeightFile(.torchvision, "resnet50-11ad3fa6.pth"), WeightFile(.torchvision, "resnet50-0676ba61.pth"),
      WeightFile(.timm, "resnet50.tv_in1k"), WeightFile(.timm, "resnet50.a1_in1k"),
      WeightFile(.pretrainedmodels, "resnet50-19c8e357.pth"),
    ],
    nameRules: NameRule.common, make: { try ResNet($0, .init(), depths: [3, 4, 6, 3]) })

  public static let resNeXt50 = Backbone(
    name: "resnext50_32x4d", paper: "Xie et al. 2017, arXiv 1611.05431", parameterCount: 23_253_020, width: 2048, smallestSize: 32,
    operations: 44_594_371_584, activations: 75_235_328, stem: "conv1.weight",
    weightFiles: [
      WeightFile(.torchvision, "resnext50_32x4d-1a0047aa.pth"), WeightFile(.torchvision, "resnext50_32x4d-7cdf4587.pth"),
      WeightFile(.timm, "resnext50_32x4d.tv_in1k"), WeightFile(.timm, "resnext50_32x4d.a1_in1k"),
    ],
    nameRules: NameRule.common, make: { try ResNet($0, .init(groups: 32, groupWidth: 4), depths: [3, 4, 6, 3]) })
}
