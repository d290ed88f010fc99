import Foundation
import HPACore

/// A thread in a cell: points a fixed step apart.
struct Filament: Sendable {
  /// Distance of neighbouring points, in field units.
  static let step: Float = 0.006

  private(set) var points: [FieldPoint]

  /// A thread that turns at random as it grows and ends at the cell's edge or after `steps`.
  static func wander(
    from start: FieldPoint, direction: Float, steps: Int, curl: Double, in outline: Outline, using generator: inout SeededGenerator
  ) -> Filament {
    var (point, angle, bend) = (start, direction, Float(0))
    var points: [FieldPoint] = []
    for _ in 0..<steps {
      guard outline.locate(point).ratio < 0.97 else { break }
      points.append(point)
      bend = 0.8 * bend + Float(curl * 0.4 * generator.normal())
      angle += bend
      point = point + .polar(step, angle)
    }
    return Filament(points: points)
  }

  /// A thread straight through a point, from edge to edge of the cell.
  static func straight(through middle: FieldPoint, direction: Float, in outline: Outline) -> Filament {
    let forward = FieldPoint.polar(step, direction)
    let ahead = sequence(first: middle) { $0 + forward }.prefix { outline.locate($0).ratio < 0.97 }
    let behind = sequence(first: middle - forward) { $0 - forward }.prefix { outline.locate($0).ratio < 0.97 }
    return Filament(points: Array(behind.reversed()) + Array(ahead))
  }

  /// - Parameter strength: light on the middle line of the thread.
  func draw(on canvas: inout Canvas, deviation: Float, strength: Float, cell: Int) {
    // Gaussians up to two deviations apart add up to an even line of this height.
    let share = strength * Filament.step / (deviation * (2 * Float.pi).squareRoot())
    for point in points { canvas.spot(at: point, deviation: deviation, strength: share, cell: cell) }
  }
}
