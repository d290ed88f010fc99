import HPACore

/// How often the synthetic fields show each class, alone and together: uneven, as in the real set.
struct LabelDistribution: Sendable {
  /// Classes with their weights; nucleoplasm and cytosol lead, as they do among 31,072 real images.
  static let weights: [(location: Int, weight: Double)] = [
    (0, 6), (25, 5), (21, 4), (23, 4), (2, 4), (7, 3.5), (5, 3.5), (4, 3.5), (14, 3), (6, 3), (1, 3), (19, 2.5), (12, 2.5), (24, 2.5),
    (20, 2.5),
  ]
  /// The chance of 1, 2 and 3 labels; in the real set 0.49, 0.40 and 0.10. Fewer labels at once are easier to learn.
  static let countChances = [0.75, 0.2, 0.05]

  /// - Parameter classes: those that occur; nil for all.
  static func draw(among classes: [Int]? = nil, using generator: inout SeededGenerator) -> LabelSet {
    let count = 1 + pick(countChances, using: &generator)
    var left = weights.filter { classes?.contains($0.location) ?? true }
    var labels = LabelSet()
    for _ in 0..<min(count, left.count) {
      labels.insert(left.remove(at: pick(left.map(\.weight), using: &generator)).location)
    }
    return labels
  }

  /// An index, drawn with these weights.
  private static func pick(_ weights: [Double], using generator: inout SeededGenerator) -> Int {
    var rest = generator.uniform() * weights.reduce(0, +)
    for (index, weight) in weights.enumerated() {
      rest -= weight
      if rest < 0 { return index }
    }
    return weights.count - 1
  }
}
