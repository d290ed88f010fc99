import HPACore
import HPAIndex
import HPATestSupport
import Testing

@Suite struct MatchesTests {
  @Test func `a list comes back from its file bit by bit`() throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: testSeed())
    let matches = Matches(
      (1...500).map { Match(query: ImageID("q\($0)"), gallery: "odd, \"name\"", score: Float(generator.uniform(-1, 1)), rank: $0) })
    try matches.write(to: folder.path("m.csv"))
    #expect(try Matches(contentsOf: folder.path("m.csv")) == matches)
  }

  @Test(arguments: [
    ("query,gallery,score\na,b,1\n", 1), ("query,gallery,score,rank\na,b,1,1\na,,1,2\n", 3), ("query,gallery,score,rank\na,b,nan,1\n", 2),
    ("query,gallery,score,rank\na,b,high,1\n", 2), ("query,gallery,score,rank\na,b,1,0\n", 2),
  ])
  func `a bad line is named`(text: String, line: Int) throws {
    let folder = try TemporaryFolder()
    try FileBytes.write(text, to: folder.path("m.csv"))
    let error = #expect(throws: Failure.self) { try Matches(contentsOf: folder.path("m.csv")) }
    #expect(error?.kind == .badData && error?.place.row == line && error?.cure != nil)
  }
}
