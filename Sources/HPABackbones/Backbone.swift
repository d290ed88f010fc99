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
  /// Side of the smallest images that its authors' code takes.
  public let smallestSize: Int
  let make: @Sendable (ParameterPath) throws -> any FeatureMaps

  /// Every backbone, by name.
  public static let all: [Backbone] = [.inceptionV3, .inceptionV4, .xception]

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

/// The part of a network before its head: (N, 4, H, W) to (N, width, h, w).
protocol FeatureMaps {
  func callAsFunction(_ input: Tensor, _ mode: ForwardMode) throws -> Tensor
}
