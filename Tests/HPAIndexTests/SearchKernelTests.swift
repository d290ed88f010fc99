import CSearchKernels
import HPACore
import HPATestSupport
import Testing

@testable import HPAIndex

@Suite struct SearchKernelTests {
  static func require(_ kernel: SearchKernel) throws {
    guard kernel.isSupported else { try Test.cancel("this processor has no \(kernel)") }
  }

  @Test(arguments: SearchKernel.allCases, Hard.allCases)
  func `every kernel gives the answer of all pairs in float64`(kernel: SearchKernel, kind: Hard) throws {
    try Self.require(kernel)
    for cells in kernel == .plain ? [1] : [1, 6] { try expectAllPairs(kernel, kind, cells: cells) }
  }

  private func expectAllPairs(_ kernel: SearchKernel, _ kind: Hard, cells: Int) throws {
    var generator = SeededGenerator(seed: testSeed("\(kind)"))
    let (queries, gallery) = try kind.rows(using: &generator)
    let pairs = try AllPairs(queries, gallery)
    let search = try ExactSearch(gallery: gallery)
    var options = ExactSearch.Options(threads: 2)
    options.kernel = kernel
    options.cells = min(cells, gallery.matrix.rows)
    for count in [1, 7, 300, gallery.matrix.rows + 1] {
      #expect(try search.neighbours(of: queries, count: count, options: options).matches == pairs.neighbours(count), "k \(count)")
    }
    for count in [1, 30, 300, 10_000] {
      #expect(try search.bestPairs(of: queries, count: count, options: options).matches == pairs.best(count), "top \(count)")
    }
    options.minimumScore = 0.5
    #expect(
      try search.neighbours(of: queries, count: 20, options: options).matches == pairs.neighbours(20).filter { $0.score >= 0.5 })
    #expect(
      try search.bestPairs(of: queries, count: 200, options: options).matches == pairs.best(200).filter { $0.score >= 0.5 })
  }

  @Test(arguments: SearchKernel.allCases)
  func `a set searched in itself leaves out every row of the same id`(kernel: SearchKernel) throws {
    try Self.require(kernel)
    var generator = SeededGenerator(seed: testSeed())
    var rows = try Planted.gallery(rows: 700, columns: 20, using: &generator)
    // Some ids stand for several rows, and some of those rows are equal.
    rows = try NamedRows(ids: (0..<700).map { ImageID("id\($0 % 500)") }, matrix: rows.matrix)
    let pairs = try AllPairs(rows, rows, isSelf: true)
    var options = ExactSearch.Options(threads: 2, isSelf: true)
    options.kernel = kernel
    let search = try ExactSearch(gallery: rows)
    #expect(try search.neighbours(of: rows, count: 9, options: options).matches == pairs.neighbours(9))
    #expect(try search.bestPairs(of: rows, count: 40, options: options).matches == pairs.best(40))
  }

  @Test(arguments: [SearchKernel.avx512, .avx2])
  func `threads change neither matches nor counts`(kernel: SearchKernel) throws {
    try Self.require(kernel)
    var generator = SeededGenerator(seed: testSeed())
    let gallery = try Planted.gallery(rows: 6_001, columns: 48, using: &generator)
    let queries = try Planted.queries(rows: 1_003, near: gallery, using: &generator)
    let search = try ExactSearch(gallery: gallery)
    func found(threads: Int) throws -> [Matches] {
      var options = ExactSearch.Options(threads: threads)
      options.kernel = kernel
      return [
        try search.neighbours(of: queries, count: 7, options: options), try search.bestPairs(of: queries, count: 50, options: options),
      ]
    }
    let reference = try found(threads: 1)
    for threads in [2, 3, 5] { #expect(try found(threads: threads) == reference, "\(threads) threads") }
    for matches in reference {
      let statistics = try #require(matches.statistics)
      #expect(statistics.kernel == kernel && statistics.rescored <= statistics.candidates && statistics.candidates < statistics.pairs)
    }
  }

  @Test(arguments: [SearchKernel.avx512, .avx2], Hard.allCases)
  func `a score lies between the ends of its candidate`(kernel: SearchKernel, kind: Hard) throws {
    try Self.require(kernel)
    var generator = SeededGenerator(seed: testSeed())
    let (queries, gallery) = try kind.rows(using: &generator)
    for cells in [1, 5] {
      let bounds = try Bounds(queries, gallery, kernel: kernel, cells: cells)
      #expect(bounds.pairs == queries.matrix.rows * gallery.matrix.rows)
      #expect(bounds.violations.isEmpty, "\(bounds.violations.prefix(3))")
      // The ends are rounded to float32.
      #expect(bounds.widest <= bounds.margin + 0x1p-22)
    }
  }

  @Test(arguments: [SearchKernel.avx512, .avx2], [false, true])
  func `the bound is reached where what the codes leave out is parallel to the other side`(kernel: SearchKernel, isSwapped: Bool) throws {
    try Self.require(kernel)
    let worst = try Self.worst(dimension: 128, isSwapped: isSwapped, greatestCode: kernel == .avx2 && isSwapped ? 64 : 127)
    let bounds = try Bounds(worst.queries, worst.gallery, kernel: kernel, cells: 1)
    #expect(bounds.violations.isEmpty, "\(bounds.violations)")
    #expect(bounds.greatestShare > 0.99 && bounds.greatestShare <= 1, "the error is \(bounds.greatestShare) of the bound")
  }

  @Test(arguments: SearchKernel.allCases)
  func `a row whose first score is as wrong as it can be is found`(kernel: SearchKernel) throws {
    try Self.require(kernel)
    let worst = try Self.worst(dimension: 128, isSwapped: false, greatestCode: 127)
    // A little less like the query, but its components lie 0.51 of a step from 0, and so its first score is the better one.
    let decoy = (0..<128).map { $0 == 0 ? Float(127) : $0 < 122 ? 0.51 : 0 }
    let gallery = try NamedRows(
      ids: ["worst", "opposite", "decoy", "last"],
      matrix: Matrix(rows: 4, columns: 128, values: worst.gallery.matrix.values + decoy + decoy.map { -$0 }))
    var options = ExactSearch.Options(threads: 1)
    options.kernel = kernel
    let found = try ExactSearch(gallery: gallery).neighbours(of: worst.queries, count: 1, options: options).matches
    #expect(found.map(\.gallery) == ["worst"])
  }

  /// Two opposite rows (their cell's centre is 0) of which every component but one lies 0.49 of a step from its code, and a query that
  /// its own code gives exactly.
  private static func worst(dimension: Int, isSwapped: Bool, greatestCode: Float) throws -> (
    queries: NamedRows<Float>, gallery: NamedRows<Float>
  ) {
    let between = (0..<dimension).map { $0 == 0 ? greatestCode : Float(0.49) }
    let even = (0..<dimension).map { $0 == 0 ? Float(0) : 1 }
    let (query, row) = isSwapped ? (between, even) : (even, between)
    return (
      try NamedRows(ids: ["query"], matrix: Matrix(rows: 1, columns: dimension, values: query)),
      try NamedRows(ids: ["row", "opposite"], matrix: Matrix(rows: 2, columns: dimension, values: row + row.map { -$0 }))
    )
  }

  @Test func `the sieve keeps what can be among the wanted best`() {
    var generator = SeededGenerator(seed: testSeed())
    for _ in 0..<2_000 {
      let count = 1 + generator.index(below: 60), wanted = 1 + generator.index(below: 20)
      var candidates = (0..<count).map { row in
        let lower = Float(generator.index(below: 30))
        return hpa_search_candidate(lower: lower, upper: lower + Float(generator.index(below: 5)), row: Int32(row))
      }
      let given = candidates
      let floor = Float(generator.index(below: 30))
      candidates.withUnsafeMutableBufferPointer { candidates in
        var query = hpa_search_query()
        (query.threshold, query.wanted, query.count) = (floor, Int32(wanted), Int32(count))
        query.candidates = candidates.baseAddress
        hpa_search_sieve(&query)
        let lowers = given.map(\.lower).sorted(by: >)
        #expect(query.threshold == (count >= wanted ? max(floor, lowers[wanted - 1]) : floor))
        let kept = candidates.prefix(Int(query.count))
        #expect(Set(kept.map(\.row)) == Set(given.filter { $0.upper >= query.threshold }.map(\.row)))
      }
    }
  }

  @Test func `the environment chooses the kernel`() throws {
    for kernel in SearchKernel.allCases where kernel.isSupported {
      #expect(try SearchKernel.chosen(environment: ["HPA_SEARCH_KERNEL": kernel.rawValue]) == kernel)
    }
    #expect(try SearchKernel.chosen(environment: [:]).isSupported)
    let unknown = #expect(throws: Failure.self) { try SearchKernel.chosen(environment: ["HPA_SEARCH_KERNEL": "sse9"]) }
    #expect(unknown?.kind == .usage && unknown?.cure?.contains("avx512, avx2, plain") == true)
  }
}

/// The definition of the answer: all pairs, each scored in float64, sorted by score, id and row.
struct AllPairs {
  private let found: [[Match]]
  private let queries: [ImageID]

  init(_ queries: NamedRows<Float>, _ gallery: NamedRows<Float>, isSelf: Bool = false) throws {
    let left = try MeasuredRows(queries, path: nil), right = try MeasuredRows(gallery, path: nil)
    self.queries = queries.ids
    found = queries.ids.enumerated().map { query, id in
      let rows = gallery.ids.indices.filter { !isSelf || gallery.ids[$0] != id }.map {
        (row: $0, score: Float(left.cosine(query, right, $0)))
      }
      let sorted = rows.sorted { first, second in
        if first.score != second.score { return first.score > second.score }
        return gallery.ids[first.row] == gallery.ids[second.row] ? first.row < second.row : gallery.ids[first.row] < gallery.ids[second.row]
      }
      return sorted.enumerated().map { Match(query: id, gallery: gallery.ids[$1.row], score: $1.score, rank: $0 + 1) }
    }
  }

  func neighbours(_ count: Int) -> [Match] { found.flatMap { $0.prefix(count) } }

  func best(_ count: Int) -> [Match] {
    let firsts = found.enumerated().compactMap { query, matches in matches.first.map { (query: query, match: $0) } }
    let sorted = firsts.sorted { first, second in
      if first.match.score != second.match.score { return first.match.score > second.match.score }
      return first.match.query == second.match.query ? first.query < second.query : first.match.query < second.match.query
    }
    return sorted.prefix(count).enumerated().map { rank, pair in
      Match(query: pair.match.query, gallery: pair.match.gallery, score: pair.match.score, rank: rank + 1)
    }
  }
}

/// The first scores of all pairs beside the exact ones.
private struct Bounds {
  var pairs = 0
  var violations: [String] = []
  /// The largest error, as a share of its bound.
  var greatestShare = 0.0
  /// The largest bound of a pair, and what the search says it is.
  var widest: Float = 0
  var margin: Float = 0

  init(_ queries: NamedRows<Float>, _ gallery: NamedRows<Float>, kernel: SearchKernel, cells: Int) throws {
    let left = try MeasuredRows(queries, path: nil), right = try MeasuredRows(gallery, path: nil)
    // As many as there are: so none is dropped.
    let search = try CodedSearch(
      left, right, wanted: gallery.matrix.rows, minimumScore: nil, isSelf: false, functions: #require(kernel.functions), threads: 1,
      cells: min(cells, gallery.matrix.rows))
    for query in 0..<left.count {
      let block = BlockSearch(search, rows: [query])
      try block.searchOwnCells()
      try block.searchOtherCells()
      margin = max(margin, block.margin)
      for candidate in try #require(block.suspend().first).candidates {
        let score = Float(left.cosine(query, right, Int(candidate.row)))
        let middle = (Double(candidate.upper) + Double(candidate.lower)) / 2
        let bound = (Double(candidate.upper) - Double(candidate.lower)) / 2
        pairs += 1
        widest = max(widest, Float(bound))
        greatestShare = max(greatestShare, abs(Double(score) - middle) / bound)
        if score < candidate.lower || score > candidate.upper {
          violations.append("query \(query), row \(candidate.row): \(score) outside \(candidate.lower)...\(candidate.upper)")
        }
      }
    }
  }
}

/// Rows that are hard to tell apart, or to code.
enum Hard: String, CaseIterable, Sendable {
  case random, planted, clusters, oneUnitApart, allEqual, manyTies, magnitudes, heavyTails, oneDimension, fewDimensions, oneRow, oneHot

  func rows(using generator: inout SeededGenerator) throws -> (queries: NamedRows<Float>, gallery: NamedRows<Float>) {
    switch self {
    case .random: return try pair(60, 2_500, 128, using: &generator) { _, generator in Float(generator.normal()) }
    case .planted:
      let gallery = try Planted.gallery(rows: 2_000, columns: 130, using: &generator)
      return (try Planted.queries(rows: 70, near: gallery, using: &generator), gallery)
    case .clusters:
      let centres = (0..<9 * 67).map { _ in Float(generator.normal()) }
      return try pair(120, 2_100, 67, using: &generator) { index, generator in
        centres[index / 67 % 9 * 67 + index % 67] + 0.01 * Float(generator.normal())
      }
    case .oneUnitApart:
      let row = (0..<33).map { _ in Float(generator.normal()) }
      return try pair(20, 1_200, 33, using: &generator) { index, generator in
        generator.index(below: 40) == 0 ? row[index % 33].nextUp : row[index % 33]
      }
    case .allEqual: return try pair(3, 3_000, 12, using: &generator) { index, _ in Float(1 + index % 12) }
    case .manyTies: return try pair(40, 1_500, 3, using: &generator) { _, generator in Float(1 + generator.index(below: 3)) }
    case .magnitudes:
      return try pair(30, 900, 20, using: &generator) { index, generator in
        Float(generator.normal()) * Float(sign: .plus, exponent: index / 20 * 37 % 230 - 125, significand: 1)
      }
    case .heavyTails:
      return try pair(40, 1_100, 64, using: &generator) { _, generator in
        let normal = generator.normal()
        return Float(normal * normal * normal * normal * normal)
      }
    case .oneDimension: return try pair(10, 400, 1, using: &generator) { _, generator in Float(generator.normal()) }
    case .fewDimensions: return try pair(40, 900, 5, using: &generator) { _, generator in Float(generator.normal()) }
    case .oneRow: return try pair(9, 1, 128, using: &generator) { _, generator in Float(generator.normal()) }
    case .oneHot:
      return try pair(40, 800, 16, using: &generator) { index, generator in
        index % 16 == index / 16 % 16 ? 1 : 1e-6 * Float(generator.normal())
      }
    }
  }

  /// Ids whose order is not that of the rows.
  private func pair(
    _ queries: Int, _ gallery: Int, _ columns: Int, using generator: inout SeededGenerator,
    value: (Int, inout SeededGenerator) -> Float
  ) throws -> (queries: NamedRows<Float>, gallery: NamedRows<Float>) {
    func rows(_ count: Int, _ prefix: String) throws -> NamedRows<Float> {
      let ids = (0..<count).map { ImageID("\(prefix)\($0)") }.shuffled(using: &generator)
      return try NamedRows(
        ids: ids, matrix: Matrix(rows: count, columns: columns, values: (0..<count * columns).map { value($0, &generator) }))
    }
    return (try rows(queries, "q"), try rows(gallery, "g"))
  }
}
