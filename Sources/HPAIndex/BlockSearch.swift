import CSearchKernels
import HPACore

/// The search for some queries at a time, by one thread.
final class BlockSearch {
  /// What a query takes from one pass over cells to the next.
  struct State: Sendable {
    let threshold: Float
    let candidates: [hpa_search_candidate]

    /// The best score is at least this.
    var lowerBound: Float? { candidates.map(\.lower).max() }
  }

  private let search: CodedSearch
  /// Query rows, at most 96.
  private let rows: [Int]
  private let unit: [Float]
  private let states: UnsafeMutablePointer<hpa_search_query>
  private let candidates: UnsafeMutablePointer<hpa_search_candidate>
  private let capacity: Int
  private let block: UnsafeMutablePointer<hpa_search_block>
  private(set) var rescored = 0

  /// Pairs that the first pass could not exclude.
  var met: Int { rows.indices.reduce(0) { $0 + Int(states[$1].met) } }
  var margin: Float { block.pointee.margin }

  init(_ search: CodedSearch, rows: [Int]) {
    self.search = search
    self.rows = rows
    unit = search.queries.unitVectors(rows)
    capacity = min(4 * search.wanted, search.gallery.count) + 128
    states = .allocate(capacity: rows.count)
    candidates = .allocate(capacity: rows.count * capacity)
    block = .allocate(capacity: 1)
    let codeBytes = Int(HPA_SEARCH_BLOCK) * search.coded.tiles.memory.words * 4
    let codes = UnsafeMutablePointer<Int8>.allocate(capacity: codeBytes)
    codes.initialize(repeating: 0, count: codeBytes)
    for (place, row) in rows.enumerated() {
      states[place] = hpa_search_query(
        threshold: search.minimumScore ?? -.greatestFiniteMagnitude, wanted: Int32(search.wanted), count: 0,
        limit: Int32(max(search.wanted, 16)), capacity: Int32(capacity), label: search.labels?.queries[row] ?? -1, met: 0,
        candidates: candidates + place * capacity)
    }
    block.initialize(
      to: hpa_search_block(
        queries: states, aims: .allocate(capacity: Int(HPA_SEARCH_BLOCK)), aim_count: 0, codes: codes, labels: nil,
        settle: { context, place in
          guard let context else { return }
          Unmanaged<BlockSearch>.fromOpaque(context).takeUnretainedValue().settle(Int(place))
        },
        context: nil, margin: 0))
    block.pointee.context = Unmanaged.passUnretained(self).toOpaque()
  }

  deinit {
    block.pointee.aims.deallocate()
    block.pointee.codes.deallocate()
    block.deallocate()
    candidates.deallocate()
    states.deallocate()
  }

  /// Goes on where another pass ended; scores below the floor are of no use.
  func resume(_ begun: [State], floor: Float) {
    for (place, state) in begun.enumerated() {
      states[place].threshold = max(state.threshold, floor)
      states[place].count = Int32(state.candidates.count)
      states[place].limit = Int32(min(capacity, max(search.wanted, 16) + state.candidates.count))
      for (index, candidate) in state.candidates.enumerated() { states[place].candidates[index] = candidate }
      hpa_search_sieve(&states[place])
    }
  }

  /// Looks for each query in the cell that it lies in.
  func searchOwnCells() throws {
    for (cell, places) in Dictionary(grouping: rows.indices, by: { search.cellOfQuery[rows[$0]] }).sorted(by: { $0.key < $1.key }) {
      try meet(Int(cell), places)
    }
  }

  /// Looks for each query in the cells that it does not lie in.
  func searchOtherCells() throws {
    for cell in search.coded.cells.indices { try meet(cell, rows.indices.filter { search.cellOfQuery[rows[$0]] != Int32(cell) }) }
  }

  private func meet(_ cell: Int, _ places: [Int]) throws {
    try Interruption.check()
    let dimension = search.coded.dimension
    block.pointee.aim_count = 0
    withUnsafePointer(to: search.coded.tiles.memory) { gallery in
      withUnsafePointer(to: search.coded.cells[cell].bounds) { bounds in
        search.coded.partition.centre(cell).withUnsafeBufferPointer { centre in
          unit.withUnsafeBufferPointer { unit in
            for place in places {
              search.functions.aim(
                block, Int32(place), unit.baseAddress.map { $0 + place * dimension }, dimension, gallery.pointee.words, centre.baseAddress,
                bounds)
            }
          }
        }
      }
      guard block.pointee.aim_count > 0 else { return }
      search.labels.withGalleryPointer { labels in
        block.pointee.labels = labels
        for panel in search.coded.cells[cell].panels { withUnsafePointer(to: panel) { search.functions.scan(gallery, $0, block) } }
        block.pointee.labels = nil
      }
    }
  }

  func suspend() -> [State] {
    rows.indices.map { place in
      hpa_search_sieve(&states[place])
      return State(threshold: states[place].threshold, candidates: Array(found(place)))
    }
  }

  /// The best rows of each query, best first.
  func finish() -> [[ScoredRow]] {
    rows.indices.map { place in
      hpa_search_sieve(&states[place])
      settle(place)
      return found(place).map { ScoredRow(score: $0.lower, row: $0.row) }
    }
  }

  private func found(_ place: Int) -> UnsafeMutableBufferPointer<hpa_search_candidate> {
    UnsafeMutableBufferPointer(start: states[place].candidates, count: Int(states[place].count))
  }

  /// Scores candidates exactly and keeps the best; the first ones give a threshold that spares many of the others.
  private func settle(_ place: Int) {
    let candidates = found(place)
    let first = min(search.wanted, candidates.count)
    score(.init(rebasing: candidates[..<first]), rows[place])
    var threshold = states[place].threshold
    if first == search.wanted { threshold = max(threshold, candidates[..<first].reduce(.infinity) { min($0, $1.lower) }) }
    var others = candidates[first...]
    let left = others.partition { $0.upper < threshold }
    score(.init(rebasing: candidates[first..<left]), rows[place])
    var best = UnsafeMutableBufferPointer(rebasing: candidates[..<left])
    best.sort { isBetter($0, $1) }
    let end = best.firstIndex { $0.lower < threshold } ?? best.count
    states[place].count = Int32(min(end, search.wanted))
    if end >= search.wanted { states[place].threshold = max(threshold, best[search.wanted - 1].lower) }
  }

  private func score(_ candidates: UnsafeMutableBufferPointer<hpa_search_candidate>, _ query: Int) {
    let (queries, gallery) = (search.queries, search.gallery)
    queries.withRow(query) { row in
      gallery.matrix.values.withUnsafeBufferPointer { values in
        rescored += search.functions.score(
          row.baseAddress, queries.norms[query], values.baseAddress, gallery.norms, gallery.dimension, candidates.baseAddress,
          candidates.count)
      }
    }
  }

  private func isBetter(_ left: hpa_search_candidate, _ right: hpa_search_candidate) -> Bool {
    guard left.lower == right.lower else { return left.lower > right.lower }
    let ids = (search.gallery.ids[Int(left.row)], search.gallery.ids[Int(right.row)])
    return ids.0 == ids.1 ? left.row < right.row : ids.0 < ids.1
  }
}

extension CodedSearch.Labels? {
  fileprivate func withGalleryPointer(_ body: (UnsafePointer<Int32>?) -> Void) {
    guard let labels = self else { return body(nil) }
    labels.gallery.withUnsafeBufferPointer { body($0.baseAddress) }
  }
}
