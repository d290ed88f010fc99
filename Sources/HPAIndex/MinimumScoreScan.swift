/// What a minimum score would keep of a list of matches, judged by pairs that are known to be right.
public struct MinimumScoreScan: Sendable, Equatable {
  public struct Row: Sendable, Equatable, Codable {
    public let minimumScore: Float
    /// Matches that reach it.
    public let matches: Int
    /// Known pairs among them.
    public let hits: Int
    /// hits / matches.
    public let precision: Double
    /// hits / known pairs.
    public let recall: Double

    private enum CodingKeys: String, CodingKey {
      case matches, hits, precision, recall
      case minimumScore = "min_score"
    }

    fileprivate var f1: Double { precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0 }
  }

  /// From the highest minimum score to that which keeps every match.
  ///
  /// A score stands here where a run of hits ends: a higher one loses hits, a lower one first adds wrong matches. Matches of one score stand
  /// or fall together. Where that gives more than `most` rows, the first, the last and the one of the best F1 stay, the others thin out evenly.
  public let rows: [Row]

  public init(_ matches: [Match], known: Int, most: Int = 20, isKnown: (Match) -> Bool) {
    var cuts: [Row] = []
    var ends: [Int] = []
    var (kept, hits, hadHit) = (0, 0, false)
    let sorted = matches.sorted { $0.score > $1.score }
    var start = 0
    while start < sorted.count {
      let run = sorted[start...].prefix { $0.score == sorted[start].score }
      let found = run.count(where: isKnown)
      if hadHit, found == 0 { ends.append(cuts.count - 1) }
      (kept, hits, hadHit, start) = (kept + run.count, hits + found, found > 0, run.endIndex)
      cuts.append(
        Row(
          minimumScore: run[run.startIndex].score, matches: kept, hits: hits, precision: Double(hits) / Double(kept),
          recall: known > 0 ? Double(hits) / Double(known) : 0))
    }
    if !cuts.isEmpty { ends.append(cuts.count - 1) }
    rows = Self.thinned(ends.map { cuts[$0] }, to: most)
  }

  private static func thinned(_ rows: [Row], to most: Int) -> [Row] {
    guard rows.count > most, most >= 3 else { return rows }
    let best = rows.indices.reduce(0) { rows[$1].f1 > rows[$0].f1 ? $1 : $0 }
    let even = (0..<most - 1).map { $0 * (rows.count - 1) / (most - 2) }
    return Set(even + [best]).sorted().map { rows[$0] }
  }
}
