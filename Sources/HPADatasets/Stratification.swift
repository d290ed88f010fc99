import HPACore

/// Divides images among parts of given ratios so that every part holds its share of every class, and its share of images to within one.
///
/// The iterative method of Sechidis, Tsoumakas and Vlahavas (On the stratification of multi-label data, ECML PKDD 2011), with two
/// additions: images with equal labels are first dealt out evenly as far as they go, which keeps label combinations even too, and
/// what the greedy method leaves uneven is exchanged between parts afterwards. Everything before the last step counts interchangeable
/// units only; chance then decides which image stands for which.
struct Stratification {
  /// Units with the same images inside them, as far as labels tell: a single image, or a group that must stay together.
  private struct Kind {
    /// Images in one unit.
    let size: Int
    /// The classes in one unit, with the number of its images that carry them.
    let classes: [(id: Int, images: Int)]
    var units: [Int]
  }

  private let kinds: [Kind]
  private let unitCount: Int
  private let imageCount: Int
  private let classImages: [Int]

  /// - Parameter units: the label sets of the images of each unit. The result depends on this order.
  init(units: [[LabelSet]]) {
    var kinds: [Kind] = []
    var kindOfLabels: [[UInt32]: Int] = [:]
    for (unit, labels) in units.enumerated() {
      let key = labels.map(\.bits).sorted()
      if let kind = kindOfLabels[key] {
        kinds[kind].units.append(unit)
      } else {
        kindOfLabels[key] = kinds.count
        kinds.append(Kind(size: labels.count, classes: Self.classCounts(labels), units: [unit]))
      }
    }
    self.kinds = kinds
    unitCount = units.count
    imageCount = kinds.reduce(0) { $0 + $1.size * $1.units.count }
    var classImages = Array(repeating: 0, count: ProteinLocation.count)
    for kind in kinds { for (id, images) in kind.classes { classImages[id] += images * kind.units.count } }
    self.classImages = classImages
  }

  private static func classCounts(_ labels: [LabelSet]) -> [(id: Int, images: Int)] {
    (0..<ProteinLocation.count).compactMap { id in
      let images = labels.count { $0.contains(id) }
      return images == 0 ? nil : (id, images)
    }
  }

  /// The part of every unit.
  ///
  /// - Parameter ratios: the share of each part; their sum is 1.
  func parts(ratios: [Double], using generator: inout SeededGenerator) -> [Int] {
    var division = Division(
      room: Self.wholeShares(of: imageCount, ratios: ratios),
      wanted: classImages.map { images in ratios.map { Double(images) * $0 } },
      units: Array(repeating: Array(repeating: 0, count: ratios.count), count: kinds.count))
    deal(ratios: ratios, into: &division)
    placeRemainder(into: &division, using: &generator)
    exchange(in: &division)
    return handOut(division, using: &generator)
  }

  /// What each part holds, and what it still lacks.
  private struct Division {
    /// Images that a part still takes.
    var room: [Int]
    /// By class, then part: the images of the class that the part still lacks; below 0 where it has too many.
    var wanted: [[Double]]
    /// By kind, then part.
    var units: [[Int]]

    mutating func add(_ count: Int, ofKind index: Int, _ kind: Kind, to part: Int) {
      units[index][part] += count
      room[part] -= count * kind.size
      for (id, images) in kind.classes { wanted[id][part] -= Double(count * images) }
    }
  }

  /// Whole numbers that add up to `total`, each within one of its share (the largest remainders are rounded up, the earlier first).
  private static func wholeShares(of total: Int, ratios: [Double]) -> [Int] {
    var shares = ratios.map { Int(Double(total) * $0) }
    let remainders = shares.indices.sorted {
      let (left, right) = (Double(total) * ratios[$0] - Double(shares[$0]), Double(total) * ratios[$1] - Double(shares[$1]))
      return left == right ? $0 < $1 : left > right
    }
    for part in remainders.prefix(max(0, total - shares.reduce(0, +))) { shares[part] += 1 }
    return shares
  }

  private func deal(ratios: [Double], into division: inout Division) {
    for (index, kind) in kinds.enumerated() {
      for (part, ratio) in ratios.enumerated() {
        division.add(Int(Double(kind.units.count) * ratio), ofKind: index, kind, to: part)
      }
    }
  }

  /// The iterative method: the class with the fewest images left goes first, each unit to the part that lacks the class most.
  private func placeRemainder(into division: inout Division, using generator: inout SeededGenerator) {
    var left = kinds.indices.map { kinds[$0].units.count - division.units[$0].reduce(0, +) }
    while let rarest = rarestClass(left: left) {
      for (index, kind) in kinds.enumerated() where left[index] > 0 && kind.classes.contains(where: { $0.id == rarest }) {
        for _ in 0..<left[index] { division.add(1, ofKind: index, kind, to: neediestPart(for: rarest, kind, division, using: &generator)) }
        left[index] = 0
      }
    }
    for (index, kind) in kinds.enumerated() {
      for _ in 0..<left[index] { division.add(1, ofKind: index, kind, to: neediestPart(for: nil, kind, division, using: &generator)) }
    }
  }

  private func rarestClass(left: [Int]) -> Int? {
    var images = Array(repeating: 0, count: ProteinLocation.count)
    for (index, kind) in kinds.enumerated() where left[index] > 0 { for (id, count) in kind.classes { images[id] += count * left[index] } }
    return images.indices.filter { images[$0] > 0 }.min { images[$0] < images[$1] }
  }

  private func neediestPart(for id: Int?, _ kind: Kind, _ division: Division, using generator: inout SeededGenerator) -> Int {
    let parts = division.room.indices
    let roomy = parts.filter { division.room[$0] >= kind.size }
    let candidates = roomy.isEmpty ? Array(parts) : roomy
    let need = { (part: Int) in (id.map { roomy.isEmpty ? 0 : division.wanted[$0][part] } ?? 0, division.room[part]) }
    let best = candidates.map(need).max(by: <) ?? (0, 0)
    let equals = candidates.filter { need($0) == best }
    return equals[generator.index(below: equals.count)]
  }

  /// Exchanges units of one size between two parts as long as that lowers the sum of squared class deviations.
  private func exchange(in division: inout Division) {
    var hasChanged = true
    while hasChanged {
      hasChanged = false
      for left in division.room.indices {
        for right in division.room.indices.dropFirst(left + 1) {
          while let (given, taken) = bestExchange(left, right, division) {
            division.add(-1, ofKind: given, kinds[given], to: left)
            division.add(1, ofKind: given, kinds[given], to: right)
            division.add(-1, ofKind: taken, kinds[taken], to: right)
            division.add(1, ofKind: taken, kinds[taken], to: left)
            hasChanged = true
          }
        }
      }
    }
  }

  /// The exchange of units a and b that lowers the squares most.
  ///
  /// With d by how much more of each class `left` has too many than `right`, the sum changes by twice |a - b|^2 - a d + b d.
  private func bestExchange(_ left: Int, _ right: Int, _ division: Division) -> (given: Int, taken: Int)? {
    let surplus = division.wanted.map { $0[right] - $0[left] }
    guard surplus.contains(where: { abs($0) > 1 + 1e-6 }) else { return nil }
    let given = pulls(in: left, division) { images, id in -images * surplus[id] }
    let taken = pulls(in: right, division) { images, id in images * surplus[id] }
    var best: (given: Int, taken: Int)?
    var lowest = -1e-6
    for leaving in given {
      for coming in taken {
        // Unlike units differ by 1 at least, so nothing further down this list can be better.
        guard leaving.pull + coming.pull + 1 < lowest else { break }
        guard kinds[leaving.kind].size == kinds[coming.kind].size else { continue }
        let change = leaving.pull + coming.pull + Double(squaredDistance(kinds[leaving.kind], kinds[coming.kind]))
        if change < lowest { (lowest, best) = (change, (leaving.kind, coming.kind)) }
      }
    }
    return best
  }

  /// The kinds that a part holds, with the pull to take one out, the strongest (most negative) first; the hundred worth trying.
  private func pulls(in part: Int, _ division: Division, _ pull: (Double, Int) -> Double) -> ArraySlice<(kind: Int, pull: Double)> {
    kinds.indices.filter { division.units[$0][part] > 0 }
      .map { index in (kind: index, pull: kinds[index].classes.reduce(0) { $0 + pull(Double($1.images), $1.id) }) }
      .sorted { ($0.pull, $0.kind) < ($1.pull, $1.kind) }
      .prefix(100)
  }

  private func squaredDistance(_ first: Kind, _ second: Kind) -> Int {
    var difference = Array(repeating: 0, count: ProteinLocation.count)
    for (id, images) in first.classes { difference[id] += images }
    for (id, images) in second.classes { difference[id] -= images }
    return difference.reduce(0) { $0 + $1 * $1 }
  }

  private func handOut(_ division: Division, using generator: inout SeededGenerator) -> [Int] {
    var partOfUnit = Array(repeating: 0, count: unitCount)
    for (index, kind) in kinds.enumerated() {
      var units = kind.units.shuffled(using: &generator)[...]
      for (part, count) in division.units[index].enumerated() {
        for unit in units.prefix(count) { partOfUnit[unit] = part }
        units = units.dropFirst(count)
      }
    }
    return partOfUnit
  }
}
