import Foundation
import HPACore
import HPATestSupport
import Testing

/// Thresholds, groups and leaks through the program, as a user types them.
@Suite struct DecisionTests {
  @discardableResult
  private func hpa(_ line: String, in fixture: Fixture) throws -> String {
    let result = try Program.run(line.split(separator: " ").map(String.init), in: fixture.folder.path)
    #expect(result.status == 0, "hpa-feat \(line)\n\(result.standardError)")
    return result.standardOutput
  }

  /// 60 rows; the last twenty repeat the first twenty, nearly.
  private func alike(seed: UInt64) throws -> Fixture {
    var fixture = try Fixture(seed: seed)
    var matrix = try fixture.matrix("f.npy", rows: 60, columns: 12)
    for row in 40..<60 { for column in 0..<12 { matrix[row, column] = matrix[row - 40, column] * 3 + 0.01 } }
    try NumpyFile.write(matrix, to: fixture.path("f.npy"))
    try NumpyFile.write(matrix.selecting(rows: Array(0..<40)), to: fixture.path("a.npy"))
    try NumpyFile.write(matrix.selecting(rows: Array(40..<60)), to: fixture.path("b.npy"))
    try fixture.text("labels.csv", "Id,Target\n" + (0..<60).map { "i\($0),\($0 % 5)\n" }.joined())
    try fixture.ids("a.csv", 40)
    try fixture.text("b.csv", "Id\n" + (40..<60).map { "i\($0)\n" }.joined())
    return fixture
  }

  @Test(arguments: ["single", "complete"])
  func `Groups of one set or of two keep duplicates in one fold`(linkage: String) throws {
    let fixture = try alike(seed: testSeed())
    let text = try hpa("groups --features f.npy --ids labels.csv --min-score 0.999 --linkage \(linkage) --out g.csv", in: fixture)
    #expect(text.contains("20 groups of 40 of 60 images"), "\(text)")
    try hpa(
      "groups --features a.npy --ids a.csv --with b.npy --with-ids b.csv --min-score 0.999 --linkage \(linkage) --out h.csv", in: fixture)
    #expect(try FileBytes.read(fixture.path("g.csv")) == FileBytes.read(fixture.path("h.csv")))
    try hpa("folds --labels labels.csv --count 4 --groups g.csv --out folds.csv", in: fixture)
    let folds = Dictionary(uniqueKeysWithValues: try CSVTable(contentsOf: fixture.path("folds.csv")).rows.map { ($0[0], $0[1]) })
    for image in 0..<20 { #expect(folds["i\(image)"] == folds["i\(image + 40)"]) }
    let similarities = try CSVTable(contentsOf: fixture.path("g_similarity.csv"))
    #expect(similarities.header == ["Group", "Images", "SmallestScore", "First", "Second"])
    #expect(similarities.rows.count == 20 && similarities.rows.allSatisfy { Double($0[2]) ?? 0 >= 0.999 })
  }

  @Test func `Thresholds write two columns, and details with notes and intervals beside them`() throws {
    // A seed at which the best threshold differs between resamples.
    var fixture = try Fixture(seed: 2_841_327_654)
    try fixture.scores("s.npy", rows: 90)
    try fixture.text("labels.csv", "Id,Target\n" + (0..<90).map { "i\($0),\($0 % 9 == 0 ? 3 : 0)\n" }.joined())
    let line = "thresholds --scores s.npy --ids labels.csv --labels labels.csv --min-count 20 --bootstrap 60 --confidence 0.9"
    let text = try hpa("\(line) --details d.csv --out t.csv", in: fixture)
    #expect(text.contains("90 %") && text.contains("too few positives, default kept"), "\(text)")
    #expect(try CSVTable(contentsOf: fixture.path("t.csv")).header == ["class", "threshold"])
    let details = try CSVTable(contentsOf: fixture.path("d.csv"))
    let (low, high, note) = (
      try details.column("threshold_low"), try details.column("threshold_high"), try details.column("note")
    )
    #expect(details.rows[0][note].isEmpty && details.rows[3][note] == "too few positives, default kept")
    #expect(try #require(Double(details.rows[0][low])) < #require(Double(details.rows[0][high])))
    try hpa("\(line) --threads 1 --details e.csv --out t.csv", in: fixture)
    #expect(try FileBytes.read(fixture.path("e.csv")) == FileBytes.read(fixture.path("d.csv")))
    let ratio = try hpa(
      "thresholds --method ratio --scores s.npy --ids labels.csv --distribution labels.csv --out r.csv --json", in: fixture)
    struct Choice: Decodable { let predicted: Int }
    #expect(try JSONDecoder().decode([Choice].self, from: Data(ratio.utf8)).map(\.predicted).prefix(4) == [80, 0, 0, 10])
    try hpa("thresholds --method fixed --default 0.4 --scores s.npy --ids labels.csv --out x.csv", in: fixture)
    #expect(try CSVTable(contentsOf: fixture.path("x.csv")).rows.allSatisfy { $0[1] == "0.4" })
  }

  @Test func `A scan shows what each minimum score would keep`() throws {
    let fixture = try alike(seed: testSeed())
    try fixture.text("known.csv", "query,gallery\n" + (0..<20).map { "i\($0 + 40),i\($0)\n" }.joined())
    let line = "search --queries b.npy --query-ids b.csv --gallery a.npy --gallery-ids a.csv --k 3 --known known.csv --scan --out m.csv"
    let text = try hpa(line, in: fixture)
    #expect(text.contains("min-score") && text.contains("recall"), "\(text)")
    struct Summary: Decodable {
      struct Row: Decodable {
        let matches: Int
        let hits: Int
        let recall: Double
      }
      let scan: [Row]
    }
    let rows = try JSONDecoder().decode(Summary.self, from: Data(try hpa(line + " --json", in: fixture).utf8)).scan
    #expect(rows.map(\.matches) == [20, 60] && rows.map(\.hits) == [20, 20] && rows.map(\.recall) == [1, 1])
    // Scaling every dimension does not part near copies, and --whiten stays another word for one way of it.
    for way in ["--standardise gallery", "--standardise each", "--standardise whiten", "--whiten"] {
      try hpa("\(line.replacing("m.csv", with: "w.csv")) \(way)", in: fixture)
      #expect(try CSVTable(contentsOf: fixture.path("w.csv")).rows.filter { $0[3] == "1" }.count == 20)
    }
  }

  @Test func `Leaks of images that are not predicted stop a blend, or are left out and listed; conflicts have a file`() throws {
    var fixture = try Fixture(seed: testSeed())
    try fixture.scores("s.npy", rows: 3)
    try fixture.ids("ids.csv", 3)
    try fixture.text("matches.csv", "query,gallery,score,rank\ni0,9_8_B2_1,0.99,1\nstranger,1_2_A1_1,0.98,2\n")
    try fixture.text("gallery.csv", "Id,Target\nENSG1_9_8_B2_1,7\nENSG2_9_8_B2_1,25 0\n1_2_A1_1,3\n")
    let line = "blend --member s.npy=1 --ids ids.csv --leaks matches.csv --gallery-labels gallery.csv --out b.csv"
    let failed = try Program.run(line.split(separator: " ").map(String.init), in: fixture.folder.path)
    #expect(failed.status == 65 && failed.standardError.contains("matches.csv:3"), "\(failed.standardError)")
    let text = try hpa(line + " --on-error skip", in: fixture)
    #expect(text.contains("stranger") && text.contains("b_conflicts.csv"), "\(text)")
    #expect(try LabelTable(contentsOf: fixture.path("b.csv"))["i0"] == [0, 7, 25])
    #expect(try CSVTable(contentsOf: fixture.path("b_conflicts.csv")).rows.map { $0[1] } == ["ENSG1_9_8_B2_1", "ENSG2_9_8_B2_1"])
  }
}
