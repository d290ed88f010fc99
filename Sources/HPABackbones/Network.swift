import Foundation
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
  /// From bytes to 0...1.
  static let pixelScale = 1.0 / 255
  /// What the names of the head's tensors begin with.
  static let headPrefix = "last_linear."

  public let backbone: Backbone
  public let store: ParameterStore
  private let featureMaps: any FeatureMaps
  private let head: Head

  /// - Parameters:
  ///   - seed: of the first weights.
  ///   - dropout: the chance that the head drops a number while it is trained.
  public init(_ backbone: Backbone, seed: UInt64, dropout: Double = 0.5, device: Device = .cpu) throws {
    self.backbone = backbone
    store = try ParameterStore(seed: seed, device: device)
    featureMaps = try backbone.make(store.root)
    head = try Head(store.root / "last_linear", width: backbone.width, dropout: Dropout(dropout))
  }

  /// Sets the last bias to the logits of how often each class occurs, so that training begins with what is known before any image is seen
  /// (Lin et al. 2017, section 4.1). Frequencies of 0 and 1 are taken as 1/1000 away from them.
  ///
  /// - Precondition: 28 frequencies, 0 to 1.
  func begin(atFrequencies frequencies: [Double]) throws {
    precondition(frequencies.count == ProteinLocation.count)
    let logits = frequencies.map { frequency in
      let share = min(max(frequency, 1e-3), 1 - 1e-3)
      return Float(log(share / (1 - share)))
    }
    try head.classes.bias.copy(from: Tensor(logits, shape: [logits.count]))
  }

  /// Lets every batch normalisation before the head begin with a bias of 1, so that most inputs of the ReLUs after it are above 0.
  ///
  /// A deep stack of normalised convolutions is then nearly linear at first. With biases of 0, every layer multiplies gradients by about 1.2
  /// (Yang et al. 2019, arXiv 1902.08129), and fifty layers from random weights hardly learn in the first hundreds of steps.
  func beginWithOpenRectifiers() throws {
    let normalized = store.entries.compactMap { entry in
      entry.name.hasPrefix(Network.headPrefix) || !entry.name.hasSuffix(".running_mean")
        ? nil : String(entry.name.dropLast("running_mean".count))
    }
    let biases = Set(normalized.map { $0 + "bias" })
    for entry in store.entries where biases.contains(entry.name) {
      try entry.tensor.copy(from: Tensor.ones([], device: entry.tensor.device))
    }
  }

  /// The mode for a network that is only used from now on.
  public static func inference(_ precision: Precision) -> ForwardMode {
    .inference(FusedConvolutions(type: precision.dataType, inputScale: pixelScale))
  }

  /// - Parameters:
  ///   - pixels: (N, 4, H, W), uint8, in the order r, g, b, y; scaled to 0...1 here.
  ///   - mode: for inference, one from `inference`, and of this network alone.
  public func callAsFunction(_ pixels: Tensor, _ mode: ForwardMode) throws -> Output {
    if case .inference(let fused, _) = mode {
      let input = try pixels.converted(to: fused.type).channelsLast()
      return try head(featureMaps(input, mode).converted(to: .float32).globalAveragePooled(), mode)
    }
    let input = try pixels.converted(to: .float32).scaled(by: Network.pixelScale).channelsLast()
    return try head(featureMaps(input, mode).globalAveragePooled(), mode)
  }
}

/// BatchNorm -> Dropout -> Linear(128) -> ReLU -> Dropout -> Linear(28), as the HPAIC team put it on every backbone.
private struct Head {
  let norm: BatchNorm
  let dropout: Dropout
  let features: Linear
  let classes: Linear

  init(_ path: ParameterPath, width: Int, dropout: Dropout) throws {
    self.dropout = dropout
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
