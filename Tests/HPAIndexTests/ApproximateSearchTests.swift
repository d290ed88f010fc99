import Foundation
import HPACore
import HPATestSupport
import Testing

@testable import HPAIndex

@Suite struct ApproximateSearchTests {
  private static func recipe(_ factory: String, _ parameters: String? = nil, oversampling: Int = 1) throws -> IndexRecipe {
    try IndexRecipe(
      name: "test", factory: factory, parameters: parameters, oversampling: oversampling, minimum: .init(neighbours: 10, recall: 0.9))
  }

  @Test(arguments: [("Flat", nil, 1), ("HNSW16", "efSearch=128", 1), ("IVF16,PQ16x4", "nprobe=16", 20)] as [(String, String?, Int)])
  func `what an index finds has exact scores, and the measured recall is that of the answer`(
    factory: String, parameters: String?, oversampling: Int
  ) throws {
    var generator = SeededGenerator(seed: testSeed())
    let gallery = try Planted.gallery(rows: 2_000, columns: 32, using: &generator)
    let queries = try Planted.queries(rows: 100, near: gallery, using: &generator)
    let search = try ApproximateSearch(
      building: try Self.recipe(factory, parameters, oversampling: oversampling), gallery: gallery, threads: 2)
    let found = try search.neighbours(of: queries, count: 10, threads: 2)
    let exact = try ExactSearch(gallery: gallery).neighbours(of: queries, count: gallery.ids.count)
    let scores = Dictionary(exact.matches.map { ("\($0.query) \($0.gallery)", $0.score) }, uniquingKeysWith: max)
    #expect(found.matches.allSatisfy { scores["\($0.query) \($0.gallery)"] == $0.score })
    #expect(try search.neighbours(of: queries, count: 10, threads: 1) == found)

    let recall = try search.recall(queries: 200, seed: 1, threads: 2)
    #expect(recall.neighbours == 10 && recall.queries == 200)
    #expect(factory == "Flat" ? recall.value == 1 : (0.9...1).contains(recall.value), "\(recall)")
  }

  @Test func `a coarse index has a low recall, and the measurement says so`() throws {
    var generator = SeededGenerator(seed: testSeed())
    let values = (0..<3_000 * 32).map { _ in Float(generator.normal()) }
    let gallery = try NamedRows(ids: (0..<3_000).map { ImageID("g\($0)") }, matrix: Matrix(rows: 3_000, columns: 32, values: values))
    let search = try ApproximateSearch(building: try Self.recipe("IVF64,Flat", "nprobe=1"), gallery: gallery, threads: 2)
    // The share of true neighbours among those found, counted from the answers alone.
    let found = try search.neighbours(of: gallery, count: 11, threads: 2).matches
    let exact = Set(try ExactSearch(gallery: gallery).neighbours(of: gallery, count: 11).matches.map { "\($0.query) \($0.gallery)" })
    let share = Double(found.count { exact.contains("\($0.query) \($0.gallery)") && $0.query != $0.gallery }) / 30_000
    let recall = try search.recall(queries: 3_000, seed: 0, threads: 2).value
    #expect(abs(recall - share) < 0.01 && recall < 0.9, "\(recall), counted \(share)")
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `the file is Faiss's own, and gives the same answer in Python`() throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: testSeed())
    let gallery = try Planted.gallery(rows: 1_000, columns: 24, using: &generator)
    let search = try ApproximateSearch(building: try Self.recipe("HNSW16", "efSearch=64"), gallery: gallery, threads: 2)
    try search.write(to: folder.path("g.faiss"))
    try NumpyFile.write(gallery.matrix, to: folder.path("g.npy"))
    let printed = try Python.run(
      """
      import sys, faiss, numpy as np
      index, rows = faiss.read_index(sys.argv[1]), np.load(sys.argv[2])
      faiss.omp_set_num_threads(1); index.hnsw.efSearch = 64
      unit = (rows.astype(np.float64) / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)).astype(np.float32)
      print(index.ntotal, index.metric_type, *index.search(unit[:50], 1)[1].ravel())
      """, [folder.path("g.faiss"), folder.path("g.npy")])
    let words = printed.split(whereSeparator: \.isWhitespace).map(String.init)
    #expect(words.prefix(2) == ["1000", "0"])
    let ours = try search.neighbours(
      of: NamedRows(ids: Array(gallery.ids.prefix(50)), matrix: gallery.matrix.selecting(rows: Array(0..<50))), count: 1, threads: 1)
    let theirs = words.dropFirst(2).compactMap(Int.init)
    let agreeing = zip(ours.matches, theirs).count { ours, row in
      ours.gallery == gallery.ids[row]
        || gallery.matrix[row: row].elementsEqual(gallery.matrix[row: gallery.ids.firstIndex(of: ours.gallery) ?? 0])
    }
    #expect(theirs.count == 50 && agreeing == 50)

    let read = try ApproximateSearch(contentsOf: folder.path("g.faiss"), recipe: search.recipe, gallery: gallery)
    #expect(try read.bestPairs(of: gallery, count: 20, threads: 2) == search.bestPairs(of: gallery, count: 20, threads: 1))
  }

  @Test func `the same gallery and recipe give the same bytes with any number of threads`() throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: testSeed())
    let gallery = try Planted.gallery(rows: 1_500, columns: 32, using: &generator)
    for (number, factory) in ["HNSW16", "HNSW16", "IVF16,PQ8x4", "IVF16,PQ8x4"].enumerated() {
      try ApproximateSearch(building: try Self.recipe(factory), gallery: gallery, threads: 1 + number % 2).write(
        to: folder.path("\(number)"))
    }
    #expect(try FileBytes.read(folder.path("0")) == FileBytes.read(folder.path("1")))
    #expect(try FileBytes.read(folder.path("2")) == FileBytes.read(folder.path("3")))
  }

  @Test(arguments: [("IVF64,Nonsense", nil), ("Flat", "nprobes=3"), ("IVF4096,Flat", nil), ("PQ7", nil)] as [(String, String?)])
  func `what Faiss refuses is bad data in its own words`(factory: String, parameters: String?) throws {
    var generator = SeededGenerator(seed: 1)
    let gallery = try Planted.gallery(rows: 100, columns: 32, using: &generator)
    let failure = #expect(throws: Failure.self) {
      try ApproximateSearch(building: try Self.recipe(factory, parameters), gallery: gallery, threads: 2)
    }
    #expect(failure?.kind == .badData && failure?.message.hasPrefix("Faiss: ") == true && failure?.cure != nil, "\(failure as Any)")
  }
}
