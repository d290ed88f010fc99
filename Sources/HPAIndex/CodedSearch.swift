import CSearchKernels
import HPACore

/// Exact search whose first pass reads 8-bit codes (docs/search.md).
///
/// Queries that lie in one cell are searched together, first in their own cell, which gives high thresholds early. Blocks of queries do not
/// depend on the threads, and so neither do the counts.
struct CodedSearch: Sendable {
  let queries: MeasuredRows
  let gallery: MeasuredRows
  /// How many rows are wanted of each query.
  let wanted: Int
  let minimumScore: Float?
  let labels: Labels?
  let functions: hpa_search_kernel
  let coded: CodedGallery
  let cellOfQuery: [Int32]
  private let threads: Int
  private let blocks: [[Int]]

  struct Result: Sendable {
    /// By query row, best first.
    var nearest: [[ScoredRow]]
    var candidates: Int
    var rescored: Int
    var margin: Float
  }

  init(
    _ queries: MeasuredRows, _ gallery: MeasuredRows, wanted: Int, minimumScore: Float?, isSelf: Bool, functions: hpa_search_kernel,
    threads: Int, cells: Int?
  ) throws {
    self.queries = queries
    self.gallery = gallery
    self.wanted = min(wanted, gallery.count)
    self.minimumScore = minimumScore
    self.functions = functions
    self.threads = threads
    labels = isSelf ? Labels(gallery: gallery.ids, queries: queries.ids) : nil
    let partition = try GalleryCells(
      of: gallery, count: cells ?? GalleryCells.sensibleCount(rows: gallery.count, queries: queries.count), threads: threads)
    coded = try CodedGallery(gallery, partition: partition, functions: functions, threads: threads)
    let cellOfQuery = try partition.nearest(of: queries, threads: threads)
    self.cellOfQuery = cellOfQuery
    let order = cellOfQuery.indices.sorted { (cellOfQuery[$0], $0) < (cellOfQuery[$1], $1) }
    let size = CodedSearch.blockSize(queries: queries.count, wanted: self.wanted)
    blocks = stride(from: 0, to: order.count, by: size).map { Array(order[$0..<min($0 + size, order.count)]) }
  }

  /// Whole dozens, as the kernels take them; enough blocks for many threads; and not too many candidates at once.
  private static func blockSize(queries: Int, wanted: Int) -> Int {
    let dozen = 12
    return wanted > 2048 ? dozen : min(Int(HPA_SEARCH_BLOCK), (queries / 16 / dozen + 1) * dozen)
  }

  /// The wanted rows of every query.
  func neighbours(progress: ProgressLine?) throws -> Result {
    try run(progress: progress) { block, _ in
      try block.searchOwnCells()
      try block.searchOtherCells()
    }
  }

  /// The best row of those queries that can be among the `count` best pairs overall; the other queries may have none.
  ///
  /// What the queries find in their own cells gives a floor for all of them: there are `count` queries that reach it.
  func bestPairs(_ count: Int, progress: ProgressLine?) throws -> Result {
    let begun = try Parallel.map(count: blocks.count, threads: threads) { number in
      let block = BlockSearch(self, rows: blocks[number])
      try block.searchOwnCells()
      return Begun(states: block.suspend(), candidates: block.met, rescored: block.rescored, margin: block.margin)
    }
    let bounds = begun.flatMap { $0.states.compactMap(\.lowerBound) }.sorted(by: >)
    let floor = count <= bounds.count ? bounds[count - 1] : -.greatestFiniteMagnitude
    var result = try run(progress: progress) { block, number in
      block.resume(begun[number].states, floor: floor)
      try block.searchOtherCells()
    }
    for block in begun {
      result.candidates += block.candidates
      result.rescored += block.rescored
      result.margin = max(result.margin, block.margin)
    }
    return result
  }

  private struct Begun: Sendable {
    let states: [BlockSearch.State]
    let candidates: Int
    let rescored: Int
    let margin: Float
  }

  private func run(progress: ProgressLine?, _ search: @Sendable (BlockSearch, Int) throws -> Void) throws -> Result {
    let found = try Parallel.map(count: blocks.count, threads: threads) { number in
      defer { progress?.advance(by: blocks[number].count) }
      let block = BlockSearch(self, rows: blocks[number])
      try search(block, number)
      let nearest = block.finish()
      return Result(nearest: nearest, candidates: block.met, rescored: block.rescored, margin: block.margin)
    }
    progress?.finish()
    var whole = Result(nearest: Array(repeating: [], count: queries.count), candidates: 0, rescored: 0, margin: 0)
    for (rows, part) in zip(blocks, found) {
      for (row, nearest) in zip(rows, part.nearest) { whole.nearest[row] = nearest }
      whole.candidates += part.candidates
      whole.rescored += part.rescored
      whole.margin = max(whole.margin, part.margin)
    }
    return whole
  }

  /// A number for every id, by gallery row and by query: pairs with the same number are left out.
  struct Labels: Sendable {
    let gallery: [Int32]
    let queries: [Int32]

    init(gallery: [ImageID], queries: [ImageID]) {
      let numbers = Dictionary(zip(gallery, Int32(0)...), uniquingKeysWith: { first, _ in first })
      self.gallery = gallery.map { numbers[$0] ?? -1 }
      self.queries = queries.map { numbers[$0] ?? -2 }
    }
  }
}
