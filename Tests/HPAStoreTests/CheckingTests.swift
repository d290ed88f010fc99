import Foundation
import HPACore
import HPATestSupport
import Testing

@testable import HPAStore

@Suite struct CheckingTests {
  @Test(arguments: [(0, FeatureRecord.Defect.key), (1, nil), (511, nil), (512, .key)])
  func `a record under a key that is no id is bad, even where its checksum is right`(length: Int, defect: FeatureRecord.Defect?) {
    let key = [UInt8](repeating: UInt8(ascii: "a"), count: length)
    var record = [UInt8](repeating: 0, count: FeatureRecord.bytes(dimension: 3))
    record.withUnsafeMutableBytes { FeatureRecord.encode([1, 2, 3], key: key, into: $0) }
    let found = key.withUnsafeBytes { key in record.withUnsafeBytes { FeatureRecord.defect(key: key, record: $0, dimension: 3) } }
    #expect(found == defect)
  }

  @Test func `one bit turned over is found, removed and extracted again`() throws {
    let sample = try Sample()
    try sample.fill()
    let before = try FeatureStore(sample.path).summary(of: Sample.view).contentsSHA256
    try sample.damage(17)
    let bad = [VerifyReport.BadRecord(key: sample.ids[17].text, reason: "its checksum is wrong")]
    do {
      let store = try FeatureStore(sample.path, mode: .readWrite)
      #expect(try store.verify(Sample.view).bad == bad)
      let error = #expect(throws: Failure.self) { try store.matrix(Sample.view) }
      #expect(error?.kind == .badData && error?.place.id == sample.ids[17].text)
      #expect(try store.matrix(Sample.view, ids: Array(sample.ids[18...])).ids.count == 182)
      #expect(try store.repair(Sample.view) == bad)
      #expect(try store.header(of: Sample.view).state == .writing)
      #expect(try store.verify(Sample.view).isSound)
    }
    let writer = try sample.begin(FeatureStore(sample.path, mode: .readWrite))
    #expect(writer.missing == [sample.ids[17]])
    try writer.append(sample.slice(17..<18))
    #expect(try writer.finish().state == .complete)
    #expect(try writer.store.summary(of: Sample.view).contentsSHA256 == before)
  }

  @Test func `a damaged record of a complete view is work to do, without repair`() throws {
    let sample = try Sample()
    try sample.fill()
    try sample.damage(3)
    let store = try FeatureStore(sample.path, mode: .readWrite)
    let writer = try sample.begin(store)
    #expect(try store.header(of: Sample.view).state == .writing)
    #expect(writer.missing == [sample.ids[3]])
    #expect(try writer.append(sample.rows) == .init(written: 1, kept: 199))
    #expect(try writer.finish().state == .complete)
    #expect(try store.matrix(Sample.view, ids: sample.ids).matrix == sample.rows.matrix)
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `a vector under another image's id, and an id too many, are found`() throws {
    let sample = try Sample()
    try sample.fill()
    let swap = """
      import lmdb, sys
      with lmdb.open(sys.argv[1], max_dbs=9) as e, e.begin(write=True, db=e.open_db(b'view:' + sys.argv[2].encode())) as t:
        a, b = (t.get(k.encode()) for k in sys.argv[3:5])
        t.put(sys.argv[3].encode(), b); t.put(sys.argv[4].encode(), a); t.put(sys.argv[5].encode(), a)
      """
    try Python.run(swap, [sample.path, Sample.view, sample.ids[5].text, sample.ids[6].text, "stranger"])
    let report = try FeatureStore(sample.path).verify(Sample.view)
    #expect(Set(report.bad.map(\.key)) == [sample.ids[5].text, sample.ids[6].text, "stranger"])
    #expect(!report.hasItsIDs && !report.isSound && report.count == 201)
  }

  @Test func `a sample checks as many records as were asked for, the same ones for the same seed`() throws {
    let sample = try Sample()
    try sample.fill()
    for row in 0..<100 { try sample.damage(row) }
    let store = try FeatureStore(sample.path)
    let report = try store.verify(Sample.view, sample: 20, seed: 4)
    #expect(report.checked == 20 && report.count == 200 && (1..<20).contains(report.bad.count))
    #expect(try store.verify(Sample.view, sample: 20, seed: 4) == report)
    #expect(try store.verify(Sample.view, sample: 1_000).bad.count == 100)
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test")) func `a summary holds what NumPy says`() throws {
    let sample = try Sample(count: 300, dimension: 8)
    var rows = sample.rows
    for row in 0..<300 { (rows.matrix[row, 2], rows.matrix[row, 7]) = (0, 1.5) }
    for column in 0..<8 where column != 7 { rows.matrix[9, column] = 0 }
    let writer = try sample.begin(FeatureStore(sample.path, mode: .readWrite))
    try writer.append(rows)
    _ = try writer.finish()
    let summary = try writer.store.summary(of: Sample.view)
    #expect(summary.constantDimensions == [2, 7] && summary.count == 300 && summary.nonFinite == 0 && summary.zero == 0)
    let ask = """
      import sys, runpy, hashlib, numpy as n
      sys.argv[:] = ['', sys.argv[1], sys.argv[2]]
      m = runpy.run_path('\(Project.root.path)/Tests/HPAStoreTests/read_store.py')
      norms = n.linalg.norm(m['features'].astype('f8'), axis=1)
      sha = hashlib.sha256(b''.join(i.encode() + b'\\0' + f.tobytes() for i, f in zip(m['ids'], m['features']))).hexdigest()
      print(norms.min(), norms.mean(), norms.max(), sha, hashlib.sha256('\\n'.join(m['ids']).encode()).hexdigest())
      """
    let answer = try Python.run(ask, [sample.path, Sample.view]).split(separator: "\n").last?.split(separator: " ") ?? []
    let norms = try #require(summary.norms)
    for (ours, theirs) in zip([norms.minimum, norms.mean, norms.maximum], answer) { #expect(abs(ours - (Double(theirs) ?? .nan)) < 1e-12) }
    #expect(answer.dropFirst(3).map(String.init) == [summary.contentsSHA256, summary.header.lineage.idsSHA256])
  }

  @Test func `the contents hash does not depend on the order of writing`() throws {
    let (one, two) = (try Sample(), try Sample())
    try one.fill()
    for start in stride(from: 180, through: 0, by: -20) { try two.fill(part: start..<start + 20) }
    #expect(
      try FeatureStore(one.path).summary(of: Sample.view).contentsSHA256 == FeatureStore(two.path).summary(of: Sample.view).contentsSHA256)
  }

  @Test func `the hash of a file is the one that was published for its bytes`() throws {
    let folder = try TemporaryFolder()
    try FileBytes.write("abc", to: folder.path("abc"))
    // FIPS 180-2, appendix B.1.
    #expect(try ContentHash.file(folder.path("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }
}
