/// A colour as red, green, blue and opacity, each in 0...1.
public struct Colour: Sendable, Equatable {
  public let red: Double
  public let green: Double
  public let blue: Double
  public let opacity: Double

  /// - Parameter hex: `0xRRGGBB`.
  public init(_ hex: UInt32, opacity: Double = 1) {
    red = Double(hex >> 16 & 0xFF) / 255
    green = Double(hex >> 8 & 0xFF) / 255
    blue = Double(hex & 0xFF) / 255
    self.opacity = opacity
  }

  private init(red: Double, green: Double, blue: Double, opacity: Double) {
    self.red = red
    self.green = green
    self.blue = blue
    self.opacity = opacity
  }

  public func faded(to opacity: Double) -> Colour { Colour(red: red, green: green, blue: blue, opacity: opacity) }

  public static let paper = Colour(0xFFFFFF)
  public static let text = Colour(0x1F2328)
  public static let quiet = Colour(0x656D76)
  public static let hairline = Colour(0xD8DEE4)

  /// The eight colours that stay apart for colour-blind eyes, blue first and black last (Okabe and Ito 2008).
  public static let series: [Colour] = [0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7, 0xE69F00, 0x56B4E9, 0xF0E442, 0x000000].map { Colour($0) }

  /// Light to dark blue for 0 to 1, evenly in lightness, so that it reads alike in grey (ColorBrewer's Blues).
  static func ramp(_ value: Double) -> Colour {
    let place = min(max(value, 0), 1) * Double(blues.count - 1)
    let (low, share) = (min(Int(place), blues.count - 2), place - Double(min(Int(place), blues.count - 2)))
    let mix = { (part: KeyPath<Colour, Double>) in blues[low][keyPath: part] * (1 - share) + blues[low + 1][keyPath: part] * share }
    return Colour(red: mix(\.red), green: mix(\.green), blue: mix(\.blue), opacity: 1)
  }

  private static let blues = [0xF7FBFF, 0xDEEBF7, 0xC6DBEF, 0x9ECAE1, 0x6BAED6, 0x4292C6, 0x2171B5, 0x08519C, 0x08306B].map { Colour($0) }

  public static func series(_ index: Int) -> Colour { series[index % series.count] }
}
