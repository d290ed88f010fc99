import HPACore

/// Makes matches of the rows that were found for every query.
struct Ranking {
  let queries: [ImageID]
  let gallery: [ImageID]

  /// The place of each row in the order of ids; equal ids keep the order of their rows.
  static func order(of ids: [ImageID]) -> [Int32] {
    var order = [Int32](repeating: 0, count: ids.count)
    for (place, row) in ids.indices.sorted(by: { ids[$0] < ids[$1] || !(ids[$1] < ids[$0]) && $0 < $1 }).enumerated() {
      order[row] = Int32(place)
    }
    return order
  }

  /// Queries in their order, then by rank.
  func neighbours(_ nearest: [[ScoredRow]]) -> [Match] {
    var matches: [Match] = []
    matches.reserveCapacity(nearest.reduce(0) { $0 + $1.count })
    for (id, nearest) in zip(queries, nearest) {
      for (rank, entry) in nearest.enumerated() {
        matches.append(Match(query: id, gallery: gallery[Int(entry.row)], score: entry.score, rank: rank + 1))
      }
    }
    return matches
  }

  /// The `count` best pairs overall, at most one a query, best first; ties by query id, then gallery id.
  func bestPairs(_ nearest: [[ScoredRow]], count: Int) -> [Match] {
    let best = nearest.enumerated().compactMap { query, nearest in nearest.first.map { (query: query, found: $0) } }
      .sorted { isBetter($0, $1) }
      .prefix(count)
    return best.enumerated().map { rank, pair in
      Match(query: queries[pair.query], gallery: gallery[Int(pair.found.row)], score: pair.found.score, rank: rank + 1)
    }
  }

  private func isBetter(_ left: (query: Int, found: ScoredRow), _ right: (query: Int, found: ScoredRow)) -> Bool {
    guard left.found.score == right.found.score else { return left.found.score > right.found.score }
    return queries[left.query] == queries[right.query] ? left.query < right.query : queries[left.query] < queries[right.query]
  }
}
