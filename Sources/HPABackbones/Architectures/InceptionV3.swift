import HPATorch

/// Inception-v3: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, arXiv 1512.00567.
///
/// What differs: four input channels, no auxiliary classifier, global average pooling. Tensors are named as in torchvision.
struct InceptionV3: FeatureMaps {
  private let parts: Chain

  init(_ path: ParameterPath) throws {
    func block(_ name: String, _ inputs: Int, _ outputs: Int, _ kernel: Extent, stride: Extent = 1, padding: Extent = 0) throws
      -> ConvolutionBlock
    {
      try ConvolutionBlock(path / name, inputs, outputs, kernel: kernel, stride: stride, padding: padding)
    }
    parts = Chain([
      try block("Conv2d_1a_3x3", Network.channels, 32, 3, stride: 2),
      try block("Conv2d_2a_3x3", 32, 32, 3),
      try block("Conv2d_2b_3x3", 32, 64, 3, padding: 1),
      HalvingMaxPool(),
      try block("Conv2d_3b_1x1", 64, 80, 1),
      try block("Conv2d_4a_3x3", 80, 192, 3),
      HalvingMaxPool(),
      try Self.grid35(path / "Mixed_5b", 192, pooled: 32),
      try Self.grid35(path / "Mixed_5c", 256, pooled: 64),
      try Self.grid35(path / "Mixed_5d", 288, pooled: 64),
      try Self.reduction35(path / "Mixed_6a", 288),
      try Self.grid17(path / "Mixed_6b", 768, inner: 128),
      try Self.grid17(path / "Mixed_6c", 768, inner: 160),
      try Self.grid17(path / "Mixed_6d", 768, inner: 160),
      try Self.grid17(path / "Mixed_6e", 768, inner: 192),
      try Self.reduction17(path / "Mixed_7a", 768),
      try Self.grid8(path / "Mixed_7b", 1280),
      try Self.grid8(path / "Mixed_7c", 2048),
    ])
  }

  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor { try parts(input, mode) }

  /// Figure 5 of the paper; the grids are named by their side where images have 299 pixels.
  private static func grid35(_ path: ParameterPath, _ inputs: Int, pooled: Int) throws -> Branches {
    Branches([
      try ConvolutionBlock(path / "branch1x1", inputs, 64, kernel: 1),
      Chain([
        try ConvolutionBlock(path / "branch5x5_1", inputs, 48, kernel: 1),
        try ConvolutionBlock(path / "branch5x5_2", 48, 64, kernel: 5, padding: 2),
      ]),
      Chain([
        try ConvolutionBlock(path / "branch3x3dbl_1", inputs, 64, kernel: 1),
        try ConvolutionBlock(path / "branch3x3dbl_2", 64, 96, kernel: 3, padding: 1),
        try ConvolutionBlock(path / "branch3x3dbl_3", 96, 96, kernel: 3, padding: 1),
      ]),
      try pool(path, inputs, pooled),
    ])
  }

  private static func reduction35(_ path: ParameterPath, _ inputs: Int) throws -> Branches {
    Branches([
      try ConvolutionBlock(path / "branch3x3", inputs, 384, kernel: 3, stride: 2),
      Chain([
        try ConvolutionBlock(path / "branch3x3dbl_1", inputs, 64, kernel: 1),
        try ConvolutionBlock(path / "branch3x3dbl_2", 64, 96, kernel: 3, padding: 1),
        try ConvolutionBlock(path / "branch3x3dbl_3", 96, 96, kernel: 3, stride: 2),
      ]),
      HalvingMaxPool(),
    ])
  }

  /// Figure 6: 7 x 7 as 1 x 7 and 7 x 1.
  private static func grid17(_ path: ParameterPath, _ inputs: Int, inner: Int) throws -> Branches {
    Branches([
      try ConvolutionBlock(path / "branch1x1", inputs, 192, kernel: 1),
      Chain([
        try ConvolutionBlock(path / "branch7x7_1", inputs, inner, kernel: 1),
        try ConvolutionBlock(path / "branch7x7_2", inner, inner, kernel: .row7, padding: .row7Padding),
        try ConvolutionBlock(path / "branch7x7_3", inner, 192, kernel: .column7, padding: .column7Padding),
      ]),
      Chain([
        try ConvolutionBlock(path / "branch7x7dbl_1", inputs, inner, kernel: 1),
        try ConvolutionBlock(path / "branch7x7dbl_2", inner, inner, kernel: .column7, padding: .column7Padding),
        try ConvolutionBlock(path / "branch7x7dbl_3", inner, inner, kernel: .row7, padding: .row7Padding),
        try ConvolutionBlock(path / "branch7x7dbl_4", inner, inner, kernel: .column7, padding: .column7Padding),
        try ConvolutionBlock(path / "branch7x7dbl_5", inner, 192, kernel: .row7, padding: .row7Padding),
      ]),
      try pool(path, inputs, 192),
    ])
  }

  private static func reduction17(_ path: ParameterPath, _ inputs: Int) throws -> Branches {
    Branches([
      Chain([
        try ConvolutionBlock(path / "branch3x3_1", inputs, 192, kernel: 1),
        try ConvolutionBlock(path / "branch3x3_2", 192, 320, kernel: 3, stride: 2),
      ]),
      Chain([
        try ConvolutionBlock(path / "branch7x7x3_1", inputs, 192, kernel: 1),
        try ConvolutionBlock(path / "branch7x7x3_2", 192, 192, kernel: .row7, padding: .row7Padding),
        try ConvolutionBlock(path / "branch7x7x3_3", 192, 192, kernel: .column7, padding: .column7Padding),
        try ConvolutionBlock(path / "branch7x7x3_4", 192, 192, kernel: 3, stride: 2),
      ]),
      HalvingMaxPool(),
    ])
  }

  /// Figure 7: wide rather than deep on the coarsest grid.
  private static func grid8(_ path: ParameterPath, _ inputs: Int) throws -> Branches {
    Branches([
      try ConvolutionBlock(path / "branch1x1", inputs, 320, kernel: 1),
      Chain([
        try ConvolutionBlock(path / "branch3x3_1", inputs, 384, kernel: 1),
        Branches([
          try ConvolutionBlock(path / "branch3x3_2a", 384, 384, kernel: .row3, padding: .row3Padding),
          try ConvolutionBlock(path / "branch3x3_2b", 384, 384, kernel: .column3, padding: .column3Padding),
        ]),
      ]),
      Chain([
        try ConvolutionBlock(path / "branch3x3dbl_1", inputs, 448, kernel: 1),
        try ConvolutionBlock(path / "branch3x3dbl_2", 448, 384, kernel: 3, padding: 1),
        Branches([
          try ConvolutionBlock(path / "branch3x3dbl_3a", 384, 384, kernel: .row3, padding: .row3Padding),
          try ConvolutionBlock(path / "branch3x3dbl_3b", 384, 384, kernel: .column3, padding: .column3Padding),
        ]),
      ]),
      try pool(path, inputs, 192),
    ])
  }

  private static func pool(_ path: ParameterPath, _ inputs: Int, _ outputs: Int) throws -> PooledBranch {
    try PooledBranch(path / "branch_pool", inputs, outputs, countsPadding: true)
  }
}

/// Kernels that are one pixel high or wide, with the padding that keeps the size.
extension Extent {
  static let row7 = Extent(1, 7)
  static let row7Padding = Extent(0, 3)
  static let column7 = Extent(7, 1)
  static let column7Padding = Extent(3, 0)
  static let row3 = Extent(1, 3)
  static let row3Padding = Extent(0, 1)
  static let column3 = Extent(3, 1)
  static let column3Padding = Extent(1, 0)
}

extension Backbone {
  public static let inceptionV3 = Backbone(
    name: "inceptionv3", paper: "Szegedy et al. 2016, arXiv 1512.00567", parameterCount: 22_055_836, width: 2048, smallestSize: 75,
    operations: 35_077_603_584, activations: 27_184_912, stem: "Conv2d_1a_3x3.conv.weight",
    weightFiles: [
      WeightFile(.torchvision, "inception_v3_google-0cc3c7bd.pth"),
      WeightFile(.timm, "inception_v3.tv_in1k"),
      WeightFile(.timm, "inception_v3.tf_in1k"),
      WeightFile(.timm, "inception_v3.tf_adv_in1k"),
      WeightFile(.timm, "inception_v3.gluon_in1k"),
      WeightFile(.pretrainedmodels, "inception_v3_google-1a9a5a14.pth"),
    ],
    nameRules: NameRule.common + [.auxiliary("AuxLogits.")],
    make: InceptionV3.init)
}
