/// Which cell every pixel belongs to, and how deep it lies in it.
struct CellMap: Sendable {
  let size: Int
  /// Index of the cell, or -1 for background; row by row.
  private(set) var owner: [Int]
  /// Distance to the cell's border, in field units; negative outside.
  private(set) var border: [Float]
  /// Distance to the nucleus of the pixel's cell, in field units; negative inside the nucleus.
  private(set) var nuclear: [Float]

  init(_ cells: [SyntheticCell], size: Int) {
    self.size = size
    owner = Array(repeating: -1, count: size * size)
    border = Array(repeating: -1, count: size * size)
    nuclear = Array(repeating: 1, count: size * size)
    var nearest = Array(repeating: Float.infinity, count: size * size)
    var second = nearest
    var edge = Array(repeating: Float(0), count: size * size)
    for (index, cell) in cells.enumerated() {
      forEachPixel(of: cell) { pixel, point in
        let (ratio, radius) = cell.outline.locate(point)
        if ratio < nearest[pixel] {
          second[pixel] = nearest[pixel]
          nearest[pixel] = ratio
          edge[pixel] = radius
          owner[pixel] = ratio < 1 ? index : -1
        } else if ratio < second[pixel] {
          second[pixel] = ratio
        }
      }
    }
    for pixel in owner.indices where owner[pixel] >= 0 {
      // Where cells meet, the border lies halfway between them.
      border[pixel] = edge[pixel] * min(1 - nearest[pixel], (second[pixel] - nearest[pixel]) / 2)
      let (ratio, radius) = cells[owner[pixel]].nucleus.locate(point(pixel))
      nuclear[pixel] = (ratio - 1) * radius
    }
  }

  /// The centre of a pixel in field units.
  func point(_ pixel: Int) -> FieldPoint {
    FieldPoint(x: (Float(pixel % size) + 0.5) / Float(size), y: (Float(pixel / size) + 0.5) / Float(size))
  }

  private func forEachPixel(of cell: SyntheticCell, _ body: (Int, FieldPoint) -> Void) {
    let reach = cell.outline.reach * 1.05
    let centre = cell.outline.centre
    for row in pixels(centre.y - reach, centre.y + reach) {
      for column in pixels(centre.x - reach, centre.x + reach) { body(row * size + column, point(row * size + column)) }
    }
  }

  private func pixels(_ low: Float, _ high: Float) -> Range<Int> {
    let first = min(max(0, Int(low * Float(size))), size)
    return first..<max(first, min(size, Int(high * Float(size)) + 1))
  }

  func isNucleus(_ pixel: Int) -> Bool { owner[pixel] >= 0 && nuclear[pixel] < 0 }
  func isCytoplasm(_ pixel: Int) -> Bool { owner[pixel] >= 0 && nuclear[pixel] >= 0 }
}
