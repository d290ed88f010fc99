import Foundation
import HPACore
import HPATestSupport
import Testing

@testable import HPAStore

@Suite struct OpeningTests {
  @Test func `a store that is not there is missing input, and reading makes none`() throws {
    let folder = try TemporaryFolder()
    #expect(#expect(throws: Failure.self) { try FeatureStore(folder.path("none")) }?.kind == .missingInput)
    #expect(!FileManager.default.fileExists(atPath: folder.path("none")))
  }

  @Test func `a folder with something else in it is bad data`() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.path("s"), withIntermediateDirectories: true)
    try FileBytes.write([UInt8](repeating: 7, count: 100_000), to: folder.path("s/data.mdb"))
    for mode in [FeatureStore.Mode.readOnly, .readWrite] {
      let error = #expect(throws: Failure.self) { try FeatureStore(folder.path("s"), mode: mode) }
      #expect(error?.kind == .badData && error?.cure != nil)
    }
  }

  @Test(arguments: [0, 100, 5_000, 20_000, 100_000]) func `a truncated file is bad data, not a crash`(length: Int) throws {
    let sample = try Sample()
    try sample.fill()
    try FileManager.default.removeItem(atPath: sample.path + "/lock.mdb")
    truncate(sample.path + "/data.mdb", length)
    let error = #expect(throws: Failure.self) { try FeatureStore(sample.path).matrix(Sample.view) }
    #expect(error?.kind == .badData && error?.cure != nil)
  }

  @Test func `a store in a folder that may not be written to is read`() async throws {
    let sample = try Sample()
    try sample.fill()
    let path = sample.path
    chmod(path, 0o555)
    chmod(path + "/data.mdb", 0o444)
    chmod(path + "/lock.mdb", 0o444)
    await #expect(processExitsWith: .success) { [path = path as String] in
      // Root may write anywhere.
      if geteuid() == 0 { seteuid(65_534) }
      let sample = try Sample()
      guard try FeatureStore(path).matrix(Sample.view, ids: sample.ids).matrix == sample.rows.matrix else { exit(1) }
      do { _ = try FeatureStore(path, mode: .readWrite) } catch let error as Failure { exit(error.kind == .cannotCreate ? 0 : 2) }
      exit(3)
    }
    chmod(path, 0o755)
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"), arguments: ["\"dimension\":128", "\"name\":\"hpav18"])
  func `a damaged header is bad data`(part: String) throws {
    let sample = try Sample()
    try sample.fill()
    let spoil = """
      import lmdb, sys
      with lmdb.open(sys.argv[1], max_dbs=9) as e, e.begin(write=True, db=e.open_db(b'views')) as t:
        key, old = sys.argv[2].encode(), sys.argv[3].encode()
        t.put(key, t.get(key).replace(old, old + b'00000000000000000'))
      """
    try Python.run(spoil, [sample.path, Sample.view, part])
    #expect(#expect(throws: Failure.self) { try FeatureStore(sample.path).matrix(Sample.view) }?.kind == .badData)
  }

  @Test func `one folder is opened once, whatever its path`() throws {
    let sample = try Sample()
    let store = try FeatureStore(sample.path, mode: .readWrite)
    let again = try FeatureStore(sample.path + "/../features.lmdb")
    #expect(store.environment === again.environment)
    #expect(#expect(throws: Failure.self) { try again.drop("x") }?.kind == .cannotCreate)
  }

  @Test func `a program that only reads cannot open the same store for writing beside it`() throws {
    let sample = try Sample()
    try sample.fill()
    let reader = try FeatureStore(sample.path)
    #expect(#expect(throws: Failure.self) { try FeatureStore(sample.path, mode: .readWrite) }?.kind == .unavailable)
    #expect(try reader.views().count == 1)
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test")) func `newer formats and foreign LMDB folders are refused`() throws {
    let folder = try TemporaryFolder()
    let write =
      "import lmdb, sys\nwith lmdb.open(sys.argv[1]) as e, e.begin(write=True) as t: t.put(sys.argv[2].encode(), sys.argv[3].encode())"
    try Python.run(write, [folder.path("newer"), "meta", "{\"format\":2}"])
    try Python.run(write, [folder.path("foreign"), "key", "value"])
    for name in ["newer", "foreign"] {
      for mode in [FeatureStore.Mode.readOnly, .readWrite] {
        #expect(#expect(throws: Failure.self) { try FeatureStore(folder.path(name), mode: mode) }?.kind == .badData)
      }
    }
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test")) func `a map that another program made larger is taken over`() throws {
    let sample = try Sample()
    try sample.fill()
    let store = try FeatureStore(sample.path, mode: .readOnly, mapSize: 1 << 20)
    #expect(try store.matrix(Sample.view).ids.count == 200)
    let grow = """
      import lmdb, sys
      with lmdb.open(sys.argv[1], map_size=1 << 28, max_dbs=9) as e:
        views = e.open_db(b'views')
        with e.begin(write=True) as t:
          header = t.get(sys.argv[2].encode(), db=views)
          junk = e.open_db(b'junk', txn=t)
          for i in range(3000): t.put(b'%d' % i, bytes(4000), db=junk)
          t.put(b'second', header.replace(sys.argv[2].encode(), b'second'), db=views)
      """
    try Python.run(grow, [sample.path, Sample.view])
    #expect(try store.views().map(\.name) == [Sample.view, "second"])
    #expect(try store.matrix(Sample.view, ids: sample.ids).matrix == sample.rows.matrix)
  }

  @Test func `a dropped view is gone, and compaction gives its pages back`() throws {
    let sample = try Sample(count: 3_000)
    try sample.fill()
    do {
      let store = try FeatureStore(sample.path, mode: .readWrite)
      let second = try store.beginView(Sample.header("second", dimension: 2), expectedIDs: ["a"])
      try second.append(NamedRows(ids: ["a"], matrix: Matrix(rows: 1, columns: 2, values: [1, 2])))
      _ = try second.finish()
      #expect(#expect(throws: Failure.self) { try FeatureStore.compact(sample.path) }?.kind == .unavailable)
      try store.drop(Sample.view)
      #expect(#expect(throws: Failure.self) { try store.drop(Sample.view) }?.kind == .missingInput)
    }
    let sizes = try FeatureStore.compact(sample.path)
    #expect(sizes.before > 1_000_000 && sizes.after < 100_000)
    let store = try FeatureStore(sample.path, mode: .readWrite)
    #expect(try store.views().map(\.name) == ["second"])
    #expect(try store.vector("a", in: "second") == [1, 2])
    let writer = try sample.begin(store)
    try writer.append(sample.rows)
    #expect(try writer.finish().state == .complete)
    #expect(try FileManager.default.contentsOfDirectory(atPath: sample.path).sorted() == ["data.mdb", "lock.mdb"])
  }
}
