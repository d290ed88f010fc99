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
    try store.exportTable(Sample.view, to: sample.folder.path("m.csv"), ids: sample.ids)
    let table = try CSVTable(contentsOf: sample.folder.path("m.csv"))
    #expect(table.header.prefix(3) == ["Id", "f0", "f1"])
    #expect(table.rows.map { $0[0] } == sample.ids.map(\.text))
    #expect(table.rows.flatMap { $0.fields.dropFirst().map { Float($0) } } == sample.rows.matrix.values)
    var values = Matrix<Float>(repeating: 7, rows: 200, columns: 128)
    try store.values(Sample.view, into: &values)
    #expect(try values == store.values(Sample.view) && values == store.matrix(Sample.view).matrix)
    var narrow = Matrix<Float>(repeating: 7, rows: 200, columns: 127)
    #expect(#expect(throws: Failure.self) { try store.values(Sample.view, into: &narrow) }?.kind == .usage)
  }

  @Test func `a table with tabs holds the same, and refuses an id with a tab`() throws {
    let sample = try Sample(count: 20)
    try sample.fill()
    try FeatureStore(sample.path).exportTable(Sample.view, to: sample.folder.path("m.tsv"), separator: "\t", ids: sample.ids)
    let lines = String(decoding: try FileBytes.read(sample.folder.path("m.tsv")), as: UTF8.self).split(separator: "\n")
    #expect(lines.dropFirst().flatMap { $0.split(separator: "\t").dropFirst().map { Float($0) } } == sample.rows.matrix.values)
    let store = try FeatureStore(sample.folder.path("tab"), mode: .readWrite)
    let writer = try store.beginView(Sample.header(dimension: 1), expectedIDs: ["a\tb"])
    try writer.append(NamedRows(ids: ["a\tb"], matrix: Matrix(rows: 1, columns: 1, values: [1])))
    _ = try writer.finish()
    let error = #expect(throws: Failure.self) { try store.exportTable(Sample.view, to: sample.folder.path("t.tsv"), separator: "\t") }
    #expect(error?.kind == .badData && error?.place.id == "a\tb")
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test")) func `NumPy and AnnData read what is exported`() throws {
    let sample = try Sample(count: 300)
    try sample.fill()
    let store = try FeatureStore(sample.path)
    let (npz, h5ad, npy) = (sample.folder.path("m.npz"), sample.folder.path("m.h5ad"), sample.folder.path("m.npy"))
    try store.export(Sample.view, matrix: npy, ids: sample.folder.path("m.csv"))
    try store.exportNPZ(Sample.view, to: npz)
    try store.exportAnnData(Sample.view, to: h5ad)
    let compare = """
      import sys, json, numpy as n, anndata
      npy, csv, npz, h5ad, sha = sys.argv[1:]
      truth, ids = n.load(npy), open(csv).read().split()[1:]
      archive, data = n.load(npz), anndata.read_h5ad(h5ad)
      assert archive['features'].dtype == 'f4' and (archive['features'] == truth).all() and list(archive['ids']) == ids
      assert data.X.dtype == 'f4' and (data.X == truth).all() and list(data.obs_names) == ids and data.var_names[127] == 'f127'
      assert json.loads(data.uns['view'])['lineage']['checkpointSHA256'] == sha
      """
    try Python.run(compare, [npy, sample.folder.path("m.csv"), npz, h5ad, String(repeating: "ab", count: 32)])
    #expect(try FileManager.default.contentsOfDirectory(atPath: sample.folder.path).allSatisfy { !$0.contains(".part") })
    let nowhere = #expect(throws: Failure.self) { try store.exportNPZ(Sample.view, to: "/proc/nowhere/m.npz") }
    #expect(nowhere?.kind == .cannotCreate)
  }

  @Test(
    .enabled(if: Python.isPresent, "needs scripts/setup test"),
    arguments: [
      "n.savez(out, features=f, ids=i)", "n.savez_compressed(out, f.astype('f8'), ids=i)",
      "n.savez(out, features=f, ids=n.char.encode(i, 'utf8'))",
    ])
  func `an archive of NumPy's is imported with its ids`(save: String) throws {
    let sample = try Sample(count: 40, dimension: 5)
    let out = sample.folder.path("e.npz")
    try NumpyFile.write(sample.rows.matrix, to: sample.folder.path("m.npy"))
    try Python.run(
      "import sys, numpy as n\nm, out, *ids = sys.argv[1:]\nf, i = n.load(m), n.array(ids)\n\(save)",
      [sample.folder.path("m.npy"), out] + sample.ids.map { $0.text + "é" })
    let header = try FeatureStore(sample.path, mode: .readWrite).importView(
      "clip", dataset: "test", matrix: out, ids: nil, lineage: Lineage(declaredOrigin: "CLIP ViT-B/32", programVersion: "1"), command: "c")
    #expect(header.dimension == 5 && header.state == .complete && header.lineage.declaredOrigin == "CLIP ViT-B/32")
    let read = try FeatureStore(sample.path).matrix("clip", ids: sample.ids.map { ImageID($0.text + "é") })
    #expect(read.matrix == sample.rows.matrix)
  }

  @Test func `what is no archive, or holds no ids, is bad data`() throws {
    let sample = try Sample(count: 10, dimension: 2)
    try sample.fill()
    let store = try FeatureStore(sample.path, mode: .readWrite)
    func importing(_ name: String) -> Failure? {
      #expect(throws: Failure.self) {
        try store.importView(
          "x", dataset: "d", matrix: sample.folder.path(name), ids: nil, lineage: Lineage(programVersion: "1"), command: "c")
      }
    }
    try FileBytes.write("no zip", to: sample.folder.path("text.npz"))
    #expect(importing("text.npz")?.kind == .badData)
    #expect(importing("none.npz")?.kind == .missingInput)
    try store.exportNPZ(Sample.view, to: sample.folder.path("cut.npz"))
    var bytes = try FileBytes.read(sample.folder.path("cut.npz"))
    bytes[200] ^= 1
    try FileBytes.write(bytes, to: sample.folder.path("cut.npz"))
    #expect(importing("cut.npz")?.kind == .badData)
    #expect(try store.views().count == 1)
  }

  @Test func `views that were made in different ways are not compared, and both sides are shown`() throws {
    let (fp32, bf16) = (Sample.header("test@a"), Sample.header("hpav18@a", precision: "bf16"))
    try ViewHeader.checkComparable(fp32, Sample.header("other@a"))
    let error = #expect(throws: Failure.self) { try ViewHeader.checkComparable(fp32, bf16) }
    let message = try #require(error).message
    #expect(message.contains("test@a  hpav18@a") && message.contains("precision  fp32    bf16"), "\(message)")
    let foreign = ViewHeader(
      name: "test@clip", dataset: "test", dimension: 512, origin: .import,
      lineage: Lineage(declaredOrigin: "CLIP", source: "e.npy", sourceSHA256: "00", programVersion: "1"), command: "c")
    let other = #expect(throws: Failure.self) { try ViewHeader.checkComparable(fp32, foreign) }
    for part in ["dimension", "512", "CLIP", "import", "none"] { #expect(other?.message.contains(part) == true) }
  }

  @Test func `a view that is not the one that a reader relies on is refused with both sides`() throws {
    let sample = try Sample()
    try sample.fill()
    let store = try FeatureStore(sample.path)
    let wrong = ViewRequirement(checkpointSHA256: String(repeating: "cd", count: 32), channelMap: "rgbb", size: 512, dimension: 64)
    let message = try #require(#expect(throws: Failure.self) { try store.matrix(Sample.view, requiring: wrong) }).description
    for part in ["stored abab", "wanted cdcd", "stored rgby, wanted rgbb", "stored 800, wanted 512", "stored 128, wanted 64"] {
      #expect(message.contains(part), "\(message)")
    }
    #expect(try store.matrix(Sample.view, requiring: ViewRequirement(channelMap: "rgby", size: 800, dimension: 128)).ids.count == 200)
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
    let readme = String(decoding: try FileBytes.read(Project.root.appending(path: "docs/store.md").path), as: UTF8.self)
    let script = String(decoding: try FileBytes.read(Project.root.appending(path: "Tests/HPAStoreTests/read_store.py").path), as: UTF8.self)
    let indented = script.split(separator: "\n", omittingEmptySubsequences: false).map { $0.isEmpty ? "" : "    " + $0 }.joined(
      separator: "\n")
    #expect(readme.contains(indented))
  }
}
