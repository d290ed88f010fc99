import Foundation
import HPACore
import HPATestSupport
import Testing

@testable import HPAStore

@Suite struct ExchangeTests {
  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test")) func `Python reads every vector with the script of the README`() throws
  {
    let sample = try Sample(count: 1_000)
    try sample.fill()
    let script = "Tests/HPAStoreTests/read_store.py"
    #expect(try Python.runScript(script, [sample.path, Sample.view]) == "\(Sample.view) complete (1000, 128)\n")
    let save =
      "import sys, runpy, numpy\nout = sys.argv.pop()\nm = runpy.run_path(sys.argv.pop(1))\nnumpy.save(out + '.npy', m['features']); open(out + '.csv', 'w').write('\\n'.join(['Id'] + m['ids']) + '\\n')"
    try Python.run(save, [Project.root.appending(path: script).path, sample.path, Sample.view, sample.folder.path("theirs")])
    let store = try FeatureStore(sample.path)
    try store.export(Sample.view, matrix: sample.folder.path("ours.npy"), ids: sample.folder.path("ours.csv"))
    #expect(try NumpyFile.read(sample.folder.path("theirs.npy"), as: Float.self) == NumpyFile.read(sample.folder.path("ours.npy")))
    #expect(try FileBytes.read(sample.folder.path("theirs.csv")) == FileBytes.read(sample.folder.path("ours.csv")))
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test")) func `headers of both origins are valid by their schema`() throws {
    let sample = try Sample()
    let extracted = try sample.fill()
    try sample.writeFiles()
    let imported = try sample.importFiles()
    for header in [extracted, imported] {
      let json = try header.json()
      try FileBytes.write(json, to: sample.folder.path("header.json"))
      try Python.run(
        "import json, sys, jsonschema; jsonschema.validate(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])))",
        [sample.folder.path("header.json"), Project.root.appending(path: "schemas/view-header.schema.json").path])
      #expect(try Array(json.utf8).withUnsafeBytes { try ViewHeader(json: $0, name: header.name, path: "") } == header)
    }
    #expect(try FeatureStore(sample.path).views() == [imported, extracted].sorted { $0.name < $1.name })
  }

  @Test func `what is exported equals what was appended, in any order that is asked for`() throws {
    let sample = try Sample()
    try sample.fill()
    let store = try FeatureStore(sample.path)
    let (matrix, ids) = (sample.folder.path("m.npy"), sample.folder.path("i.csv"))
    try store.export(Sample.view, matrix: matrix, ids: ids, ids: sample.ids)
    #expect(try NumpyFile.read(matrix, as: Float.self) == sample.rows.matrix && ImageID.list(contentsOf: ids) == sample.ids)
    try store.exportCSV(Sample.view, to: sample.folder.path("m.csv"), ids: sample.ids)
    let table = try CSVTable(contentsOf: sample.folder.path("m.csv"))
    #expect(table.header.prefix(3) == ["Id", "f0", "f1"])
    #expect(table.rows.map { $0[0] } == sample.ids.map(\.text))
    #expect(table.rows.flatMap { $0.fields.dropFirst().map { Float($0) } } == sample.rows.matrix.values)
  }

  @Test func `imported embeddings come back, and other ones do not replace them unseen`() throws {
    let sample = try Sample()
    try sample.writeFiles()
    let header = try sample.importFiles()
    #expect(header.origin == .import && header.state == .complete && header.lineage.source == "m.npy")
    #expect(try sample.importFiles() == header)
    #expect(try FeatureStore(sample.path).matrix("foreign", ids: sample.ids).matrix == sample.rows.matrix)
    var other = sample.rows.matrix
    other[0, 0] += 1
    try NumpyFile.write(other, to: sample.folder.path("m.npy"))
    let error = #expect(throws: Failure.self) { try sample.importFiles() }
    #expect(error?.description.contains("source SHA-256: stored ") == true)
  }

  @Test func `ids without a vector are counted and the first is named`() throws {
    let sample = try Sample()
    try sample.fill()
    let error = #expect(throws: Failure.self) { try FeatureStore(sample.path).matrix(Sample.view, ids: [sample.ids[0], "x", "y"]) }
    #expect(error?.kind == .badData && error?.place.id == "x" && error?.message.contains("2 of 3") == true)
    let unknown = #expect(throws: Failure.self) { try FeatureStore(sample.path).matrix("unknown") }
    #expect(unknown?.kind == .missingInput && unknown?.cure?.contains(Sample.view) == true)
  }

  @Test func `shards become one view, and what they share is counted`() throws {
    let sample = try Sample()
    let shards = ["a", "b", "c"].map(sample.folder.path)
    try sample.fill(shards[0], part: 0..<80)
    try sample.fill(shards[1], part: 60..<150)
    try sample.fill(shards[2], part: 150..<200)
    let target = try FeatureStore(sample.path, mode: .readWrite)
    #expect(
      try target.merge(from: [shards[0], shards[1]]) == [MergeReport(view: Sample.view, added: 150, duplicates: 20, state: .writing)])
    #expect(try target.merge(from: [shards[2]]) == [MergeReport(view: Sample.view, added: 50, duplicates: 0, state: .complete)])
    #expect(try target.matrix(Sample.view, ids: sample.ids).matrix == sample.rows.matrix)
    #expect(#expect(throws: Failure.self) { try target.merge(from: [sample.path]) }?.kind == .usage)
  }

  @Test func `shards that contradict each other are refused`() throws {
    let (sample, other) = (try Sample(), try Sample(seed: 2))
    try sample.fill()
    try other.fill()
    let target = try FeatureStore(sample.path, mode: .readWrite)
    let vectors = #expect(throws: Failure.self) { try target.merge(from: [other.path]) }
    #expect(vectors?.message.contains("another vector") == true && vectors?.place.id == sample.ids.min()?.text)

    let lineage = try Sample()
    let store = try FeatureStore(lineage.path, mode: .readWrite)
    _ = try store.beginView(Sample.header(precision: "bf16"), expectedIDs: lineage.ids)
    let error = #expect(throws: Failure.self) { try target.merge(from: [lineage.path]) }
    #expect(error?.description.contains("precision: stored fp32, now bf16") == true)
  }
}

extension Sample {
  fileprivate func writeFiles() throws {
    try NumpyFile.write(rows.matrix, to: folder.path("m.npy"))
    try FileBytes.write("Id\n" + ids.map { $0.text + "\n" }.joined(), to: folder.path("i.csv"))
  }

  fileprivate func importFiles() throws -> ViewHeader {
    try FeatureStore(path, mode: .readWrite).importView(
      "foreign", dataset: "hpav18", matrix: folder.path("m.npy"), ids: folder.path("i.csv"), lineage: Lineage(programVersion: "1.0.0"),
      command: "hpa-feat store import")
  }
}

@Suite struct ReadmeTests {
  @Test func `The README shows the very script that reads the store`() throws {
    let readme = String(decoding: try FileBytes.read(Project.root.appending(path: "README.md").path), as: UTF8.self)
    let script = String(decoding: try FileBytes.read(Project.root.appending(path: "Tests/HPAStoreTests/read_store.py").path), as: UTF8.self)
    let indented = script.split(separator: "\n", omittingEmptySubsequences: false).map { $0.isEmpty ? "" : "    " + $0 }.joined(
      separator: "\n")
    #expect(readme.contains(indented))
  }
}
