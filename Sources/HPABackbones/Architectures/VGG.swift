import HPATorch

/// VGG: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015, arXiv 1409.1556.
///
/// What differs: batch norm after every convolution, four input channels, global average pooling and the common head in place of the three
/// wide linear layers. Tensors are named as in torchvision: `features` counts ReLUs and pools, too.
struct VGG: FeatureMaps {
  /// Convolutions of the same width, then a pool.
  typealias Stage = (width: Int, layers: Int)

  private let stages: [[(convolution: Convolution, norm: BatchNorm)]]

  init(_ path: ParameterPath, _ shape: [Stage]) throws {
    var (index, inputs) = (0, Network.channels)
    stages = try shape.map { stage in
      // After the stage stands its pool.
      defer { index += 1 }
      return try (0..<stage.layers).map { _ in
        // Convolution, norm, ReLU.
        defer { (index, inputs) = (index + 3, stage.width) }
        return (
          try Convolution(path / "features" / index, inputs, stage.width, kernel: 3, padding: 1, hasBias: true),
          try BatchNorm(path / "features" / (index + 1), stage.width)
        )
      }
    }
  }

  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor {
    try stages.reduce(input) { input, stage in
      try stage.reduce(input) { try $1.convolution($0, norm: $1.norm, isRectified: true, mode) }.maxPooled(kernel: 2, stride: 2)
    }
  }
}

extension Backbone {
  public static let vgg16 = Backbone(
    name: "vgg16_bn", paper: "Simonyan and Zisserman 2015, arXiv 1409.1556", parameterCount: 14_794_012, width: 512, smallestSize: 32,
    operations: 160_658_758_656, activations: 70_778_880, stem: "features.0.weight",
    weightFiles: [WeightFile(.torchvision, "vgg16_bn-6c64b313.pth"), WeightFile(.timm, "vgg16_bn.tv_in1k")],
    nameRules: NameRule.common + [
      .classifier("classifier."), .classifier("pre_logits."), .classifier("head.fc."), .classifier("linear0."), .classifier("linear1."),
      .prefix("_features.", "features."),
    ],
    make: { try VGG($0, [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]) })
}
