import Foundation
import HPACore
import HPATestSupport
import Testing

@testable import HPAIndex

@Suite struct SimilarityGroupsTests {
  private struct Expected: Decodable {
    struct Group: Decodable {
      let members: [Int]
      let smallest: Double
    }
    let minimum: Float
    let single: [Group]
    let complete: [Group]
    let pairs: Int
  }

  /// Walks that begin at random places: neighbours on a walk are alike, its ends are not.
  private func walks(_ count: Int, length: Int, using generator: inout SeededGenerator) -> Matrix<Float> {
    let columns = 16
    let values = (0..<count).flatMap { _ -> [Float] in
      var place = (0..<columns).map { _ in generator.normal() }
      let stride = generator.uniform(0.01, 0.15)
      return (0..<length).flatMap { _ -> [Float] in
        for column in place.indices { place[column] += stride * generator.normal() }
        let scale = generator.uniform(0.5, 2)
        return place.map { Float($0 * scale) }
      }
    }
    return Matrix(rows: count * length, columns: columns, values: values)
  }

  private static let oracle = """
    import json, numpy as np, sys
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform
    rows = np.load(sys.argv[1]).astype(float)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = unit @ unit.T
    levels = np.sort(cosines[np.triu_indices(len(rows), 1)])
    # The middle of the widest gap near 0.97, so that rounding decides nothing.
    near = levels[(levels > 0.965) & (levels < 0.975)]
    wide = np.diff(near).argmax()
    minimum = float((near[wide] + near[wide + 1]) / 2)
    distances = squareform(1 - cosines, checks=False)
    found = {"minimum": minimum, "pairs": int((levels >= minimum).sum())}
    for method in ("single", "complete"):
        names = fcluster(linkage(distances, method), 1 - minimum, "distance")
        groups = [np.flatnonzero(names == name) for name in np.unique(names)]
        found[method] = [{"members": group.tolist(), "smallest": float(cosines[np.ix_(group, group)].min())}
                         for group in sorted((g for g in groups if len(g) > 1), key=lambda g: g[0])]
    print(json.dumps(found))
    """

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `groups are those of SciPy's linkage, their smallest similarity NumPy's`() throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: testSeed())
    let matrix = walks(60, length: 12, using: &generator)
    try NumpyFile.write(matrix, to: folder.path("rows.npy"))
    let expected = try JSONDecoder().decode(
      Expected.self, from: Data(try Python.run(Self.oracle, [folder.path("rows.npy")]).utf8))
    // Ids whose order is that of the rows.
    let rows = try NamedRows(ids: (0..<matrix.rows).map { ImageID("i\(1000 + $0)") }, matrix: matrix)
    let place = Dictionary(uniqueKeysWithValues: zip(rows.ids, 0...))
    let unit = try UnitRows(rows, path: nil)
    for (linkage, theirs) in [(SimilarityGroups.Linkage.single, expected.single), (.complete, expected.complete)] {
      let ours = try SimilarityGroups(of: rows, minimumScore: expected.minimum, linkage: linkage)
      #expect(ours.pairs == expected.pairs)
      #expect(ours.groups.map { $0.ids.compactMap { place[$0] } } == theirs.map(\.members), "\(linkage)")
      for (group, other) in zip(ours.groups, theirs) {
        #expect(abs(Double(group.smallestScore) - other.smallest) < 1e-6)
        let pair = try [group.first, group.second].map { try #require(place[$0]) }
        #expect(Float(unit.cosine(pair[0], unit, pair[1])) == group.smallestScore)
        if linkage == .complete { #expect(group.smallestScore >= expected.minimum) }
      }
    }
    print(
      "single: \(expected.single.count) groups, smallest \(expected.single.map(\.smallest).min() ?? 1); complete: \(expected.complete.count)"
    )
    #expect(
      expected.single.contains { $0.smallest < Double(expected.minimum) - 0.01 }, "no group chains, so the two linkages do not differ")
    #expect(expected.single.count < expected.complete.count)
  }

  @Test(arguments: SimilarityGroups.Linkage.allCases)
  func `neither threads, tiles nor the order of rows change the groups`(linkage: SimilarityGroups.Linkage) throws {
    var generator = SeededGenerator(seed: testSeed())
    var rows = try NamedRows(ids: (0..<400).map { ImageID("i\($0)") }, matrix: walks(40, length: 10, using: &generator))
    // Exact repeats, so that ties decide.
    for row in stride(from: 0, to: 400, by: 5) { for column in 0..<16 { rows.matrix[row, column] = rows.matrix[row - row % 20, column] } }
    func groups(_ rows: NamedRows<Float>, threads: Int, tile: SgemmScan.Tile) throws -> SimilarityGroups {
      var options = ExactSearch.Options(threads: threads)
      options.tile = tile
      return try SimilarityGroups(of: rows, minimumScore: 0.97, linkage: linkage, options: options)
    }
    let reference = try groups(rows, threads: 1, tile: .init())
    let order = Array(0..<400).shuffled(using: &generator)
    let shuffled = try NamedRows(ids: order.map { rows.ids[$0] }, matrix: rows.matrix.selecting(rows: order))
    #expect(try groups(rows, threads: 3, tile: .init(queries: 7, gallery: 33)) == reference)
    #expect(try groups(shuffled, threads: 2, tile: .init(queries: 64, gallery: 1)) == reference)
    #expect(!reference.groups.isEmpty)
  }

  @Test func `a score that parts nothing and an id that stands twice are refused`() throws {
    let alike = try NamedRows(ids: (0..<7_000).map { ImageID("i\($0)") }, matrix: Matrix<Float>(repeating: 1, rows: 7_000, columns: 2))
    let failure = #expect(throws: Failure.self) { try SimilarityGroups(of: alike, minimumScore: 0.5, linkage: .single) }
    #expect(failure?.kind == .usage && failure?.cure?.contains("--min-score") == true)
    let twice = try NamedRows(ids: ["a", "b", "a"], matrix: Matrix<Float>(repeating: 1, rows: 3, columns: 2))
    #expect(
      #expect(throws: Failure.self) { try SimilarityGroups(of: twice, minimumScore: 0.5, linkage: .single) }?.place.id == "a")
  }
}

@Suite struct MinimumScoreScanTests {
  @Test func `a row stands where a run of known pairs ends, and matches of one score stand together`() {
    let scores: [Float] = [0.99, 0.98, 0.97, 0.97, 0.96, 0.95, 0.94]
    let known: Set<ImageID> = ["q0", "q1", "q3", "q5"]
    let matches = scores.indices.map { Match(query: ImageID("q\($0)"), gallery: "g", score: scores[$0], rank: $0 + 1) }
    let rows = MinimumScoreScan(matches.reversed(), known: 5) { known.contains($0.query) }.rows
    let minima: [Float] = [0.97, 0.95, 0.94]
    #expect(rows.map(\.minimumScore) == minima)
    #expect(rows.map(\.matches) == [4, 6, 7])
    #expect(rows.map(\.hits) == [3, 4, 4])
    let (precision, recall): ([Double], [Double]) = ([3.0 / 4, 4.0 / 6, 4.0 / 7], [0.6, 0.8, 0.8])
    #expect(rows.map(\.precision) == precision)
    #expect(rows.map(\.recall) == recall)
    #expect(MinimumScoreScan([], known: 5) { _ in true }.rows.isEmpty)
  }

  @Test func `many rows thin out to twenty that a count confirms, with the last and the best among them`() throws {
    var generator = SeededGenerator(seed: testSeed())
    let matches = (0..<1000).map { Match(query: ImageID("q\($0)"), gallery: "g", score: Float(generator.uniform()), rank: $0 + 1) }
    let known = Set(matches.filter { generator.uniform() < Double($0.score) }.map(\.query))
    let isKnown = { (match: Match) in known.contains(match.query) }
    let rows = MinimumScoreScan(matches, known: known.count, isKnown: isKnown).rows
    #expect(rows.count <= 20 && rows.count > 15)
    for row in rows {
      let kept = matches.filter { $0.score >= row.minimumScore }
      #expect(row.matches == kept.count && row.hits == kept.count(where: isKnown))
    }
    #expect(rows.last?.matches == 1000)
    func f1(_ minimum: Float) -> Double {
      let kept = matches.filter { $0.score >= minimum }
      return 2 * Double(kept.count(where: isKnown)) / Double(kept.count + known.count)
    }
    let best = try #require(matches.map { f1($0.score) }.max())
    #expect(rows.contains { abs(f1($0.minimumScore) - best) < 1e-12 })
  }
}

@Suite struct StandardisationTests {
  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `standardised features are those of scikit-learn's StandardScaler`() throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: testSeed())
    func rows(_ count: Int, shift: Double) throws -> NamedRows<Float> {
      // The third dimension does not vary.
      let values = (0..<count).flatMap { _ in (0..<6).map { $0 == 2 ? Float(7) : Float(shift + Double($0 + 1) * generator.normal()) } }
      return try NamedRows(ids: (0..<count).map { ImageID("\($0)") }, matrix: Matrix(rows: count, columns: 6, values: values))
    }
    let (queries, gallery) = (try rows(40, shift: 5), try rows(90, shift: -3))
    for way in [Standardisation.gallery, .each] {
      let done = try way.applied(queries: queries, gallery: gallery)
      for (name, matrix) in [
        ("q", queries.matrix), ("g", gallery.matrix), ("q_\(way)", done.queries.matrix), ("g_\(way)", done.gallery.matrix),
      ] { try NumpyFile.write(matrix, to: folder.path("\(name).npy")) }
    }
    try Python.run(
      """
      import numpy as np, sys
      from sklearn.preprocessing import StandardScaler
      load = lambda name: np.load(f"{sys.argv[1]}/{name}.npy").astype(float)
      q, g = load("q"), load("g")
      of_gallery = StandardScaler().fit(g)
      np.testing.assert_allclose(load("g_gallery"), of_gallery.transform(g), atol=1e-5)
      np.testing.assert_allclose(load("q_gallery"), of_gallery.transform(q), atol=1e-5)
      np.testing.assert_allclose(load("g_each"), of_gallery.transform(g), atol=1e-5)
      np.testing.assert_allclose(load("q_each"), StandardScaler().fit_transform(q), atol=1e-5)
      """, [folder.path])
    let same = try Standardisation.none.applied(queries: queries, gallery: gallery)
    #expect(same.queries.matrix == queries.matrix && same.gallery.matrix == gallery.matrix)
  }

  @Test func `a side that nothing can be taken from is refused`() throws {
    func rows(_ values: [Float], columns: Int) throws -> NamedRows<Float> {
      let count = values.count / columns
      return try NamedRows(ids: (0..<count).map { ImageID("\($0)") }, matrix: Matrix(rows: count, columns: columns, values: values))
    }
    let good = try rows([1, 2, 3, 5], columns: 2)
    for bad in [try rows([1, 2], columns: 2), try rows([1, 2, 1, 2], columns: 2), try rows([1, 2, .nan, 3], columns: 2)] {
      #expect(throws: Failure.self) { try Standardisation.each.applied(queries: bad, gallery: good) }
      #expect(throws: Failure.self) { try Standardisation.gallery.applied(queries: good, gallery: bad) }
    }
    #expect(throws: Failure.self) { try Standardisation.gallery.applied(queries: try rows([1, 2, 3], columns: 3), gallery: good) }
  }
}
