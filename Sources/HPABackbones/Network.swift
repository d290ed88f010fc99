import HPACore
public import HPATorch

/// A backbone with its head: images in, 128 features and 28 logits out.
public final class Network {
  public struct Output {
    /// (N, 128): the first linear layer's output, before its ReLU.
    public let features: Tensor
    /// (N, 28): sigmoid gives the scores.
    public let logits: Tensor
  }

  /// r, g, b, y.
  public static let channels = 4
  public static let featureCount = 128

  public let backbone: Backbone
  public let store: ParameterStore
  private let featureMaps: any FeatureMaps
  private let head: Head

  /// - Parameter seed: of the first weights.
  public init(_ backbone: Backbone, seed: UInt64, device: Device = .cpu) throws {
    self.backbone = backbone
    store = try ParameterStore(seed: seed, device: device)
    featureMaps = try backbone.make(store.root)
    head = try Head(store.root / "last_linear", width: backbone.width)
  }

  /// - Parameter pixels: (N, 4, H, W), uint8, in the order r, g, b, y; scaled to 0...1 here.
  public func callAsFunction(_ pixels: Tensor, _ mode: ForwardMode) throws -> Output {
    let input = try pixels.converted(to: .float32).scaled(by: 1 / 255).channelsLast()
    return try head(featureMaps(input, mode).globalAveragePooled(), mode)
  }
}

/// BatchNorm -> Dropout -> Linear(128) -> ReLU -> Dropout -> Linear(28), as the HPAIC team put it on every backbone.
private struct Head {
  let norm: BatchNorm
  let dropout = Dropout(0.5)
  let features: Linear
  let classes: Linear

  init(_ path: ParameterPath, width: Int) throws {
    norm = try BatchNorm(path / 0, width)
    features = try Linear(path / 2, width, Network.featureCount)
    classes = try Linear(path / 5, Network.featureCount, ProteinLocation.count)
  }

  func callAsFunction(_ pooled: Tensor, _ mode: ForwardMode) throws -> Network.Output {
    let features = try features(dropout(norm(pooled, mode), mode))
    let logits = try classes(dropout(features.relu(), mode))
    // Whatever the precision inside: losses and stored features are float32.
    return Network.Output(features: try features.converted(to: .float32), logits: try logits.converted(to: .float32))
  }
}
