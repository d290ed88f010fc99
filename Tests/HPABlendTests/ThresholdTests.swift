import HPABlend
import HPACore
import HPATestSupport
import Testing

/// Scores of a few images in class 0, all other classes 0.
private func search(_ scores: [Double], positive: Set<Int>, _ search: ThresholdSearch) throws -> ThresholdSearch.Choice {
  let ids = scores.indices.map { ImageID("image\($0)") }
  let matrix = Matrix(rows: scores.count, columns: 28, values: scores.flatMap { [$0] + Array(repeating: 0, count: 27) })
  let truth = try LabelTable(ids: ids, labels: ids.indices.map { positive.contains($0) ? [0] : [] })
  return try search.choices(scores: try ClassScores(ids: ids, matrix: matrix, name: "scores.npy"), truth: truth)[0]
}

@Suite struct ThresholdTests {
  @Test func `a threshold is the midpoint of the gap that parts the classes best`() throws {
    let choice = try search([0.9, 0.7, 0.5, 0.2], positive: [0, 1], ThresholdSearch(minimumCount: 1))
    #expect(choice.threshold == 0.6)
    #expect(choice.f1 == 1)
    #expect(choice.f1AtFallback == 2.0 / 3)
    #expect(choice.note == nil)
  }

  @Test func `a class with exactly the minimum of positives keeps the default and is reported`() throws {
    let choice = try search([0.9, 0.7, 0.5, 0.2], positive: [0, 1], ThresholdSearch(minimumCount: 2))
    #expect(choice.threshold == 0.15)
    #expect(choice.positives == 2)
    #expect(choice.f1 == choice.f1AtFallback)
    #expect(choice.note == .tooFewPositives)
  }

  @Test func `the default stays where it is as good as any other`() throws {
    #expect(try search([0.9, 0.7, 0.1], positive: [0, 1], ThresholdSearch(minimumCount: 0)).threshold == 0.15)
  }

  @Test func `of equally good thresholds the one nearest to the default is taken`() throws {
    // F1 is 2/3 above the first score (1 hit of 1) and above the fourth (2 hits of 4).
    let choice = try search([0.8, 0.7, 0.6, 0.5, 0.1], positive: [0, 3], ThresholdSearch(minimumCount: 0, fallback: 0.9))
    #expect(choice.threshold == 0.75)
    #expect(choice.f1 == 2.0 / 3)
  }

  @Test func `scores that are neighbouring floats are still parted`() throws {
    let high = 0.5.nextUp
    let choice = try search([high, 0.5], positive: [0], ThresholdSearch(minimumCount: 0))
    #expect(choice.f1 == 1)
    #expect(high > choice.threshold)
    #expect(!(0.5 > choice.threshold))
  }

  @Test func `every image is labelled where that is best`() throws {
    let choice = try search([0.1, 0.05, 0], positive: [0, 1, 2], ThresholdSearch(minimumCount: 0))
    #expect(choice.f1 == 1)
    #expect(choice.threshold < 0)
  }

  @Test func `a threshold file reads back to the same bits, in any order of rows`() throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: testSeed())
    let thresholds = try Thresholds((0..<28).map { _ in generator.uniform() })
    try thresholds.write(to: folder.path("thresholds.csv"))
    #expect(try Thresholds(contentsOf: folder.path("thresholds.csv")) == thresholds)
    let reversed = (0..<28).reversed().map { "\($0),\(thresholds[$0])\r\n" }.joined()
    try FileBytes.write("class,threshold\r\n" + reversed, to: folder.path("reversed.csv"))
    #expect(try Thresholds(contentsOf: folder.path("reversed.csv")) == thresholds)
  }

  private static let complete = (0..<28).map { "\($0),0.15\n" }.joined()

  @Test(
    arguments: [
      ("class,threshold\n28,0.15\n", 2), ("class,threshold\nNucleoli,0.15\n", 2), ("class,threshold\n0,high\n", 2),
      ("class,threshold\n0,nan\n", 2),
      ("class,threshold\n0,0.1\n0,0.2\n", 3), ("class,threshold\n" + complete + "3,0.2\n", 30), ("id,threshold\n0,0.15\n", 1),
      ("class,threshold\n0,0.15\n", nil), ("", nil),
    ] as [(String, Int?)])
  func `a bad threshold file is refused with its row`(text: String, row: Int?) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("thresholds.csv")
    try FileBytes.write(text, to: path)
    let failure = #expect(throws: Failure.self) { try Thresholds(contentsOf: path) }
    #expect(failure?.kind == .badData)
    #expect(failure?.place == .file(path, row: row))
    #expect(failure?.cure != nil)
  }

  @Test func `thresholds come in 28 finite numbers`() {
    #expect(throws: Failure.self) { try Thresholds([0.15]) }
    #expect(throws: Failure.self) { try Thresholds(Array(repeating: Double.nan, count: 28)) }
  }
}
