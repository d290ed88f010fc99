import HPACore
import HPATestSupport
import Testing

@testable import HPASynthetic

/// Where in a cell the light of a class must lie.
struct ExpectedPlace: Sendable, CustomTestStringConvertible {
  let location: Int
  let name: String
  /// Mean light inside over mean light in the rest of the cells.
  let ratio: Double
  let isInside: @Sendable (_ pixel: Int, _ map: CellMap, _ cells: [SyntheticCell]) -> Bool

  var testDescription: String { "class \(location), \(name)" }

  static let all: [ExpectedPlace] = [
    .init(location: 0, name: "nucleus", ratio: 5) { pixel, map, _ in map.nuclear[pixel] < 0 },
    .init(location: 1, name: "rim of the nucleus", ratio: 3) { pixel, map, _ in abs(map.nuclear[pixel] + 0.004) < 0.012 },
    .init(location: 2, name: "nucleoli", ratio: 5) { pixel, map, cells in
      cells[map.owner[pixel]].nucleoli.contains { ($0.centre - map.point(pixel)).length < $0.radius }
    },
    .init(location: 4, name: "nucleus", ratio: 5) { pixel, map, _ in map.nuclear[pixel] < 0 },
    .init(location: 5, name: "nucleus", ratio: 3) { pixel, map, _ in map.nuclear[pixel] < 0 },
    .init(location: 6, name: "cytoplasm", ratio: 1.2) { pixel, map, _ in map.nuclear[pixel] >= 0 },
    .init(location: 7, name: "one side of the nucleus", ratio: 5) { pixel, map, cells in
      let cell = cells[map.owner[pixel]]
      return (map.point(pixel) - cell.centrosome).length < 0.1 && map.nuclear[pixel] > 0
    },
    .init(location: 14, name: "cytoplasm", ratio: 1.5) { pixel, map, _ in map.nuclear[pixel] >= 0 },
    .init(location: 19, name: "centrosome", ratio: 10) { pixel, map, cells in
      (map.point(pixel) - cells[map.owner[pixel]].centrosome).length < 0.025
    },
    .init(location: 20, name: "cytoplasm", ratio: 3) { pixel, map, _ in map.nuclear[pixel] >= 0 },
    .init(location: 21, name: "border of the cell", ratio: 3) { pixel, map, _ in map.border[pixel] < 0.02 },
    .init(location: 23, name: "cytoplasm", ratio: 3) { pixel, map, _ in map.nuclear[pixel] >= 0 },
    .init(location: 24, name: "one spot by the nucleus", ratio: 5) { pixel, map, cells in
      let cell = cells[map.owner[pixel]]
      return (map.point(pixel) - cell.nucleus.point(ratio: 1.45, direction: cell.pole)).length < 0.045
    },
    .init(location: 25, name: "cytoplasm", ratio: 2) { pixel, map, _ in map.nuclear[pixel] >= 0 },
  ]
}

@Suite struct SyntheticFieldTests {
  private func render(_ labels: LabelSet, seed: UInt64, size: Int = 96) -> (SyntheticField, SyntheticField.Rendering) {
    let field = SyntheticField(seed: seed, style: SyntheticStyle(seed: seed, labels: labels))
    return (field, field.render(size: size))
  }

  @Test(arguments: ExpectedPlace.all) func `the protein lies where its class says`(place: ExpectedPlace) {
    let seed = testSeed()
    var (inside, outside, background) = (Mean(), Mean(), Mean())
    for offset in 0..<2 {
      let (field, rendering) = render([place.location], seed: seed &+ UInt64(offset))
      let map = rendering.map
      let green = Array(rendering.stack.plane(Stain.green.index))
      for pixel in green.indices {
        if map.owner[pixel] < 0 {
          background.add(green[pixel])
        } else if place.isInside(pixel, map, field.cells) {
          inside.add(green[pixel])
        } else {
          outside.add(green[pixel])
        }
      }
    }
    // Light above the camera's dark level: of a dim stain that level would be most of the value.
    let (light, rest) = (inside.value - background.value, outside.value - background.value)
    #expect(light > place.ratio * rest, "\(light) inside, \(rest) outside")
  }

  @Test func `every class that is drawn has a test of its place`() {
    // Actin filaments cross the whole cell; their test is the one of direction below.
    #expect(Set(ExpectedPlace.all.map(\.location) + [12]) == Set(ProteinPattern.all.map(\.location)))
    #expect(Set(LabelDistribution.weights.map(\.location)).isSubset(of: ProteinPattern.all.map(\.location)))
  }

  @Test(arguments: [(14, Stain.red), (6, Stain.yellow)]) func `a protein that shares a stain's structure follows that stain`(
    location: Int, stain: Stain
  ) {
    let (_, rendering) = render([location], seed: testSeed())
    #expect(correlation(Array(rendering.stack.plane(Stain.green.index)), Array(rendering.stack.plane(stain.index))) > 0.85)
  }

  @Test func `actin filaments run along the cell`() {
    let (field, rendering) = render([12], seed: testSeed(), size: 128)
    let green = Array(rendering.stack.plane(Stain.green.index))
    var (along, across) = (Mean(), Mean())
    for pixel in green.indices where rendering.map.owner[pixel] >= 0 && rendering.map.border[pixel] > 0.04 {
      let cell = field.cells[rendering.map.owner[pixel]]
      for (angle, isAlong) in [(cell.fibreDirection, true), (cell.fibreDirection + .pi / 2, false)] {
        let other = rendering.map.point(pixel) + .polar(0.03, angle)
        let (column, row) = (Int(other.x * 128), Int(other.y * 128))
        guard (0..<128).contains(column), (0..<128).contains(row) else { continue }
        let difference = abs(Int(green[pixel]) - Int(green[row * 128 + column]))
        if isAlong { along.add(UInt8(difference)) } else { across.add(UInt8(difference)) }
      }
    }
    #expect(across.value > 1.5 * along.value, "\(across.value) across, \(along.value) along")
  }

  @Test func `the nucleus is blue and the other stains lie around it`() {
    let (_, rendering) = render([25], seed: testSeed())
    let map = rendering.map
    for stain in [Stain.red, .blue, .yellow] {
      let plane = Array(rendering.stack.plane(stain.index))
      var (nucleus, cytoplasm, ring, background) = (Mean(), Mean(), Mean(), Mean())
      for pixel in plane.indices {
        if map.isNucleus(pixel) {
          nucleus.add(plane[pixel])
        } else if map.isCytoplasm(pixel) {
          cytoplasm.add(plane[pixel])
          if map.nuclear[pixel] < 0.05 { ring.add(plane[pixel]) }
        } else {
          background.add(plane[pixel])
        }
      }
      if stain == .blue {
        #expect(nucleus.value > 10 * cytoplasm.value)
      } else {
        // Light above the camera's dark level: of a dim stain that level would be most of the value. In the ring about
        // the nucleus, because the reticulum thins out towards the rim. The least of 600 seeds was 2.03.
        #expect(ring.value - background.value > 1.5 * (nucleus.value - background.value))
      }
      #expect(background.value < 12)
    }
  }

  @Test func `a field looks alike at every size`() {
    let seed = testSeed()
    let small = render([0, 23], seed: seed, size: 144).1.stack
    let large = render([0, 23], seed: seed, size: 288).1.stack
    // Halved once more, because threads thinner than a pixel differ in the smaller picture. The least of 300 seeds was 0.981.
    for stain in Stain.allCases {
      let halved = resized(Array(large.plane(stain.index)), from: 288, to: 144)
      let (first, second) = (resized(Array(small.plane(stain.index)), from: 144, to: 72), resized(halved, from: 144, to: 72))
      #expect(correlation(first, second) > 0.97, "\(stain)")
    }
  }

  @Test func `another seed gives other cells`() {
    let seed = testSeed()
    let style = SyntheticStyle(seed: seed, labels: [0])
    let first = SyntheticField(seed: seed, style: style).render(size: 64).stack
    let second = SyntheticField(seed: seed &+ 1, style: style).render(size: 64).stack
    #expect(correlation(Array(first.plane(2)), Array(second.plane(2))) < 0.6)
  }
}

struct Mean {
  private var sum = 0.0
  private var count = 0.0

  mutating func add(_ value: UInt8) {
    sum += Double(value)
    count += 1
  }

  var value: Double { sum / max(count, 1) }
}

/// Pearson's correlation of two pictures.
func correlation(_ first: [UInt8], _ second: [UInt8]) -> Double {
  let (meanOfFirst, meanOfSecond) = (mean(first), mean(second))
  var (cross, firstSquares, secondSquares) = (0.0, 0.0, 0.0)
  for (left, right) in zip(first, second) {
    let (x, y) = (Double(left) - meanOfFirst, Double(right) - meanOfSecond)
    cross += x * y
    firstSquares += x * x
    secondSquares += y * y
  }
  return cross / (firstSquares * secondSquares).squareRoot()
}

private func mean(_ values: [UInt8]) -> Double { values.reduce(0) { $0 + Double($1) } / Double(values.count) }

/// Bilinear, as OpenCV's INTER_LINEAR: pixel centres are aligned, no smoothing.
func resized(_ plane: [UInt8], from side: Int, to target: Int) -> [UInt8] {
  let scale = Double(side) / Double(target)
  func sample(_ row: Double, _ column: Double) -> Double {
    let (top, left) = (min(max(Int(row), 0), side - 1), min(max(Int(column), 0), side - 1))
    let (bottom, right) = (min(top + 1, side - 1), min(left + 1, side - 1))
    let (down, across) = (row - Double(top), column - Double(left))
    let upper = Double(plane[top * side + left]) * (1 - across) + Double(plane[top * side + right]) * across
    let lower = Double(plane[bottom * side + left]) * (1 - across) + Double(plane[bottom * side + right]) * across
    return upper * (1 - down) + lower * down
  }
  return (0..<target * target).map { index in
    let row = max((Double(index / target) + 0.5) * scale - 0.5, 0)
    let column = max((Double(index % target) + 0.5) * scale - 0.5, 0)
    return UInt8(sample(row, column).rounded())
  }
}
