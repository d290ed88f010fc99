import Foundation

/// One stain while it is drawn: light by pixel, row by row, about 0 to 1.
struct Canvas: Sendable {
  let map: CellMap
  private(set) var light: [Float]

  init(_ map: CellMap) {
    self.map = map
    light = Array(repeating: 0, count: map.size * map.size)
  }

  subscript(pixel: Int) -> Float { light[pixel] }

  /// Adds a soft spot, clipped to its cell; `deviation` is that of the Gaussian in field units.
  ///
  /// A spot finer than a pixel is widened and dimmed as a camera would, so that a field looks alike at every size.
  mutating func spot(at centre: FieldPoint, deviation: Float, strength: Float, cell: Int) {
    let side = Float(map.size)
    let spread = max(deviation * side, 0.5)
    let peak = strength * (deviation * side / spread) * (deviation * side / spread)
    let (column, row) = (centre.x * side - 0.5, centre.y * side - 0.5)
    let columns = pixels(column, 3 * spread)
    let rows = pixels(row, 3 * spread)
    guard !columns.isEmpty, !rows.isEmpty else { return }
    let falloff = -0.5 / (spread * spread)
    let horizontal = columns.map { exp(falloff * (Float($0) - column) * (Float($0) - column)) }
    for y in rows {
      let vertical = peak * exp(falloff * (Float(y) - row) * (Float(y) - row))
      for x in columns where map.owner[y * map.size + x] == cell {
        light[y * map.size + x] += vertical * horizontal[x - columns.lowerBound]
      }
    }
  }

  /// Draws a disc with a soft rim, clipped to its cell; overlapping discs do not add up.
  mutating func disc(_ disc: SyntheticCell.Disc, rim: Float, strength: Float, cell: Int) {
    let side = Float(map.size)
    let reach = (disc.radius + rim) * side + 1
    for y in pixels(disc.centre.y * side, reach) {
      for x in pixels(disc.centre.x * side, reach) where map.owner[y * map.size + x] == cell {
        let pixel = y * map.size + x
        let value = strength * smooth(disc.radius - (map.point(pixel) - disc.centre).length, over: max(rim, 1 / side))
        light[pixel] = max(light[pixel], value)
      }
    }
  }

  /// Adds light to every pixel that belongs to a cell.
  mutating func fillCells(_ value: (_ pixel: Int, _ cell: Int) -> Float) {
    for pixel in light.indices where map.owner[pixel] >= 0 { light[pixel] += value(pixel, map.owner[pixel]) }
  }

  mutating func add(_ other: Canvas, times gain: (_ cell: Int) -> Float) {
    for pixel in light.indices where map.owner[pixel] >= 0 { light[pixel] += other.light[pixel] * gain(map.owner[pixel]) }
  }

  private func pixels(_ centre: Float, _ reach: Float) -> Range<Int> {
    let first = min(max(0, Int((centre - reach).rounded(.up))), map.size)
    return first..<max(first, min(map.size, Int((centre + reach).rounded(.down)) + 1))
  }
}

/// 0 below `-width`, 1 above `width`, a smooth step between them.
func smooth(_ distance: Float, over width: Float) -> Float {
  let part = min(max(distance / (2 * width) + 0.5, 0), 1)
  return part * part * (3 - 2 * part)
}

/// 1 at 0, falling to both sides like a Gaussian of that deviation.
func band(_ distance: Float, deviation: Float) -> Float { exp(-0.5 * (distance / deviation) * (distance / deviation)) }
