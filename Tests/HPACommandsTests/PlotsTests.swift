import Foundation
import HPACore
import HPATestSupport
import Testing

/// Pictures of plain files, through the program as a user runs it.
@Suite struct PlotsTests {
  /// Runs the program in the folder and returns the files that it named, which must all be PNG and SVG pairs.
  private func plots(_ line: String, in fixture: Fixture) throws -> [String] {
    let result = try Program.run(line.split(separator: " ").map(String.init) + ["--json"], in: fixture.folder.path)
    #expect(result.status == 0, "\(result.standardError)")
    let names = try JSONDecoder().decode([String: [String]].self, from: Data(result.standardOutput.utf8))["plots"] ?? []
    for name in names {
      let isPNG = name.hasSuffix(".png")
      #expect(try FileBytes.read(fixture.path(name)).starts(with: isPNG ? [0x89, 0x50, 0x4E, 0x47] : Array("<?xml".utf8)), "\(name)")
    }
    return names
  }

  /// The words of an SVG, by the `<desc>` that the program leaves in it.
  private func words(_ name: String, in fixture: Fixture) throws -> String {
    String(decoding: try FileBytes.read(fixture.path(name)), as: UTF8.self)
  }

  private func fixture() throws -> Fixture {
    var fixture = try Fixture(seed: testSeed())
    try fixture.scores("s.npy", rows: 40)
    try fixture.ids("ids.csv", 40)
    try fixture.text("labels.csv", "Id,Target\n" + (0..<40).map { "i\($0),\($0 % 5) 25\n" }.joined())
    try fixture.text("matches.csv", "query,gallery,score,rank\na,x,0.99,1\nb,y,0.95,2\nc,z,0.9,3\n")
    try fixture.text("known.csv", "query,gallery\na,x\nd,w\n")
    for fold in 0..<2 {
      let rows = (1...4).map { "\($0),0.05,\(1.0 / Double($0)),\(1.1 / Double($0)),1.0,0.1\n" }
      try fixture.text("log\(fold).csv", "Epoch,LearningRate,TrainLoss,ValidationLoss,Seconds,WaitSeconds\n" + rows.joined())
    }
    return fixture
  }

  @Test func `report draws what the files that it is given show`() throws {
    let fixture = try fixture()
    let names = try plots(
      "report --scores s.npy --ids ids.csv --labels labels.csv --log log0.csv --log log1.csv --matches matches.csv --known known.csv --plots p",
      in: fixture)
    #expect(names == ["learning_curves", "f1_thresholds", "similarities"].flatMap { ["p/\($0).png", "p/\($0).svg"] })
    #expect(try words("p/learning_curves.svg", in: fixture).contains("log1.csv"))
    let curves = try words("p/f1_thresholds.svg", in: fixture)
    #expect(curves.contains("25  Cytosol") && curves.contains("8 images; F1") && curves.contains("no image carries it"))
    #expect(try words("p/similarities.svg", in: fixture).contains("3 matches, among them 1 of the 2 known pairs"))
    #expect(try plots("report --matches matches.csv --plots q", in: fixture) == ["q/similarities.png", "q/similarities.svg"])
  }

  @Test func `stats draws label counts, labels per image and the classes that meet`() throws {
    let fixture = try fixture()
    let result = try Program.run(["stats", "--labels", "labels.csv", "--plots", "p"], in: fixture.folder.path)
    #expect(result.status == 0 && result.standardError.contains("p/cooccurrence.svg"), "\(result.standardError)")
    let files = try FileManager.default.contentsOfDirectory(atPath: fixture.path("p")).sorted()
    #expect(files == ["cooccurrence", "label_counts", "labels_per_image"].flatMap { ["\($0).png", "\($0).svg"] })
    // Every image of class 0 carries class 25; a fifth of those of class 25 carries class 0.
    let cells = try words("p/cooccurrence.svg", in: fixture).split(separator: "\n")
    #expect(cells.count { $0 == "100" } == 6 && cells.count { $0 == "20" } == 5, "the key names 100 once")
    #expect(cells.contains("Cytosol (40)  25"))
  }

  @Test func `a log of another epoch than the next is refused with its row`() throws {
    let fixture = try fixture()
    try fixture.text("odd.csv", "Epoch,TrainLoss,ValidationLoss\n1,0.5,0.5\n3,0.4,0.4\n")
    let result = try Program.run(["report", "--log", "odd.csv", "--plots", "p"], in: fixture.folder.path)
    #expect(result.status == 65 && result.standardError.contains("odd.csv:3: epoch '3' where 2 is next"), "\(result.standardError)")
  }

  @Test func `folds says how even they are`() throws {
    struct Summary: Decodable {
      struct Evenness: Decodable {
        let largestDeviation: Double
        let meanDeviation: Double
      }
      let counts: [[Int]]
      let evenness: Evenness
    }
    let fixture = try fixture()
    let line = ["folds", "--labels", "labels.csv", "--count", "3", "--out", "folds.csv"]
    let table = try Program.run(line, in: fixture.folder.path)
    #expect(table.standardOutput.contains("A class count deviates from its share by 0.0952 images on average, by 0.6667 at most."))
    let json = try Program.run(line + ["--json"], in: fixture.folder.path)
    let summary = try JSONDecoder().decode(Summary.self, from: Data(json.standardOutput.utf8))
    // Five classes of 8 images and one of 40: of thirds, 2 2/3 and 13 1/3, at best 3, 3, 2 and 13, 13, 14.
    #expect(abs(summary.evenness.largestDeviation - 2.0 / 3) < 1e-12)
    #expect(abs(summary.evenness.meanDeviation - 6 * 4.0 / 3 / 84) < 1e-12)
  }
}
