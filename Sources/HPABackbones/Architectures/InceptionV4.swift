import HPATorch

/// Inception-v4: Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning", AAAI 2017,
/// arXiv 1602.07261.
///
/// What differs: four input channels, global average pooling. Tensors are named as in the pretrainedmodels package, whose ImageNet
/// weights come from TensorFlow: average pools leave the padding out.
struct InceptionV4: FeatureMaps {
  private let parts: Chain

  init(_ path: ParameterPath) throws {
    let features = path / "features"
    let stem: [any InceptionPart] = [
      try ConvolutionBlock(features / 0, Network.channels, 32, kernel: 3, stride: 2),
      try ConvolutionBlock(features / 1, 32, 32, kernel: 3),
      try ConvolutionBlock(features / 2, 32, 64, kernel: 3, padding: 1),
      Branches([HalvingMaxPool(), try ConvolutionBlock(features / 3 / "conv", 64, 96, kernel: 3, stride: 2)]),
      try Self.widening(features / 4),
      Branches([try ConvolutionBlock(features / 5 / "conv", 192, 192, kernel: 3, stride: 2), HalvingMaxPool()]),
    ]
    let grid35 = try (6...9).map { try Self.grid35(features / $0) }
    let grid17 = try (11...17).map { try Self.grid17(features / $0) }
    let grid8 = try (19...21).map { try Self.grid8(features / $0) }
    parts = Chain(stem + grid35 + [try Self.reduction35(features / 10)] + grid17 + [try Self.reduction17(features / 18)] + grid8)
  }

  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor { try parts(input, mode) }

  private typealias Step = (outputs: Int, kernel: Extent, stride: Extent, padding: Extent)

  /// Convolution blocks named 0, 1, 2 ... in a branch.
  private static func branch(_ path: ParameterPath, _ inputs: Int, _ steps: [Step]) throws -> Chain {
    let widths = [inputs] + steps.map(\.outputs)
    return Chain(
      try steps.enumerated().map { index, step in
        try ConvolutionBlock(path / index, widths[index], step.outputs, kernel: step.kernel, stride: step.stride, padding: step.padding)
      })
  }

  private static func pool(_ path: ParameterPath, _ inputs: Int, _ outputs: Int) throws -> PooledBranch {
    // The pool itself is the branch's member 0.
    try PooledBranch(path / 1, inputs, outputs, countsPadding: false)
  }

  /// The second fork of the stem, figure 3.
  private static func widening(_ path: ParameterPath) throws -> Branches {
    Branches([
      try branch(path / "branch0", 160, [(64, 1, 1, 0), (96, 3, 1, 0)]),
      try branch(path / "branch1", 160, [(64, 1, 1, 0), (64, .row7, 1, .row7Padding), (64, .column7, 1, .column7Padding), (96, 3, 1, 0)]),
    ])
  }

  /// Inception-A, figure 4; the grids are named by their side where images have 299 pixels.
  private static func grid35(_ path: ParameterPath) throws -> Branches {
    Branches([
      try ConvolutionBlock(path / "branch0", 384, 96, kernel: 1),
      try branch(path / "branch1", 384, [(64, 1, 1, 0), (96, 3, 1, 1)]),
      try branch(path / "branch2", 384, [(64, 1, 1, 0), (96, 3, 1, 1), (96, 3, 1, 1)]),
      try pool(path / "branch3", 384, 96),
    ])
  }

  private static func reduction35(_ path: ParameterPath) throws -> Branches {
    Branches([
      try ConvolutionBlock(path / "branch0", 384, 384, kernel: 3, stride: 2),
      try branch(path / "branch1", 384, [(192, 1, 1, 0), (224, 3, 1, 1), (256, 3, 2, 0)]),
      HalvingMaxPool(),
    ])
  }

  /// Inception-B, figure 5.
  private static func grid17(_ path: ParameterPath) throws -> Branches {
    Branches([
      try ConvolutionBlock(path / "branch0", 1024, 384, kernel: 1),
      try branch(path / "branch1", 1024, [(192, 1, 1, 0), (224, .row7, 1, .row7Padding), (256, .column7, 1, .column7Padding)]),
      try branch(
        path / "branch2", 1024,
        [
          (192, 1, 1, 0), (192, .column7, 1, .column7Padding), (224, .row7, 1, .row7Padding), (224, .column7, 1, .column7Padding),
          (256, .row7, 1, .row7Padding),
        ]),
      try pool(path / "branch3", 1024, 128),
    ])
  }

  private static func reduction17(_ path: ParameterPath) throws -> Branches {
    Branches([
      try branch(path / "branch0", 1024, [(192, 1, 1, 0), (192, 3, 2, 0)]),
      try branch(
        path / "branch1", 1024, [(256, 1, 1, 0), (256, .row7, 1, .row7Padding), (320, .column7, 1, .column7Padding), (320, 3, 2, 0)]),
      HalvingMaxPool(),
    ])
  }

  /// Inception-C, figure 6.
  private static func grid8(_ path: ParameterPath) throws -> Branches {
    Branches([
      try ConvolutionBlock(path / "branch0", 1536, 256, kernel: 1),
      Chain([
        try ConvolutionBlock(path / "branch1_0", 1536, 384, kernel: 1),
        Branches([
          try ConvolutionBlock(path / "branch1_1a", 384, 256, kernel: .row3, padding: .row3Padding),
          try ConvolutionBlock(path / "branch1_1b", 384, 256, kernel: .column3, padding: .column3Padding),
        ]),
      ]),
      Chain([
        try ConvolutionBlock(path / "branch2_0", 1536, 384, kernel: 1),
        try ConvolutionBlock(path / "branch2_1", 384, 448, kernel: .column3, padding: .column3Padding),
        try ConvolutionBlock(path / "branch2_2", 448, 512, kernel: .row3, padding: .row3Padding),
        Branches([
          try ConvolutionBlock(path / "branch2_3a", 512, 256, kernel: .row3, padding: .row3Padding),
          try ConvolutionBlock(path / "branch2_3b", 512, 256, kernel: .column3, padding: .column3Padding),
        ]),
      ]),
      try pool(path / "branch3", 1536, 256),
    ])
  }
}

extension Backbone {
  public static let inceptionV4 = Backbone(
    name: "inceptionv4", paper: "Szegedy et al. 2017, arXiv 1602.07261", parameterCount: 41_346_524, width: 1536, smallestSize: 75,
    operations: 75_413_941_504, activations: 45_908_832, stem: "features.0.conv.weight",
    weightFiles: [
      WeightFile(.timm, "inception_v4.tf_in1k"),
      WeightFile(.pretrainedmodels, "inceptionv4-8e4777a0.pth"),
    ],
    nameRules: NameRule.common,
    make: InceptionV4.init)
}
