/// The four stains of a cell image, in the channel order of every pixel stack: r, g, b, y.
public enum Stain: String, CaseIterable, Sendable, Codable {
  /// Microtubules.
  case red
  /// The protein of interest.
  case green
  /// Nucleus.
  case blue
  /// Endoplasmic reticulum.
  case yellow

  public var index: Int {
    switch self {
    case .red: 0
    case .green: 1
    case .blue: 2
    case .yellow: 3
    }
  }

  public var letter: Character { Character(String(rawValue.prefix(1))) }
}
