import Foundation
public import HPACore

/// Search through an index of Faiss, which nominates rows; every one that it nominates is scored as exact search scores it.
///
/// So scores are exact and ties are broken by id, but a neighbour that the index misses is missing: its recall says how often.
/// Building and searching give the same result with any number of threads.
public struct ApproximateSearch: Sendable {
  public let recipe: IndexRecipe
  private let index: FaissIndex
  private let gallery: UnitRows
  private let order: [Int32]
  private let path: String?

  /// The version of Faiss that builds and reads indexes.
  public static func libraryVersion() throws -> String { try FaissIndex.version() }

  /// Builds the index of a gallery.
  ///
  /// - Parameter path: the file that messages about the gallery point at.
  /// - Throws: `badData` for a factory string or parameters that Faiss refuses, and for unfit rows; `interrupted`.
  public init(building recipe: IndexRecipe, gallery: NamedRows<Float>, threads: Int, path: String? = nil, progress: ProgressLine? = nil)
    throws
  {
    let rows = try UnitRows(gallery, path: path)
    let index = try FaissIndex(dimension: rows.dimension, factory: recipe.factory, recipe: recipe.name)
    try index.train(rows.unit, threads: threads)
    let step = 1 << 12
    for start in stride(from: 0, to: rows.count, by: step) {
      try Interruption.check()
      let block = start..<min(start + step, rows.count)
      try index.add(rows.unit[block.lowerBound * rows.dimension..<block.upperBound * rows.dimension])
      progress?.advance(by: block.count)
    }
    progress?.finish()
    try self.init(recipe, index: index, gallery: rows, path: path)
  }

  /// Reads an index that was built for this gallery.
  ///
  /// - Throws: `missingInput`; `badData` where the file is none of Faiss's or was built for other rows.
  public init(contentsOf file: String, recipe: IndexRecipe, gallery: NamedRows<Float>, path: String? = nil) throws {
    let rows = try UnitRows(gallery, path: path)
    let index = try FaissIndex(contentsOf: file)
    guard index.count == rows.count, index.dimension == rows.dimension else {
      throw Failure(
        .badData, "holds \(index.count) x \(index.dimension) numbers, the gallery \(rows.count) x \(rows.dimension)", at: .file(file),
        cure: "Build the index again: hpa-feat index build.")
    }
    try self.init(recipe, index: index, gallery: rows, path: path)
  }

  private init(_ recipe: IndexRecipe, index: FaissIndex, gallery: UnitRows, path: String?) throws {
    if let parameters = recipe.parameters { try index.set(parameters, recipe: recipe.name) }
    self.recipe = recipe
    self.index = index
    self.gallery = gallery
    self.path = path
    order = Ranking.order(of: gallery.ids)
  }

  /// Writes Faiss's own file format.
  ///
  /// - Throws: `cannotCreate`, `inputOutput`.
  public func write(to file: String) throws { try index.write(to: file) }

  /// The `count` nearest rows that the index finds for every query: queries in their order, then by rank.
  ///
  /// - Throws: `usage` for a count below 1; `badData` for unfit query rows or another dimension; `interrupted`.
  public func neighbours(
    of queries: NamedRows<Float>, count: Int, threads: Int, minimumScore: Float? = nil, path: String? = nil, progress: ProgressLine? = nil
  ) throws -> Matches {
    guard count >= 1 else { throw Failure(.usage, "--k \(count) asks for no neighbours", cure: "Give a number from 1, such as --k 10.") }
    let found = try nearest(queries, count: count, threads: threads, minimumScore: minimumScore, path: path, progress: progress)
    return Matches(Ranking(queries: queries.ids, gallery: gallery.ids).neighbours(found))
  }

  /// The `count` best pairs that the index finds, at most one a query, best first.
  ///
  /// - Throws: as `neighbours`.
  public func bestPairs(
    of queries: NamedRows<Float>, count: Int, threads: Int, minimumScore: Float? = nil, path: String? = nil, progress: ProgressLine? = nil
  ) throws -> Matches {
    guard count >= 1 else { throw Failure(.usage, "--top \(count) asks for no pairs", cure: "Give a number from 1, such as --top 300.") }
    let found = try nearest(queries, count: 1, threads: threads, minimumScore: minimumScore, path: path, progress: progress)
    return Matches(Ranking(queries: queries.ids, gallery: gallery.ids).bestPairs(found, count: count))
  }

  /// Measures the recall with rows of the gallery as queries, against exact search.
  ///
  /// - Parameter queries: how many rows are drawn; all where the gallery is smaller.
  /// - Throws: `badData` for a gallery of one row.
  public func recall(queries: Int, seed: UInt64, threads: Int) throws -> Recall {
    guard gallery.count > 1 else { throw Failure(.badData, "a gallery of one row has no neighbours", at: .init(path: path)) }
    var generator = SeededGenerator(seed: seed, stream: "recall")
    let drawn = (0..<gallery.count).shuffled(using: &generator).prefix(max(1, queries)).sorted()
    // Rows are named by their numbers here: a gallery may hold an id twice, and a row must miss itself alone.
    let names = (0..<gallery.count).map { ImageID(String($0)) }
    let sample = try NamedRows(ids: drawn.map { names[$0] }, matrix: gallery.matrix.selecting(rows: drawn))
    let count = min(recipe.minimum.neighbours, gallery.count - 1)
    let found = try nearest(sample, count: count + 1, threads: threads)
    let exact = try ExactSearch(gallery: NamedRows(ids: names, matrix: gallery.matrix), path: path)
      .neighbours(of: sample, count: count, options: .init(threads: threads, isSelf: true))
    let least = Dictionary(exact.matches.map { ($0.query, $0.score) }, uniquingKeysWith: min)
    let shares = zip(zip(drawn, sample.ids), found).map { query, nearest in
      let others = nearest.filter { Int($0.row) != query.0 }.prefix(count)
      return Double(others.count { $0.score >= least[query.1] ?? -.infinity }) / Double(count)
    }
    return Recall(neighbours: count, queries: drawn.count, seed: seed, value: shares.reduce(0, +) / Double(shares.count))
  }

  private func nearest(
    _ queries: NamedRows<Float>, count: Int, threads: Int, minimumScore: Float? = nil, path: String? = nil, progress: ProgressLine? = nil
  ) throws -> [[ScoredRow]] {
    let rows = try UnitRows(queries, path: path)
    guard rows.dimension == gallery.dimension else {
      throw Failure(
        .badData, "queries have \(rows.dimension) features, the gallery\(self.path.map { " \($0)" } ?? "") has \(gallery.dimension)",
        at: .init(path: path), cure: "Search with features of the same checkpoint.")
    }
    let step = 64
    let blocks = stride(from: 0, to: rows.count, by: step).map { $0..<min($0 + step, rows.count) }
    let found = try Parallel.map(count: blocks.count, threads: threads) { number in
      try Interruption.check()
      defer { progress?.advance(by: blocks[number].count) }
      return try nearest(rows, blocks[number], count: count, minimumScore: minimumScore ?? -.infinity)
    }
    progress?.finish()
    return found.flatMap { $0 }
  }

  private func nearest(_ queries: UnitRows, _ block: Range<Int>, count: Int, minimumScore: Float) throws -> [[ScoredRow]] {
    let unit = queries.unit[block.lowerBound * queries.dimension..<block.upperBound * queries.dimension]
    let (fetched, overflow) = count.multipliedReportingOverflow(by: recipe.oversampling)
    let nominated = try index.search(unit, neighbours: min(overflow ? .max : fetched, gallery.count))
    return zip(block, nominated).map { query, rows in
      var nearest = NearestRows(capacity: min(count, gallery.count), minimumScore: minimumScore)
      for row in rows {
        nearest.offer(.init(score: Float(queries.cosine(query, gallery, row)), row: Int32(row), order: order[row]))
      }
      return nearest.sorted()
    }
  }
}
