import COpenBLAS
import HPACore
import Synchronization

/// Two rows of one set and their cosine in float64, before it is rounded to the score.
struct SimilarPair: Sendable {
  let first: Int32
  let second: Int32
  let cosine: Double
}

extension ExactSearch {
  /// More pairs than this say that the minimum score parts nothing; 16 bytes each.
  static let mostPairs = 20_000_000

  /// All pairs of gallery rows whose score reaches `minimumScore`, each once (first < second), in the order of rows.
  ///
  /// - Throws: `usage` for more than `mostPairs`; `interrupted`.
  func pairs(atLeast minimumScore: Float, options: Options = Options(), progress: ProgressLine? = nil) throws -> [SimilarPair] {
    let rows = UnitRows(gallery)
    let scan = SgemmScan(queries: rows, gallery: rows, tile: options.tile)
    let floor = (minimumScore - SgemmScan.errorBound(dimension: gallery.dimension)).nextDown
    let step = max(1, options.tile.queries)
    let blocks = stride(from: 0, to: gallery.count, by: step).map { $0..<min($0 + step, gallery.count) }
    let count = Atomic(0)
    openblas_set_num_threads(1)
    let found = try Parallel.map(count: blocks.count, threads: options.threads) { index in
      defer { progress?.advance(by: blocks[index].count) }
      var pairs: [SimilarPair] = []
      // Rows before the block have met it already.
      try scan.scan(blocks[index], from: blocks[index].lowerBound, floor: { _ in floor }) { first, second in
        guard second > first else { return }
        let cosine = gallery.cosine(first, gallery, second)
        guard Float(cosine) >= minimumScore else { return }
        pairs.append(SimilarPair(first: Int32(first), second: Int32(second), cosine: cosine))
        guard pairs.count <= Self.mostPairs else { throw Self.tooMany(minimumScore) }
      }
      guard count.wrappingAdd(pairs.count, ordering: .relaxed).newValue <= Self.mostPairs else { throw Self.tooMany(minimumScore) }
      return pairs.sorted { ($0.first, $0.second) < ($1.first, $1.second) }
    }
    progress?.finish()
    return Array(found.joined())
  }

  private static func tooMany(_ minimumScore: Float) -> Failure {
    Failure(
      .usage, "more than \(mostPairs) pairs reach \(minimumScore): images of one kind hardly differ in these features",
      cure: "Raise --min-score, or use --standardise whiten.")
  }
}
