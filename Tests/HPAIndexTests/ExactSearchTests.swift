import Foundation
import HPACore
import HPATestSupport
import Testing

@testable import HPAIndex

@Suite struct ExactSearchTests {
  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `neighbours and best pairs are those of NumPy in float64, ties included`() throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: testSeed())
    let gallery = try Planted.gallery(rows: 20_000, columns: 128, using: &generator)
    let queries = try Planted.queries(rows: 2_000, near: gallery, using: &generator)
    for (rows, name) in [(queries, "q"), (gallery, "g")] {
      try NumpyFile.write(rows.matrix, to: folder.path(name + ".npy"))
      try FileBytes.write("Id\n" + rows.ids.map { $0.text + "\n" }.joined(), to: folder.path(name + ".csv"))
    }
    try Python.runScript("Tests/HPAIndexTests/nearest_oracle.py", [folder.path, "10", "300"])

    let search = try ExactSearch(gallery: gallery)
    let neighbours = try search.neighbours(of: queries, count: 10)
    expectEqual(neighbours.matches, try Matches(contentsOf: folder.path("k.csv")).matches)
    expectEqual(try search.bestPairs(of: queries, count: 300).matches, try Matches(contentsOf: folder.path("top.csv")).matches)
    let statistics = try #require(neighbours.statistics)
    #expect(statistics.pairs == 40_000_000 && statistics.rescored < statistics.pairs / 100)
  }

  private func expectEqual(_ ours: [Match], _ theirs: [Match]) {
    #expect(ours.count == theirs.count)
    let differing = zip(ours, theirs).filter {
      $0.query != $1.query || $0.gallery != $1.gallery || $0.rank != $1.rank || abs($0.score - $1.score) > 1e-6
    }
    #expect(differing.isEmpty, "first: \(differing.first.map { "\($0)" } ?? "")")
  }

  @Test func `threads and tiles do not change a byte`() throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: testSeed())
    let gallery = try Planted.gallery(rows: 3_001, columns: 37, using: &generator)
    let queries = try Planted.queries(rows: 203, near: gallery, using: &generator)
    let search = try ExactSearch(gallery: gallery)
    func bytes(threads: Int, tile: SgemmScan.Tile) throws -> [[UInt8]] {
      var options = ExactSearch.Options(threads: threads)
      options.tile = tile
      try search.neighbours(of: queries, count: 7, options: options).write(to: folder.path("k.csv"))
      try search.bestPairs(of: queries, count: 50, options: options).write(to: folder.path("top.csv"))
      return try ["k.csv", "top.csv"].map { try FileBytes.read(folder.path($0)) }
    }
    let reference = try bytes(threads: 1, tile: .init())
    for (threads, tile) in [
      (2, SgemmScan.Tile()), (3, .init()), (2, .init(queries: 1, gallery: 1)), (3, .init(queries: 17, gallery: 5_000)),
      (1, .init(queries: 64, gallery: 33)),
    ] {
      #expect(try bytes(threads: threads, tile: tile) == reference, "\(threads) threads, \(tile)")
    }
  }

  @Test func `approximate scores stay within the stated bound`() throws {
    var generator = SeededGenerator(seed: testSeed())
    for dimension in [1, 3, 128, 2048] {
      let rows = try Planted.random(rows: 64, columns: dimension, prefix: "x", using: &generator)
      let unit = try UnitRows(rows, path: nil)
      let bound = SgemmScan.errorBound(dimension: dimension)
      let exact = try ExactSearch(gallery: rows).neighbours(of: rows, count: 64)
      let rowOfID = Dictionary(uniqueKeysWithValues: zip(rows.ids, 0...))
      for match in exact.matches {
        let (query, row) = (try #require(rowOfID[match.query]), try #require(rowOfID[match.gallery]))
        let approximate = (0..<dimension).reduce(Float(0)) { $0 + unit.unit[query * dimension + $1] * unit.unit[row * dimension + $1] }
        #expect(abs(approximate - match.score) <= bound)
      }
    }
  }

  @Test func `a search of a set in itself leaves every image's own id out`() throws {
    var generator = SeededGenerator(seed: testSeed())
    let rows = try Planted.gallery(rows: 300, columns: 16, using: &generator)
    let matches = try ExactSearch(gallery: rows).neighbours(of: rows, count: 400, options: .init(isSelf: true)).matches
    #expect(matches.count == 300 * 299)
    #expect(matches.allSatisfy { $0.query != $0.gallery })
  }

  @Test func `only pairs that reach the minimum score are given`() throws {
    let gallery = try NamedRows(ids: ["a", "b", "c"], matrix: Matrix<Float>(rows: 3, columns: 2, values: [1, 0, 3, 4, 0, 1]))
    let query = try NamedRows(ids: ["q"], matrix: Matrix<Float>(rows: 1, columns: 2, values: [2, 0]))
    let search = try ExactSearch(gallery: gallery)
    #expect(try search.neighbours(of: query, count: 3, options: .init(minimumScore: 0.6)).matches.map(\.gallery) == ["a", "b"])
    #expect(try search.bestPairs(of: query, count: 3, options: .init(minimumScore: 1.5)).matches.isEmpty)
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity, 0]) func `a row without a direction is named`(value: Float) throws {
    let rows = try NamedRows(ids: ["good", "bad"], matrix: Matrix<Float>(rows: 2, columns: 2, values: [1, 2, value, 0]))
    let error = #expect(throws: Failure.self) { try ExactSearch(gallery: rows, path: "g.npy") }
    #expect(error?.kind == .badData && error?.place == .file("g.npy", row: 2, id: "bad") && error?.cure != nil)
  }

  @Test func `wrong requests are refused with a reason`() throws {
    let gallery = try NamedRows(ids: ["a"], matrix: Matrix<Float>(rows: 1, columns: 2, values: [1, 2]))
    let wide = try NamedRows(ids: ["a"], matrix: Matrix<Float>(rows: 1, columns: 3, values: [1, 2, 3]))
    let empty = try NamedRows(ids: [], matrix: Matrix<Float>(rows: 0, columns: 2, values: []))
    let search = try ExactSearch(gallery: gallery)
    func kind(_ body: () throws -> Matches) -> Failure.Kind? { #expect(throws: Failure.self) { try body() }?.kind }
    #expect(kind { try search.neighbours(of: wide, count: 1) } == .badData)
    #expect(kind { try search.neighbours(of: gallery, count: 0) } == .usage)
    #expect(kind { try search.bestPairs(of: gallery, count: 0) } == .usage)
    #expect(kind { try search.neighbours(of: gallery, count: 1, options: .init(minimumScore: .nan)) } == .usage)
    #expect(kind { try search.neighbours(of: empty, count: 1) } == .badData)
  }

  @Test func `the longest and the shortest vectors have a cosine`() throws {
    let values: [Float] = [.greatestFiniteMagnitude, .greatestFiniteMagnitude, .leastNonzeroMagnitude, 0, 1, 1]
    let rows = try NamedRows(ids: ["huge", "tiny", "plain"], matrix: Matrix(rows: 3, columns: 2, values: values))
    let best = try ExactSearch(gallery: rows).neighbours(of: rows, count: 2).matches
    #expect(best.map(\.gallery) == ["huge", "plain", "tiny", "huge", "huge", "plain"])
    #expect(best.map(\.score) == [1, 1, 1, Float(0.5.squareRoot()), 1, 1])
  }
}

/// Random features with exact ties in them.
enum Planted {
  static func random(rows: Int, columns: Int, prefix: String, using generator: inout SeededGenerator) throws -> NamedRows<Float> {
    let ids = (0..<rows).map { ImageID("\(prefix)\($0)") }.shuffled(using: &generator)
    return try NamedRows(
      ids: ids, matrix: Matrix(rows: rows, columns: columns, values: (0..<rows * columns).map { _ in Float(generator.normal()) }))
  }

  /// One row in eight repeats another one, as it is or times a power of two.
  static func gallery(rows: Int, columns: Int, using generator: inout SeededGenerator) throws -> NamedRows<Float> {
    var gallery = try random(rows: rows, columns: columns, prefix: "gallery_", using: &generator)
    for row in stride(from: 0, to: rows, by: 8) {
      let other = generator.index(below: rows)
      let scale = Float(sign: .plus, exponent: generator.index(below: 5) - 2, significand: 1)
      for column in 0..<columns { gallery.matrix[row, column] = gallery.matrix[other, column] * scale }
    }
    return gallery
  }

  /// Queries of three kinds: random ones, exact and near copies of gallery rows, and repeats of another query.
  static func queries(rows: Int, near gallery: NamedRows<Float>, using generator: inout SeededGenerator) throws -> NamedRows<Float> {
    let columns = gallery.matrix.columns
    var queries = try random(rows: rows, columns: columns, prefix: "query_", using: &generator)
    for row in 0..<rows {
      let kind = generator.index(below: 10)
      let noise: Float = kind == 0 ? 0 : 0.01
      let other = generator.index(below: kind < 3 ? gallery.matrix.rows : row + 1)
      guard kind < 4 else { continue }
      for column in 0..<columns {
        queries.matrix[row, column] =
          kind < 3 ? gallery.matrix[other, column] + noise * Float(generator.normal()) : queries.matrix[other, column]
      }
    }
    return queries
  }
}

@Suite struct WhiteningTests {
  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `Cosines after whitening equal NumPy's, and every direction of the gallery is equally long`() throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: testSeed())
    // One direction a hundred times as long as the others, as in features of a classifier.
    func rows(_ count: Int) -> Matrix<Float> {
      let values = (0..<count).flatMap { _ in
        let common = 100 * generator.normal()
        return (0..<16).map { _ in Float(common + generator.normal()) }
      }
      return Matrix(rows: count, columns: 16, values: values)
    }
    let (queries, gallery) = (rows(20), rows(300))
    let whitening = try Whitening(gallery: gallery)
    #expect(whitening.dimension == 16)
    for (name, matrix) in [("q", queries), ("g", gallery)] {
      try NumpyFile.write(matrix, to: folder.path("\(name).npy"))
      let named = try NamedRows(ids: (0..<matrix.rows).map { ImageID("\($0)") }, matrix: matrix)
      try NumpyFile.write(try whitening.applied(to: named).matrix, to: folder.path("\(name)w.npy"))
    }
    try Python.run(
      """
      import numpy as np, sys
      q, g, qw, gw = (np.load(f"{sys.argv[1]}/{name}.npy").astype(float) for name in ("q", "g", "qw", "gw"))
      values, vectors = np.linalg.eigh(np.cov(g.T, bias=True))
      unit = lambda rows: rows / np.linalg.norm(rows, axis=1, keepdims=True)
      expected = unit((q - g.mean(0)) @ (vectors / np.sqrt(values))) @ unit((g - g.mean(0)) @ (vectors / np.sqrt(values))).T
      np.testing.assert_allclose(unit(qw) @ unit(gw).T, expected, atol=2e-4)
      np.testing.assert_allclose(np.cov(gw.T, bias=True), np.eye(16), atol=1e-3)
      """, [folder.path])
  }

  @Test func `A gallery that cannot be whitened is refused`() throws {
    #expect(throws: Failure.self) { try Whitening(gallery: Matrix(repeating: 1, rows: 1, columns: 3)) }
    #expect(throws: Failure.self) { try Whitening(gallery: Matrix(repeating: 1, rows: 5, columns: 3)) }
  }
}
