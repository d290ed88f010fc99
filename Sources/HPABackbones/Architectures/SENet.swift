import HPATorch

/// SENet: Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018, arXiv 1709.01507; on the blocks of ResNet and ResNeXt.
///
/// What differs: four input channels. Tensors are named as in the pretrainedmodels package, whose weights come from Caffe: the first pool is
/// not padded but rounds its size up, and the bottlenecks of SE-ResNet (not those of SE-ResNeXt) stride in their first convolution.
struct SENet: FeatureMaps {
  private let stem: NormalizedConvolution
  private let blocks: [ResidualBlock]

  init(_ path: ParameterPath, _ shape: ResidualBlock.Shape, depths: [Int]) throws {
    let first = path / "layer0"
    stem = try NormalizedConvolution(first / "conv1", norm: first / "bn1", Network.channels, 64, kernel: 7, stride: 2, padding: 3)
    blocks = try ResidualBlock.stages(path, shape, depths: depths)
  }

  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor {
    try blocks.reduce(HalvingPool(roundsUp: true)(stem(input, isRectified: true, mode), mode)) { try $1($0, mode) }
  }
}

/// Scales every channel by what a small network makes of the means of all channels.
struct SqueezeExcitation {
  private static let reduction = 16

  private let squeeze: Convolution
  private let excite: Convolution

  init(_ path: ParameterPath, _ channels: Int) throws {
    squeeze = try Convolution(path / "fc1", channels, channels / Self.reduction, kernel: 1, hasBias: true)
    excite = try Convolution(path / "fc2", channels / Self.reduction, channels, kernel: 1, hasBias: true)
  }

  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor {
    let squeezed = try squeeze(input.adaptiveAveragePooled(to: 1), norm: nil, isRectified: true, mode)
    return try input.multiplied(by: excite(squeezed, norm: nil, mode).sigmoid())
  }
}

extension Backbone {
  public static let seResNet50 = Backbone(
    name: "se_resnet50", paper: "Hu et al. 2018, arXiv 1709.01507", parameterCount: 26_312_140, width: 2048, smallestSize: 32,
    operations: 40_707_087_360, activations: 55_328_432, stem: "layer0.conv1.weight",
    weightFiles: [WeightFile(.timm, "legacy_seresnet50.in1k"), WeightFile(.pretrainedmodels, "se_resnet50-ce0d4300.pth")],
    nameRules: NameRule.common, make: { try SENet($0, .init(stride: .first, hasSqueeze: true), depths: [3, 4, 6, 3]) })

  public static let seResNeXt50 = Backbone(
    name: "se_resnext50_32x4d", paper: "Hu et al. 2018, arXiv 1709.01507", parameterCount: 25_784_012, width: 2048, smallestSize: 32,
    operations: 44_599_401_472, activations: 75_251_376, stem: "layer0.conv1.weight",
    weightFiles: [WeightFile(.timm, "legacy_seresnext50_32x4d.in1k"), WeightFile(.pretrainedmodels, "se_resnext50_32x4d-a260b3a4.pth")],
    nameRules: NameRule.common, make: { try SENet($0, .init(groups: 32, groupWidth: 4, hasSqueeze: true), depths: [3, 4, 6, 3]) })
}
