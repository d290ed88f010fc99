import HPACore

/// The geometry of one cell: what the stains and the protein patterns are drawn from.
struct SyntheticCell: Sendable {
  struct Disc: Sendable {
    let centre: FieldPoint
    let radius: Float
  }

  let outline: Outline
  let nucleus: Outline
  let nucleoli: [Disc]
  /// Beside the nucleus; microtubules begin here.
  let centrosome: FieldPoint
  /// Direction from the nucleus to the centrosome.
  let pole: Float
  /// Direction of stress fibres: roughly along the cell.
  let fibreDirection: Float
  /// How much of the protein this cell holds; cells of one field differ.
  let expression: Float
  /// Separates the random details of this cell from all others.
  let seed: UInt64

  init(centre: FieldPoint, style: SyntheticStyle, using generator: inout SeededGenerator) {
    seed = generator.next()
    let radius = Float(style.cellRadius * generator.uniform(0.85, 1.15))
    let angle = Float(generator.uniform(0, .pi))
    outline = Outline(
      centre: centre, radius: radius, stretch: Float(max(1, style.elongation * generator.uniform(0.9, 1.15))), angle: angle,
      roughness: Float(style.roughness), using: &generator)
    let nuclearRadius = radius * Float(style.nuclearRatio)
    let shift = FieldPoint.polar(radius * Float(generator.uniform(0, 0.12)), Float(generator.uniform(0, 2 * .pi)))
    let nucleus = Outline(
      centre: centre + shift, radius: nuclearRadius, stretch: Float(generator.uniform(1, 1.22)),
      angle: angle + Float(generator.uniform(-0.5, 0.5)),
      roughness: 0.05, using: &generator)
    self.nucleus = nucleus
    nucleoli = SyntheticCell.nucleoli(of: nucleus, using: &generator)
    pole = Float(generator.uniform(0, 2 * .pi))
    centrosome = nucleus.point(ratio: Float(generator.uniform(1.2, 1.35)), direction: pole)
    fibreDirection = angle + Float(generator.uniform(-0.3, 0.3))
    expression = Float(generator.uniform(0.75, 1))
  }

  private static func nucleoli(of nucleus: Outline, using generator: inout SeededGenerator) -> [Disc] {
    var found: [Disc] = []
    for _ in 0..<2 + generator.index(below: 3) {
      let disc = Disc(
        centre: nucleus.randomPoint(0...0.62, using: &generator), radius: nucleus.radius * Float(generator.uniform(0.18, 0.28)))
      if found.allSatisfy({ ($0.centre - disc.centre).length > $0.radius + disc.radius }) { found.append(disc) }
    }
    return found
  }

  /// Random numbers for one purpose within this cell.
  func generator(_ stream: String) -> SeededGenerator { SeededGenerator(seed: seed, stream: stream) }

  /// A point of the cell outside its nucleus; `range` is in units of the nucleus' outline.
  func cytoplasmicPoint(_ range: ClosedRange<Float> = 1.15...2.2, using generator: inout SeededGenerator) -> FieldPoint {
    for _ in 0..<40 {
      let point = nucleus.randomPoint(range, using: &generator)
      if outline.locate(point).ratio < 0.92 { return point }
    }
    return centrosome
  }

  /// Cells scattered over a field and a little beyond its edges, no two nearer than the style's spacing.
  static func scatter(style: SyntheticStyle, using generator: inout SeededGenerator) -> [SyntheticCell] {
    let margin = 0.6 * style.cellRadius
    let distance = Float(style.spacing * style.cellRadius)
    var cells: [SyntheticCell] = []
    for _ in 0..<240 {
      let centre = FieldPoint(x: Float(generator.uniform(-margin, 1 + margin)), y: Float(generator.uniform(-margin, 1 + margin)))
      guard cells.allSatisfy({ ($0.outline.centre - centre).length > distance }) else { continue }
      cells.append(SyntheticCell(centre: centre, style: style, using: &generator))
    }
    return cells
  }
}
