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
      import lmdb, sys, zlib
      with lmdb.open(sys.argv[1], map_size=1 << 28, max_dbs=9) as e:
        views = e.open_db(b'views')
        with e.begin(write=True) as t:
          header = t.get(sys.argv[2].encode(), db=views)
          junk = e.open_db(b'junk', txn=t)
          for i in range(3000): t.put(b'%d' % i, bytes(4000), db=junk)
          rest = header.split(b',', 1)[1].replace(sys.argv[2].encode(), b'second')
          t.put(b'second', b'{"checksum":"%08x",' % zlib.crc32(rest) + rest, db=views)
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

  @Test func `on a network file system a store is read with a warning, and written only where that is allowed`() throws {
    let sample = try Sample()
    try sample.fill()
    let open = { (mode: FeatureStore.Mode, isAllowed: Bool) in
      try FeatureStore(sample.path, mode: mode, mapSize: 1 << 20, network: "NFS", allowsNetwork: isAllowed)
    }
    do {
      let reader = try open(.readOnly, false)
      #expect(reader.warning?.contains("NFS") == true)
      #expect(try reader.matrix(Sample.view).ids.count == 200)
    }
    let error = #expect(throws: Failure.self) { try open(.readWrite, false) }
    #expect(error?.kind == .unavailable && error?.cure?.contains("--allow-network") == true)
    #expect(try open(.readWrite, true).views().count == 1)
    #expect(try FeatureStore(sample.path).warning == nil)
  }

  /// The numbers are those of linux/magic.h.
  @Test(arguments: [(0x6969, "NFS"), (0xFF53_4D42, "CIFS"), (0x0102_1997, "9P"), (0xEF53, nil), (0x0102_1994, nil)] as [(UInt32, String?)])
  func `network file systems are known by their number`(magic: UInt32, name: String?) { #expect(NetworkFileSystem.name(magic) == name) }

  @Test func `a map that cannot grow is reported, and what was committed stays`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.path("s")
    let ids = (0..<2_000).map { ImageID("\(10_000 + $0)") }
    await #expect(processExitsWith: .success) { [path = path as String, ids = ids.map(\.text) as [String]] in
      // Rows of 16 KiB fill the first map of 32 MiB; a second one, twice as large, does not fit into what is left.
      let store = try FeatureStore(path, mode: .readWrite, mapSize: 1 << 25)
      let writer = try store.beginView(Sample.header(dimension: 4096), expectedIDs: ids.map { ImageID($0) })
      let pages = try Int(String(decoding: FileBytes.read("/proc/self/statm"), as: UTF8.self).split(separator: " ")[0]) ?? 0
      var limit = rlimit(rlim_cur: rlim_t(pages * 4096 + 1 << 25), rlim_max: rlim_t(pages * 4096 + 1 << 25))
      setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
      var failure: Failure?
      for start in stride(from: 0, to: 2_000, by: 20) where failure == nil {
        let rows = try NamedRows(
          ids: ids[start..<start + 20].map { ImageID($0) }, matrix: Matrix(repeating: Float(start), rows: 20, columns: 4096))
        do { try writer.append(rows) } catch let error as Failure { failure = error }
      }
      guard let failure, failure.kind == .unavailable, failure.cure?.contains("ulimit -v") == true else { exit(1) }
      guard try store.matrix(Sample.view, ids: [ImageID(ids[0])], allowIncomplete: true).matrix.values.count == 4096 else { exit(2) }
    }
    let writer = try FeatureStore(path, mode: .readWrite).beginView(Sample.header(dimension: 4096), expectedIDs: ids)
    #expect((1..<2_000).contains(writer.missing.count))
    #expect(try writer.store.verify(Sample.view).isSound)
  }

  @Test func `many programs read while one writes, each a true picture`() async throws {
    let sample = try Sample(count: 2_000)
    let path = sample.path
    _ = try sample.begin(FeatureStore(path, mode: .readWrite))
    @Sendable func reader() async {
      await #expect(processExitsWith: .success) { [path = path as String] in
        let sample = try Sample(count: 2_000)
        let store = try FeatureStore(path)
        var count = 0
        while try store.header(of: Sample.view).state == .writing || count < 2_000 {
          let read = try store.matrix(Sample.view, allowIncomplete: true)
          guard read.ids.count >= count, try read.matrix == sample.rows.rows(of: read.ids) else { exit(1) }
          count = read.ids.count
        }
      }
    }
    await withTaskGroup { group in
      for _ in 0..<3 { group.addTask { await reader() } }
      group.addTask {
        await #expect(processExitsWith: .success) { [path = path as String] in
          let sample = try Sample(count: 2_000)
          let writer = try sample.begin(FeatureStore(path, mode: .readWrite))
          for start in stride(from: 0, to: 2_000, by: 20) { try writer.append(sample.slice(start..<start + 20)) }
          _ = try writer.finish()
        }
      }
    }
    #expect(try FeatureStore(path).matrix(Sample.view, ids: sample.ids).matrix == sample.rows.matrix)
  }
}
