import HPATorch

/// How a first convolution that was trained on red, green and blue comes to take yellow, too.
public enum StemRule: String, Sendable, Codable, CaseIterable {
  /// All four channels begin at random, as the HPAIC team did.
  case random
  /// Red, green, blue, and red again, all times 3/4, so that the sum over channels keeps its scale: `adapt_input_conv` of timm.
  case tile
  /// Yellow takes a copy of red's weights; the others stay.
  case copyRedToYellow = "copy-red-to-yellow"

  /// (O, 3, h, w) to (O, 4, h, w).
  ///
  /// - Parameter random: first weights for the four channels.
  func adapted(_ weight: Tensor, random: Tensor) throws -> Tensor {
    switch self {
    case .random: random
    case .tile: try Self.copyRedToYellow.adapted(weight, random: random).scaled(by: 3.0 / 4)
    case .copyRedToYellow: try Tensor.concatenated([weight, try weight.narrowed(0..<1, dimension: 1)], dimension: 1)
    }
  }
}
