import HPABlend
import HPACore
import HPATestSupport
import Testing

@Suite struct LeakTableTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func write(_ text: String, to name: String = "matches.csv") throws -> String {
    try FileBytes.write(text, to: folder.path(name))
    return folder.path(name)
  }

  private let gallery = ["1_2_A1_1", "ENSG1_9_8_B2_1", "ENSG2_9_8_B2_1", "blank"] as [ImageID]

  private func galleryLabels() throws -> LabelTable { try LabelTable(ids: gallery, labels: [[3], [7], [25, 0], []]) }

  @Test func `labels of several matches and of one image under several genes are united`() throws {
    let path = try write("query,gallery,score,rank\nt1,1_2_A1_1,0.99,1\nt2,ENSG2_9_8_B2_1,0.98,2\nt1,9_8_B2_1,0.97,3\n")
    let leaks = try LeakTable(matches: path, labels: try galleryLabels())
    #expect(leaks.entries.map(\.test) == ["t1", "t2"])
    #expect(leaks.entries.map(\.labels) == [[0, 3, 7, 25], [0, 7, 25]])
    #expect(leaks.repeated.map(\.test) == ["t1"])
    #expect(leaks.conflicts.map(\.test) == ["t1", "t2"])
    try leaks.writeConflicts(to: folder.path("conflicts.csv"))
    #expect(
      String(decoding: try FileBytes.read(folder.path("conflicts.csv")), as: UTF8.self)
        == "Id,Gallery,Labels,Score\nt1,1_2_A1_1,3,0.99\nt1,ENSG1_9_8_B2_1,7,0.97\nt1,ENSG2_9_8_B2_1,0 25,0.97\n"
        + "t2,ENSG1_9_8_B2_1,7,0.98\nt2,ENSG2_9_8_B2_1,0 25,0.98\n")
    #expect(leaks.entries[0].sources.map(\.row) == [2, 4])
  }

  @Test func `either form of table is known by its header, and matches without gallery labels are refused`() throws {
    let matches = try write("query,gallery,score,rank\nt1,1_2_A1_1,0.99,1\n")
    let published = try write("Extra,Test,SimR,SimG,SimB,Target\ng1,t1,0,0,0,3\n", to: "published.csv")
    #expect(try LeakTable(contentsOf: matches, labels: try galleryLabels()).entries.map(\.labels) == [[3]])
    #expect(try LeakTable(contentsOf: published).entries.map(\.labels) == [[3]])
    #expect(#expect(throws: Failure.self) { try LeakTable(contentsOf: matches) }?.kind == .usage)
    #expect(#expect(throws: Failure.self) { try LeakTable(contentsOf: published, labels: try galleryLabels()) }?.kind == .usage)
    #expect(#expect(throws: Failure.self) { try LeakTable(contentsOf: published, minimumScore: 0.9) }?.kind == .usage)
  }

  @Test(.enabled(if: PublishedBlend.isPresent && SharedData.has("hpaic/HPAv18RBGY_wodpl.csv"), "needs ../shared/data"))
  func `the published leaks have the labels of the real HPAv18 list, whose ids come without genes`() throws {
    let published = try LeakTable(published: PublishedBlend.path("leak_test_matches.csv"))
    let labels = try LabelTable(contentsOf: SharedData.path("hpaic/HPAv18RBGY_wodpl.csv"))
    let known = published.entries.flatMap { entry in entry.sources.map { (entry.test, $0) } }
      .filter { !$0.1.gallery.text.hasPrefix("hpa_") }
    let rows = known.map { "\($0.0),\($0.1.gallery),0.99,1\n" }
    let leaks = try LeakTable(matches: try write("query,gallery,score,rank\n" + rows.joined()), labels: labels)
    #expect(known.count == 259 && known.count { $0.1.gallery.text.hasPrefix("ENSG") } > 200)
    let found = leaks.entries.flatMap { entry in entry.sources.map { (entry.test, $0) } }
    let expected = Dictionary(grouping: known, by: \.0).mapValues { $0.map(\.1.labels) }
    for (test, labels) in Dictionary(grouping: found, by: \.0).mapValues({ $0.map(\.1.labels) }) { #expect(expected[test] == labels) }
    // The list itself names no image twice, so what it unites are names from elsewhere.
    #expect(leaks.conflicts.isEmpty && leaks.entries.allSatisfy { $0.sources.allSatisfy { $0.listings.count == 1 } })
  }

  @Test func `matches below the least score are left out`() throws {
    let path = try write("query,gallery,score,rank\nt1,1_2_A1_1,0.99,1\nt2,1_2_A1_1,0.9,2\nt3,1_2_A1_1,0.89,3\n")
    #expect(try LeakTable(matches: path, labels: try galleryLabels(), minimumScore: 0.9).entries.map(\.test) == ["t1", "t2"])
  }

  @Test func `only rows that differ are logged, and the log names where the labels come from`() throws {
    let path = try write("query,gallery,score,rank\nt2,1_2_A1_1,0.999,1\nt1,1_2_A1_1,0.99,2\nt1,9_8_B2_1,0.97,3\n")
    let before = try Submission(ids: ["t1", "t2", "t3"], labels: [[5], [3], [4]])
    let (after, changes) = try LeakTable(matches: path, labels: try galleryLabels()).applied(to: before)
    #expect(after.labels == [[0, 3, 7, 25], [3], [4]])
    try LeakChange.write(changes, to: folder.path("leak_changes.csv"))
    let log = String(decoding: try FileBytes.read(folder.path("leak_changes.csv")), as: UTF8.self)
    #expect(log == "Id,Before,After,Gallery,Score\nt1,5,0 3 7 25,1_2_A1_1 9_8_B2_1,0.99 0.97\n")
  }

  @Test func `a test image that the submission does not hold is refused with its row, or split off on request`() throws {
    let path = try write("Extra,Test,SimR,SimG,SimB,Target\r\ng1,t1,0,0,0,3 1\r\ng2,stranger,0,0,0,7\r\n")
    let leaks = try LeakTable(published: path)
    let submission = try Submission(ids: ["t1"], labels: [[5]])
    let failure = #expect(throws: Failure.self) { try leaks.applied(to: submission) }
    #expect(failure?.kind == .badData)
    #expect(failure?.place == .file(path, row: 3, id: "stranger"))
    let (known, unknown) = leaks.split(by: submission.ids)
    #expect(unknown.map(\.test) == ["stranger"])
    #expect(try known.applied(to: submission).submission.labels == [[1, 3]])
  }

  @Test(arguments: [
    ("query,gallery,score\nt1,1_2_A1_1,nan\n", 2), ("query,gallery,score\nt1,1_2_A1_1,\n", 2), ("query,gallery,score\nt1,nobody,0.9\n", 2),
    ("query,gallery,score\nt1,1_2_A1_1,0.9\nt1,blank,0.9\n", 3), ("query,gallery,score\n,1_2_A1_1,0.9\n", 2),
    ("query,gallery\nt1,1_2_A1_1\n", 1),
  ])
  func `bad matches are refused with their row`(text: String, row: Int) throws {
    let path = try write(text)
    let failure = #expect(throws: Failure.self) { try LeakTable(matches: path, labels: try galleryLabels()) }
    #expect(failure?.kind == .badData)
    #expect(failure?.place.path == path)
    #expect(failure?.place.row == row)
    #expect(failure?.cure != nil)
  }

  @Test(arguments: [
    "Extra,Test,Target\ng,t,28\n", "Extra,Test,Target\ng,t,\n", "Extra,Test,Target\ng,,3\n", "Extra,Test,Target\ng,t,a b\n",
  ])
  func `a bad published table is refused with its row`(text: String) throws {
    let path = try write(text)
    let failure = #expect(throws: Failure.self) { try LeakTable(published: path) }
    #expect(failure?.kind == .badData)
    #expect(failure?.place.row == 2)
  }
}
