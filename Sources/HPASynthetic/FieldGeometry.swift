import Foundation
import HPACore

/// A place in a synthetic field; both coordinates run from 0 to 1 over the field, so that one geometry can be drawn at any size.
struct FieldPoint: Sendable, Equatable {
  var x: Float
  var y: Float

  static func + (left: FieldPoint, right: FieldPoint) -> FieldPoint { FieldPoint(x: left.x + right.x, y: left.y + right.y) }
  static func - (left: FieldPoint, right: FieldPoint) -> FieldPoint { FieldPoint(x: left.x - right.x, y: left.y - right.y) }
  static func * (point: FieldPoint, scale: Float) -> FieldPoint { FieldPoint(x: point.x * scale, y: point.y * scale) }

  var length: Float { (x * x + y * y).squareRoot() }

  /// The vector of `length` that points in the direction of `angle` (radians).
  static func polar(_ length: Float, _ angle: Float) -> FieldPoint { FieldPoint(x: length * cos(angle), y: length * sin(angle)) }
}

/// A closed outline around a centre: an ellipse whose radius is modulated by a few harmonics of the angle.
struct Outline: Sendable {
  let centre: FieldPoint
  /// Radius before stretching, in field units.
  let radius: Float
  /// Ratio of the long half-axis to `radius`.
  let stretch: Float
  /// Direction of the long axis.
  let angle: Float
  /// Cosine and sine amplitudes of the harmonics 2, 3, 4, ...
  private let harmonics: [FieldPoint]
  private let axis: FieldPoint

  init(centre: FieldPoint, radius: Float, stretch: Float, angle: Float, roughness: Float, using generator: inout SeededGenerator) {
    self.centre = centre
    self.radius = radius
    self.stretch = stretch
    self.angle = angle
    axis = .polar(1, angle)
    harmonics = (2..<7).map { order in
      let amplitude = roughness / Float(order)
      return FieldPoint(x: amplitude * Float(generator.normal()), y: amplitude * Float(generator.normal()))
    }
  }

  /// No point of the outline is farther from the centre.
  var reach: Float { radius * stretch * (1 + harmonics.reduce(0) { $0 + $1.length }) }

  /// Where `point` lies: 0 at the centre, 1 on the outline, more outside; and the outline's radius in that direction.
  func locate(_ point: FieldPoint) -> (ratio: Float, radius: Float) {
    let offset = point - centre
    let along = (offset.x * axis.x + offset.y * axis.y) / stretch
    let across = (offset.y * axis.x - offset.x * axis.y) * stretch
    let distance = (along * along + across * across).squareRoot()
    guard distance > 1e-6 else { return (0, radius) }
    let (cosine, sine) = (along / distance, across / distance)
    var power = FieldPoint(x: cosine, y: sine)
    var modulated: Float = 1
    for harmonic in harmonics {
      power = FieldPoint(x: power.x * cosine - power.y * sine, y: power.x * sine + power.y * cosine)
      modulated += harmonic.x * power.x + harmonic.y * power.y
    }
    let edge = radius * max(modulated, 0.3)
    return (distance / edge, edge)
  }

  func contains(_ point: FieldPoint) -> Bool { locate(point).ratio < 1 }

  /// A random point whose `ratio` lies in `range`, uniform over the area.
  func randomPoint(_ range: ClosedRange<Float> = 0...1, using generator: inout SeededGenerator) -> FieldPoint {
    let square = generator.uniform(Double(range.lowerBound * range.lowerBound), Double(range.upperBound * range.upperBound))
    return point(ratio: Float(square.squareRoot()), direction: Float(generator.uniform(0, 2 * .pi)))
  }

  /// The point that lies at `ratio` in a direction (an angle in the field).
  func point(ratio: Float, direction: Float) -> FieldPoint {
    let probe = centre + .polar(radius, direction)
    return centre + (probe - centre) * (ratio / locate(probe).ratio)
  }
}
