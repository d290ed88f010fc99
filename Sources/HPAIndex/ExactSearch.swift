import COpenBLAS
import CSearchKernels
public import HPACore

/// Exact cosine search: every pair is looked at, and the answer is that of float64 arithmetic.
///
/// A score is `Float(dot(q, g) / (|q| |g|))` with product and lengths in float64, added in a fixed order. Better means a higher score;
/// equal scores are ordered by id (UTF-8 bytes), then by row. Neither threads nor the kernel change the answer (docs/search.md).
///
/// Memory beside the rows given: d + 24 bytes a gallery row for codes and lengths, and 24 more while they are made; 64 k bytes a query for what is
/// found, 48 of them for the list of matches; for each thread 96 queries (12 where k > 2048) of 12 (min(4 k, gallery) + 128) bytes. 11,702 x
/// 105,678 x 128 with k = 1 takes 20 MB.
/// The plain kernel: 4 d (queries + gallery) bytes for unit vectors, 16 (queries + gallery) for lengths and id order, and 1 MiB a thread.
public struct ExactSearch: Sendable {
  public struct Options: Sendable {
    public var threads = Parallel.availableThreads
    /// Pairs below this score are left out.
    public var minimumScore: Float?
    /// Leaves out pairs of an id with itself: queries and gallery are the same set.
    public var isSelf = false
    /// What the first pass is made of; `SearchKernel.chosen()` where it is nil.
    var kernel: SearchKernel?
    /// Into how many the gallery is parted; a sensible number where it is nil.
    var cells: Int?
    /// Of the plain kernel.
    var tile = SgemmScan.Tile()

    public init(threads: Int = Parallel.availableThreads, minimumScore: Float? = nil, isSelf: Bool = false) {
      self.threads = threads
      self.minimumScore = minimumScore
      self.isSelf = isSelf
    }
  }

  let gallery: MeasuredRows
  private let path: String?

  /// - Parameters:
  ///   - path: the file that messages about gallery rows point at.
  ///   - threads: that the lengths of the rows are computed on.
  /// - Throws: `badData` that names the first row that is zero, NaN or infinite, or an empty matrix.
  public init(gallery: NamedRows<Float>, path: String? = nil, threads: Int = Parallel.availableThreads) throws {
    self.gallery = try MeasuredRows(gallery, path: path, threads: threads)
    self.path = path
  }

  /// The `count` nearest gallery rows of every query (all of them where the gallery is smaller): queries in their order, then by rank.
  ///
  /// - Throws: `usage` for a count below 1 or a minimum score that is no number; `badData` for unfit query rows or another dimension.
  public func neighbours(
    of queries: NamedRows<Float>, count: Int, options: Options = Options(), path: String? = nil, progress: ProgressLine? = nil
  ) throws -> Matches {
    let found = try nearest(queries, count: count, pairs: nil, options: options, path: path, progress: progress)
    let matches = Ranking(queries: queries.ids, gallery: gallery.ids).neighbours(found.nearest)
    return Matches(matches, statistics: found.statistics)
  }

  /// The `count` best pairs overall, at most one a query, best first; ties by query id, then gallery id. Rank counts through the list.
  ///
  /// - Throws: as `neighbours`.
  public func bestPairs(
    of queries: NamedRows<Float>, count: Int, options: Options = Options(), path: String? = nil, progress: ProgressLine? = nil
  ) throws -> Matches {
    guard count >= 1 else { throw Failure(.usage, "--top \(count) asks for no pairs", cure: "Give a number from 1, such as --top 300.") }
    let found = try nearest(queries, count: 1, pairs: count, options: options, path: path, progress: progress)
    let matches = Ranking(queries: queries.ids, gallery: gallery.ids).bestPairs(found.nearest, count: count)
    return Matches(matches, statistics: found.statistics)
  }

  private struct Found {
    var nearest: [[ScoredRow]]
    var statistics: SearchStatistics
  }

  private func nearest(_ rows: NamedRows<Float>, count: Int, pairs: Int?, options: Options, path: String?, progress: ProgressLine?) throws
    -> Found
  {
    try validate(rows, count: count, options: options, path: path)
    let queries = try MeasuredRows(rows, path: path, threads: options.threads)
    let kernel = try options.kernel ?? SearchKernel.chosen()
    openblas_set_num_threads(1)
    guard let functions = kernel.functions, gallery.dimension <= HPA_SEARCH_MOST_DIMENSIONS else {
      return try multiply(queries, count: count, options: options, progress: progress)
    }
    let search = try CodedSearch(
      queries, gallery, wanted: count, minimumScore: options.minimumScore, isSelf: options.isSelf, functions: functions,
      threads: options.threads, cells: options.cells)
    let found = try pairs.map { try search.bestPairs($0, progress: progress) } ?? search.neighbours(progress: progress)
    return Found(
      nearest: found.nearest,
      statistics: SearchStatistics(
        queries: queries.count, gallery: gallery.count, kernel: kernel, candidates: found.candidates, rescored: found.rescored,
        errorBound: found.margin))
  }

  private func validate(_ rows: NamedRows<Float>, count: Int, options: Options, path: String?) throws {
    guard count >= 1 else { throw Failure(.usage, "--k \(count) asks for no neighbours", cure: "Give a number from 1, such as --k 10.") }
    if let minimum = options.minimumScore, !minimum.isFinite {
      throw Failure(.usage, "--min-score \(minimum) is no number", cure: "Give a cosine from -1 to 1.")
    }
    guard rows.matrix.columns == gallery.dimension else {
      throw Failure(
        .badData, "queries have \(rows.matrix.columns) features, the gallery\(self.path.map { " \($0)" } ?? "") has \(gallery.dimension)",
        at: .init(path: path), cure: "Search with features of the same checkpoint.")
    }
  }

  /// The search by matrix products.
  private func multiply(_ queries: MeasuredRows, count: Int, options: Options, progress: ProgressLine?) throws -> Found {
    let scan = SgemmScan(queries: UnitRows(queries), gallery: UnitRows(gallery), tile: options.tile)
    let order = Ranking.order(of: gallery.ids)
    let step = max(1, options.tile.queries)
    let blocks = stride(from: 0, to: queries.count, by: step).map { $0..<min($0 + step, queries.count) }
    let found = try Parallel.map(count: blocks.count, threads: options.threads) { index in
      defer { progress?.advance(by: blocks[index].count) }
      return try search(blocks[index], scan: scan, order: order, count: count, options: options)
    }
    progress?.finish()
    let rescored = found.map(\.rescored).reduce(0, +)
    return Found(
      nearest: found.flatMap(\.nearest),
      statistics: SearchStatistics(
        queries: queries.count, gallery: gallery.count, kernel: .plain, candidates: rescored, rescored: rescored,
        errorBound: SgemmScan.errorBound(dimension: gallery.dimension)))
  }

  private func search(_ block: Range<Int>, scan: SgemmScan, order: [Int32], count: Int, options: Options) throws -> (
    nearest: [[ScoredRow]], rescored: Int
  ) {
    let bound = SgemmScan.errorBound(dimension: gallery.dimension)
    let capacity = min(count, gallery.count)
    var nearest = block.map { _ in NearestRows(capacity: capacity, minimumScore: options.minimumScore ?? -.infinity) }
    var rescored = 0
    try scan.scan(
      block, floor: { (nearest[$0 - block.lowerBound].leastUsefulScore - bound).nextDown },
      visit: { query, row in
        guard !options.isSelf || scan.queries.ids[query] != gallery.ids[row] else { return }
        rescored += 1
        nearest[query - block.lowerBound].offer(
          .init(score: Float(scan.queries.rows.cosine(query, gallery, row)), row: Int32(row), order: order[row]))
      })
    return (nearest.map { $0.sorted() }, rescored)
  }
}
