import Foundation
import HPACore

/// How a protein looks in the green stain when it lies in one place of the cell.
struct ProteinPattern: Sendable {
  /// The class that it shows.
  let location: Int
  private let draw: @Sendable (_ scene: Scene, _ canvas: inout Canvas) -> Void

  /// The cells of a field and what of them the other stains have drawn already.
  struct Scene: Sendable {
    let cells: [SyntheticCell]
    let style: SyntheticStyle
    let map: CellMap
    let nucleoli: Canvas
    let microtubules: Canvas
    let reticulum: Canvas
    let texture: LatticeNoise
  }

  func light(in scene: Scene) -> Canvas {
    var canvas = Canvas(scene.map)
    draw(scene, &canvas)
    return canvas
  }

  /// The pattern of a class, or nil where the generator has none.
  static func of(_ location: Int) -> ProteinPattern? { all.first { $0.location == location } }

  static let all: [ProteinPattern] = [
    ProteinPattern(location: 0) { scene, canvas in
      canvas.fillCells { pixel, _ in
        let grain = 0.8 + 0.4 * scene.texture.value(at: scene.map.point(pixel))
        return 0.62 * smooth(-scene.map.nuclear[pixel], over: 0.006) * grain * (1 - 0.85 * scene.nucleoli[pixel])
      }
    },
    ProteinPattern(location: 1) { scene, canvas in
      canvas.fillCells { pixel, _ in
        1.2 * band(scene.map.nuclear[pixel] + 0.004, deviation: 0.008) + 0.1 * smooth(-scene.map.nuclear[pixel], over: 0.006)
      }
    },
    ProteinPattern(location: 2) { scene, canvas in
      canvas.fillCells { pixel, _ in scene.nucleoli[pixel] + 0.1 * smooth(-scene.map.nuclear[pixel], over: 0.006) }
    },
    ProteinPattern(location: 4) { scene, canvas in
      canvas.fillCells { pixel, _ in 0.1 * smooth(-scene.map.nuclear[pixel], over: 0.006) }
      eachCell(scene, "nuclear speckles") { index, cell, generator in
        for _ in 0..<22 + generator.index(below: 10) {
          let centre = cell.nucleus.randomPoint(0...0.85, using: &generator)
          canvas.spot(
            at: centre, deviation: Float(generator.uniform(0.006, 0.01)), strength: Float(generator.uniform(0.8, 1.2)), cell: index)
        }
      }
    },
    ProteinPattern(location: 5) { scene, canvas in
      eachCell(scene, "nuclear bodies") { index, cell, generator in
        for _ in 0..<2 + generator.index(below: 3) {
          let centre = cell.nucleus.randomPoint(0...0.75, using: &generator)
          canvas.spot(at: centre, deviation: Float(generator.uniform(0.011, 0.014)), strength: 1.5, cell: index)
        }
      }
    },
    ProteinPattern(location: 6) { scene, canvas in canvas.add(scene.reticulum) { _ in 1 } },
    ProteinPattern(location: 7) { scene, canvas in
      eachCell(scene, "golgi apparatus") { index, cell, generator in
        let span = generator.uniform(0.5, 0.9)
        for _ in 0..<26 {
          let direction = cell.pole + Float(generator.uniform(-span, span))
          let centre = cell.nucleus.point(ratio: Float(generator.uniform(1.15, 1.5)), direction: direction)
          canvas.spot(
            at: centre, deviation: Float(generator.uniform(0.007, 0.012)), strength: Float(generator.uniform(0.6, 1)), cell: index)
        }
      }
    },
    ProteinPattern(location: 12) { scene, canvas in
      eachCell(scene, "actin filaments") { index, cell, generator in
        for _ in 0..<16 {
          let middle = cell.outline.randomPoint(0...0.9, using: &generator)
          Filament.straight(through: middle, direction: cell.fibreDirection + Float(generator.uniform(-0.06, 0.06)), in: cell.outline)
            .draw(on: &canvas, deviation: 0.0045, strength: Float(generator.uniform(0.5, 0.9)), cell: index)
        }
      }
    },
    ProteinPattern(location: 14) { scene, canvas in canvas.add(scene.microtubules) { _ in 1 } },
    ProteinPattern(location: 19) { scene, canvas in
      eachCell(scene, "centrosome") { index, cell, generator in
        let offset = FieldPoint.polar(0.007, Float(generator.uniform(0, 2 * .pi)))
        for centre in [cell.centrosome + offset, cell.centrosome - offset] {
          canvas.spot(at: centre, deviation: 0.012, strength: 1.4, cell: index)
        }
      }
    },
    ProteinPattern(location: 20) { scene, canvas in
      eachCell(scene, "lipid droplets") { index, cell, generator in
        for _ in 0..<18 + generator.index(below: 10) {
          let centre = cell.cytoplasmicPoint(using: &generator)
          canvas.ring(.init(centre: centre, radius: Float(generator.uniform(0.014, 0.022))), deviation: 0.0045, strength: 1.2, cell: index)
        }
      }
    },
    ProteinPattern(location: 21) { scene, canvas in
      canvas.fillCells { pixel, _ in
        let ruffle = 0.7 + 0.5 * scene.texture.value(at: scene.map.point(pixel))
        return ruffle * band(scene.map.border[pixel] - 0.005, deviation: 0.0075) + 0.08
      }
    },
    ProteinPattern(location: 23) { scene, canvas in
      eachCell(scene, "mitochondria") { index, cell, generator in
        for _ in 0..<46 {
          let start = cell.cytoplasmicPoint(1.12...2.1, using: &generator)
          Filament.wander(
            from: start, direction: Float(generator.uniform(0, 2 * .pi)), steps: 3 + generator.index(below: 5), curl: 0.45,
            in: cell.outline,
            using: &generator
          )
          .draw(on: &canvas, deviation: 0.0055, strength: Float(generator.uniform(0.8, 1.2)), cell: index)
        }
      }
    },
    ProteinPattern(location: 24) { scene, canvas in
      canvas.fillCells { pixel, _ in 0.06 * smooth(scene.map.nuclear[pixel], over: 0.006) }
      eachCell(scene, "aggresome") { index, cell, generator in
        let centre = cell.nucleus.point(ratio: Float(generator.uniform(1.4, 1.5)), direction: cell.pole)
        canvas.disc(.init(centre: centre, radius: Float(generator.uniform(0.04, 0.05))), rim: 0.012, strength: 1.3, cell: index)
      }
    },
    ProteinPattern(location: 25) { scene, canvas in
      canvas.fillCells { pixel, _ in
        let depth = min(1, 0.35 + scene.map.border[pixel] / 0.06)
        let grain = 0.85 + 0.3 * scene.texture.value(at: scene.map.point(pixel))
        return 0.55 * depth * grain * (0.15 + 0.85 * smooth(scene.map.nuclear[pixel], over: 0.006))
      }
    },
  ]

  private static func eachCell(_ scene: Scene, _ stream: String, _ body: (Int, SyntheticCell, inout SeededGenerator) -> Void) {
    for (index, cell) in scene.cells.enumerated() {
      var generator = cell.generator(stream)
      body(index, cell, &generator)
    }
  }
}

extension Canvas {
  /// Adds a bright circle around a darker middle, as a droplet under a confocal microscope.
  mutating func ring(_ disc: SyntheticCell.Disc, deviation: Float, strength: Float, cell: Int) {
    let spots = 10
    for step in 0..<spots {
      let point = disc.centre + .polar(disc.radius, Float(step) * 2 * .pi / Float(spots))
      spot(at: point, deviation: deviation, strength: strength * 0.6, cell: cell)
    }
  }
}
