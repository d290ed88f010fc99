/// The scores of one class, highest first, with the images that carry it: what every rule for a threshold walks down.
///
/// Sorted once; a resample of the images is how often each was drawn, so a thousand resamples need no further sorting.
struct ScoreRanking: Sendable {
  private let scores: [Double]
  /// The row of each score before it was sorted.
  private let rows: [Int32]
  private let isPositive: [Bool]
  private let positiveRows: [Int32]

  init(scores: [Double], isPositive: [Bool]) {
    let order = scores.indices.sorted { scores[$0] > scores[$1] }
    self.scores = order.map { scores[$0] }
    self.isPositive = order.map { isPositive[$0] }
    rows = order.map(Int32.init)
    positiveRows = rows.filter { isPositive[Int($0)] }
  }

  /// How often every image is drawn, by row, where each stands for itself.
  var eachOnce: [UInt16] { Array(repeating: 1, count: scores.count) }

  /// Drawn images that carry the class.
  func positives(_ draws: [UInt16]) -> Int { positiveRows.reduce(0) { $0 + Int(draws[Int($1)]) } }

  /// What a threshold labels.
  struct Tally {
    var hits = 0
    var predicted = 0

    func f1(positives: Int) -> Double { F1.of(hits: hits, predicted: predicted, positives: positives) }
  }

  /// The gap between two adjacent scores: thresholds in it label the same images.
  struct Cut {
    /// The lowest score that is labelled; infinite where none is.
    let above: Double
    /// The highest score that is not labelled; minus infinity where all are.
    let below: Double
    let tally: Tally

    /// One threshold for all of the gap: its midpoint; the highest score where no image is labelled; 0, or the next float64 below the
    /// lowest score if that is smaller, where every image is.
    var threshold: Double {
      if above == .infinity { return below }
      if below == -.infinity { return min(0, above.nextDown) }
      // The midpoint of neighbouring floats may round up to `above`, which it would then not label.
      let middle = below / 2 + above / 2
      return middle < above && middle >= below ? middle : below
    }
  }

  /// Calls `body` with every cut of the drawn images, from none labelled to all labelled.
  @inline(__always)
  func forEachCut(_ draws: [UInt16], _ body: (Cut) -> Void) {
    var tally = Tally()
    var lowest = Double.infinity
    for (rank, score) in scores.enumerated() {
      let count = Int(draws[Int(rows[rank])])
      guard count > 0 else { continue }
      if score < lowest {
        body(Cut(above: lowest, below: score, tally: tally))
        lowest = score
      }
      tally.predicted += count
      if isPositive[rank] { tally.hits += count }
    }
    body(Cut(above: lowest, below: -.infinity, tally: tally))
  }

  func tally(above threshold: Double, _ draws: [UInt16]) -> Tally {
    var tally = Tally()
    for (rank, score) in scores.enumerated() {
      guard score > threshold else { break }
      let count = Int(draws[Int(rows[rank])])
      tally.predicted += count
      if isPositive[rank] { tally.hits += count }
    }
    return tally
  }
}
