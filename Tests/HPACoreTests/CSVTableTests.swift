import HPACore
import HPATestSupport
import Testing

@Suite struct CSVTableTests {
  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"), arguments: ["\n", "\r\n"])
  func `Python's csv module and ours read and write the same fields`(lineEnd: String) throws {
    let folder = try TemporaryFolder()
    let rows = [["Id", "Target"], ["a,b", "say \"yes\""], ["line\nbreak", ""], ["é", " 1 2 "]]
    try FileBytes.write(rows.map(CSVTable.line).joined(), to: folder.path("ours.csv"))
    try Python.run(
      """
      import csv, sys
      rows = list(csv.reader(open(sys.argv[1], newline='', encoding='utf8')))
      assert rows == [["Id", "Target"], ["a,b", 'say "yes"'], ["line\\nbreak", ""], ["é", " 1 2 "]], rows
      csv.writer(open(sys.argv[2], "w", newline="", encoding="utf8"), lineterminator=sys.argv[3]).writerows(rows)
      """, [folder.path("ours.csv"), folder.path("theirs.csv"), lineEnd])
    let table = try CSVTable(contentsOf: folder.path("theirs.csv"))
    #expect([table.header] + table.rows.map(\.fields) == rows)
    #expect(table.rows.map(\.line) == [2, 3, 5])
  }

  @Test(arguments: [
    ("Id,Target\na,1\nb\n", 3, "1 fields where the header has 2"),
    ("Id,Target\na,\"1\n", 2, "never closed"),
    ("Id,Target\n\"a\"b,1\n", 2, "text follows a closing quote"),
    ("", nil, "the file is empty"),
  ])
  func `A damaged table is refused with its row`(text: String, row: Int?, message: String) throws {
    let failure = #expect(throws: Failure.self) { try CSVTable(bytes: Array(text.utf8), path: "t.csv") }
    #expect(failure?.kind == .badData && failure?.place.row == row)
    #expect(failure?.message.contains(message) == true)
  }

  @Test func `A lone empty field is written so that its row is read again`() throws {
    let text = ["Id", "", "x"].map { CSVTable.line([$0]) }.joined()
    #expect(try CSVTable(bytes: Array(text.utf8), path: "t.csv").rows.map(\.fields) == [[""], ["x"]])
  }

  @Test func `A quote that a combining accent follows is doubled like any other`() throws {
    let fields = ["a\"\u{301}b", "\"\u{FE0F}", "x,\u{301}"]
    let table = try CSVTable(bytes: Array(CSVTable.line(fields).utf8), path: "t.csv")
    #expect(table.header == fields)
  }

  @Test func `Bytes that are not UTF-8 are refused, and a byte order mark is skipped`() throws {
    #expect(throws: Failure.self) { try CSVTable(bytes: Array("Id\n".utf8) + [0xFF, 0xFE, 10], path: "t.csv") }
    #expect(try CSVTable(bytes: [0xEF, 0xBB, 0xBF] + Array("Id\nx\n".utf8), path: "t.csv").header == ["Id"])
  }
}

@Suite struct LabelTableTests {
  @Test func `Classes are read in any order and written ascending`() {
    #expect(LabelSet(parsing: "16 0")?.description == "0 16")
    #expect(LabelSet(parsing: "")?.isEmpty == true)
    #expect(LabelSet(parsing: "28") == nil)
    #expect(LabelSet(parsing: "1,2") == nil)
  }

  @Test(arguments: [
    ("Id,Target\na,1\na,2\n", 3, "stands here and in row 2"),
    ("Id,Target\na,x\n", 2, "is no list of classes"),
    ("Id,Target\n,1\n", 2, "the id is empty"),
    ("Id,Labels\na,1\n", 1, "no column 'Target'"),
  ])
  func `A bad label row is refused with file, row and cure`(text: String, row: Int, message: String) throws {
    let folder = try TemporaryFolder()
    try FileBytes.write(text, to: folder.path("train.csv"))
    let failure = #expect(throws: Failure.self) { try LabelTable(contentsOf: folder.path("train.csv")) }
    #expect(failure?.kind == .badData && failure?.place.row == row && failure?.cure != nil)
    #expect(failure?.message.contains(message) == true)
  }

  @Test(.enabled(if: SharedData.has("hpaic/train.csv"), "needs ../shared/data"))
  func `The real tables have their known sizes`() throws {
    #expect(try LabelTable(contentsOf: SharedData.path("hpaic/train.csv")).count == 31_072)
    let external = try LabelTable(contentsOf: SharedData.path("hpaic/HPAv18RBGY_wodpl.csv"))
    #expect(external.count == 74_606)
    #expect(external.ids.filter { $0.text.split(separator: "_").count == 5 }.count == 1_406)
    #expect(try ImageID.list(contentsOf: SharedData.path("vpp/sample_submission.csv")).count == 11_702)
  }

  @Test func `The antibody ends at the first underscore only`() {
    #expect(ImageID("10580_1610_C1_1_cr5b0").antibody == "10580")
  }
}
