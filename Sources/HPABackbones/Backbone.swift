import HPACore
import HPATorch

/// A network that can be trained and used, and the facts about it.
public struct Backbone: Sendable {
  /// The name in commands, files and the registry.
  public let name: String
  /// Where it was described.
  public let paper: String
  /// Numbers in the trained parameters, head and 4-channel stem included.
  public let parameterCount: Int
  /// Channels that the pooled feature map has, before the head.
  public let width: Int
  /// Side of the smallest images: what its authors' code takes, and at least one pixel of the last feature map (32) where that takes any.
  public let smallestSize: Int
  /// Floating-point operations for one image of 512 x 512: of convolutions and linear layers, stem and head as they are here; a
  /// multiply-add counts as two, as in torch.utils.flop_counter.
  public let operations: Int
  /// Numbers that the convolutions give for one such image: what the memory of a training grows with.
  public let activations: Int
  /// The name of the first convolution's weight.
  public let stem: String
  /// Public ImageNet weights that fit, for instance; others of the same architecture do, too.
  public let weightFiles: [WeightFile]
  /// How other packages name its tensors.
  let nameRules: [NameRule]
  let make: @Sendable (ParameterPath) throws -> any FeatureMaps

  /// Every backbone, by name: those of the HPAIC team's result, then those that it tried.
  public static let all: [Backbone] = [
    .inceptionV3, .inceptionV4, .xception, .vgg16, .resNet18, .resNet34, .resNet50, .resNeXt50, .seResNet50, .seResNeXt50,
  ]

  /// - Throws: `usage` that lists the names there are.
  public static func named(_ name: String) throws -> Backbone {
    guard let found = all.first(where: { $0.name == name }) else {
      throw Failure(.usage, "there is no backbone '\(name)'", cure: "Use one of: \(all.map(\.name).joined(separator: ", ")).")
    }
    return found
  }

  /// - Throws: `usage` where images of this size would vanish in the network.
  public func requireSize(_ size: Int) throws {
    guard size < smallestSize else { return }
    throw Failure(.usage, "\(name) takes images from \(smallestSize) pixels on, not \(size)", cure: "Use --size \(smallestSize) or more.")
  }
}

/// Trained weights that a Python package offers.
public struct WeightFile: Sendable, Encodable {
  public enum Package: String, Sendable, Encodable {
    case torchvision, timm, pretrainedmodels
  }

  public let package: Package
  /// Of the file; timm's are names of models, whose files are called model.safetensors.
  public let name: String

  init(_ package: Package, _ name: String) {
    self.package = package
    self.name = name
  }
}

/// The part of a network before its head: (N, 4, H, W) to (N, width, h, w).
protocol FeatureMaps {
  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor
}
