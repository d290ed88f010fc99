public import HPACore

/// Searches the threshold of each class that gives its best F1 on a validation set.
///
/// A class is searched where MORE than `minimumCount` validation images carry it; the others keep `fallback`, because the optimum of a few
/// images is noise. F1 is that of `score > threshold` alone, before the arg-max that `Prediction` gives to rows without a label.
///
/// Thresholds between two adjacent scores label the same images, so one candidate stands for them all: their midpoint, or 0 (or the next
/// float64 below the lowest score, if that is smaller) where every image is labelled. Where `fallback` itself reaches the best F1 it
/// stays. Of several best candidates the nearest to `fallback` is taken, and of two equally near the lower.
public struct ThresholdSearch: Sendable {
  /// What was found for one class.
  public struct Choice: Sendable, Equatable, Encodable {
    public let classID: Int
    public let threshold: Double
    /// F1 on the validation set at `threshold`.
    public let f1: Double
    public let f1AtFallback: Double
    /// Validation images that carry the class.
    public let positives: Int
    /// False where the class has too few positives and keeps `fallback`.
    public let isSearched: Bool
  }

  /// Classes with this many validation images or fewer are not searched; 0 searches every class that occurs.
  public let minimumCount: Int
  public let fallback: Double

  public init(minimumCount: Int = 1000, fallback: Double = Thresholds.default) {
    self.minimumCount = minimumCount
    self.fallback = fallback
  }

  /// One choice a class, by class id.
  ///
  /// - Parameter truth: the labels of the validation images; rows of other images are ignored.
  /// - Throws: `badData` that names the first id without labels; `usage` for a fallback that is not finite.
  public func choices(scores: ClassScores, truth: LabelTable) throws -> [Choice] {
    guard fallback.isFinite else {
      throw Failure(.usage, "the default threshold \(fallback) is no number", cure: "Give one such as --default 0.15.")
    }
    let labels = try truth.labels(for: scores.ids)
    return ProteinLocation.all.map { location in
      let column = scores.ids.indices.map { scores.matrix[$0, location.id] }
      return choice(classID: location.id, scores: column, isPositive: labels.map { $0.contains(location.id) })
    }
  }

  private func choice(classID: Int, scores: [Double], isPositive: [Bool]) -> Choice {
    let positives = isPositive.count { $0 }
    let atFallback = F1.of(scores: scores, isPositive: isPositive, threshold: fallback)
    guard positives > minimumCount else {
      return Choice(
        classID: classID, threshold: fallback, f1: atFallback, f1AtFallback: atFallback, positives: positives, isSearched: false)
    }
    let best = bestCandidate(scores: scores, isPositive: isPositive, positives: positives)
    let threshold = atFallback >= best.f1 ? fallback : best.threshold
    return Choice(
      classID: classID, threshold: threshold, f1: max(best.f1, atFallback), f1AtFallback: atFallback, positives: positives, isSearched: true
    )
  }

  private typealias Candidate = (threshold: Double, f1: Double)

  /// Walks down the sorted scores; after each run of equal scores, the images above the gap are the ones labelled.
  private func bestCandidate(scores: [Double], isPositive: [Bool], positives: Int) -> Candidate {
    let order = scores.indices.sorted { scores[$0] > scores[$1] }
    var best: Candidate = (fallback, -1)
    var hits = 0
    for (rank, index) in order.enumerated() {
      if isPositive[index] { hits += 1 }
      let isLast = rank + 1 == order.count
      if !isLast, scores[order[rank + 1]] == scores[index] { continue }
      let threshold = isLast ? min(0, scores[index].nextDown) : Self.gap(below: scores[index], above: scores[order[rank + 1]])
      let candidate = (threshold, F1.of(hits: hits, predicted: rank + 1, positives: positives))
      if isBetter(candidate, than: best) { best = candidate }
    }
    return best
  }

  /// Equal F1 are equal bits: both are the correctly rounded quotient of whole numbers. Candidates come in falling order, hence `<=`.
  private func isBetter(_ candidate: Candidate, than best: Candidate) -> Bool {
    guard candidate.f1 == best.f1 else { return candidate.f1 > best.f1 }
    return abs(candidate.threshold - fallback) <= abs(best.threshold - fallback)
  }

  /// The midpoint of two scores, in [low, high): of neighbouring floats it may round up to `high`, which it would then not label.
  private static func gap(below high: Double, above low: Double) -> Double {
    let middle = low / 2 + high / 2
    return middle < high && middle >= low ? middle : low
  }
}

extension Thresholds {
  /// The thresholds of a search.
  public init(_ choices: [ThresholdSearch.Choice]) throws { try self.init(choices.map(\.threshold)) }
}
