import Foundation
import HPACore

/// A made-up field of view of stained cells, whose green stain follows its labels.
///
/// The geometry is fixed by the seed in units of the field, so the same field can be drawn at any size.
struct SyntheticField: Sendable {
  let seed: UInt64
  let style: SyntheticStyle
  let cells: [SyntheticCell]

  /// The stains and the cells they were drawn from.
  struct Rendering: Sendable {
    let stack: PixelStack
    let map: CellMap
  }

  init(seed: UInt64, style: SyntheticStyle) {
    self.seed = seed
    self.style = style
    var generator = SeededGenerator(seed: seed, stream: "synthetic cells")
    cells = SyntheticCell.scatter(style: style, using: &generator)
  }

  func render(size: Int) -> Rendering {
    let map = CellMap(cells, size: size)
    let microtubules = drawMicrotubules(on: map)
    let reticulum = drawReticulum(on: map)
    let nucleoli = drawNucleoli(on: map)
    let scene = ProteinPattern.Scene(
      cells: cells, style: style, map: map, nucleoli: nucleoli, microtubules: microtubules, reticulum: reticulum,
      texture: LatticeNoise(seed: seed ^ 0x7465_7874, frequency: 48))
    let stains = [microtubules, drawProtein(scene), drawChromatin(scene), reticulum]
    let camera = SyntheticCamera(seed: seed, size: size)
    let planes = zip(Stain.allCases, stains).flatMap { stain, canvas in
      camera.expose(canvas.light, stain: stain, gain: Float(style.gains[stain.index]))
    }
    return Rendering(stack: PixelStack(height: size, width: size, pixels: planes), map: map)
  }

  private func drawMicrotubules(on map: CellMap) -> Canvas {
    var canvas = Canvas(map)
    for (index, cell) in cells.enumerated() {
      var generator = cell.generator("microtubules")
      for _ in 0..<style.filamentsPerCell {
        let startsAtPole = generator.uniform() < 0.25
        let start = startsAtPole ? cell.centrosome : cell.nucleus.randomPoint(0.95...1.6, using: &generator)
        let offset = start - cell.nucleus.centre
        let spread = startsAtPole ? 2.8 : 1.4
        let outward = atan2(offset.y, offset.x) + Float(generator.uniform(-spread, spread))
        Filament.wander(from: start, direction: outward, steps: 42, curl: style.filamentCurl, in: cell.outline, using: &generator)
          .draw(on: &canvas, deviation: 0.003, strength: Float(generator.uniform(0.25, 0.5)), cell: index)
      }
    }
    // Threads above and below the nucleus are out of focus.
    var focused = Canvas(map)
    focused.fillCells { pixel, _ in
      (canvas[pixel] + 0.07) * (0.25 + 0.75 * smooth(map.nuclear[pixel] + 0.006, over: 0.012))
    }
    return focused
  }

  private func drawReticulum(on map: CellMap) -> Canvas {
    let coarse = LatticeNoise(seed: seed ^ 0x6572_31, frequency: Float(style.meshFrequency))
    let fine = LatticeNoise(seed: seed ^ 0x6572_32, frequency: Float(style.meshFrequency * 1.9))
    var canvas = Canvas(map)
    canvas.fillCells { pixel, cell in
      let point = map.point(pixel)
      let mesh = 0.6 * coarse.ridge(at: point) + 0.4 * fine.ridge(at: point)
      let nearness = exp(-max(map.nuclear[pixel], 0) / (0.3 * cells[cell].outline.radius))
      let rim = smooth(map.border[pixel], over: 0.01)
      return 1.25 * (0.15 + mesh) * nearness * rim * (0.12 + 0.88 * smooth(map.nuclear[pixel] + 0.002, over: 0.006))
    }
    return canvas
  }

  private func drawNucleoli(on map: CellMap) -> Canvas {
    var canvas = Canvas(map)
    for (index, cell) in cells.enumerated() {
      for nucleolus in cell.nucleoli { canvas.disc(nucleolus, rim: 0.005, strength: 1, cell: index) }
    }
    return canvas
  }

  private func drawChromatin(_ scene: ProteinPattern.Scene) -> Canvas {
    let clumps = LatticeNoise(seed: seed ^ 0x646E_61, frequency: 60)
    let brightness = cells.map { Float($0.generator("chromatin").state[0] >> 40) * 0x1p-24 * 0.35 + 0.65 }
    var canvas = Canvas(scene.map)
    canvas.fillCells { pixel, cell in
      let grain = 0.6 + 0.4 * clumps.value(at: scene.map.point(pixel))
      return smooth(-scene.map.nuclear[pixel], over: 0.005) * brightness[cell] * grain * (1 - 0.4 * scene.nucleoli[pixel])
    }
    return canvas
  }

  private func drawProtein(_ scene: ProteinPattern.Scene) -> Canvas {
    var canvas = Canvas(scene.map)
    canvas.fillCells { _, _ in 0.02 }
    for pattern in ProteinPattern.all where style.labels.contains(pattern.location) {
      let strength = Float(style.strengths[pattern.location])
      canvas.add(pattern.light(in: scene)) { strength * cells[$0].expression }
    }
    return canvas
  }
}
