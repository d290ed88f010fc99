import Foundation
import HPACore
import HPATestSupport
import Testing

@testable import HPAStore

@Suite struct WritingTests {
  @Test func `a view that was stopped goes on with what is missing and touches nothing else`() throws {
    let sample = try Sample()
    do {
      let writer = try sample.begin(FeatureStore(sample.path, mode: .readWrite))
      #expect(writer.missing == sample.ids)
      try writer.append(sample.slice(0..<64))
      try writer.append(sample.slice(64..<96))
      #expect(throws: Failure.self) { try writer.finish() }
    }
    let writer = try sample.begin(FeatureStore(sample.path, mode: .readWrite))
    #expect(writer.header.state == .writing && writer.missing == Array(sample.ids[96...]))
    var other = try sample.slice(90..<200)
    for index in other.matrix.values.indices { other.matrix.values[index] += 1 }
    #expect(try writer.append(other) == .init(written: 104, kept: 6))
    #expect(try writer.finish().state == .complete)
    let stored = try writer.store.matrix(Sample.view, ids: sample.ids)
    #expect(stored.matrix[row: 95] == sample.rows.matrix[row: 95])
    #expect(stored.matrix[row: 96] == other.matrix[row: 6])
  }

  @Test func `a program killed between two batches loses neither the first nor the store`() async throws {
    let sample = try Sample()
    let path = sample.path
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      let sample = try Sample()
      let store = try FeatureStore(path, mode: .readWrite)
      let writer = try sample.begin(store)
      try writer.append(sample.slice(0..<50))
      try store.environment.write { transaction in
        try transaction.put(writer.databases.vectors, Array("half".utf8), [1, 2, 3])
        kill(getpid(), SIGKILL)
      }
    }
    let writer = try sample.begin(FeatureStore(path, mode: .readWrite))
    #expect(writer.missing == Array(sample.ids[50...]))
    try writer.append(sample.slice(50..<200))
    #expect(try writer.finish().state == .complete)
    #expect(try writer.store.matrix(Sample.view, ids: sample.ids).matrix == sample.rows.matrix)
  }

  @Test func `another lineage is refused with both sides`() throws {
    let sample = try Sample()
    try sample.fill()
    let store = try FeatureStore(sample.path, mode: .readWrite)
    let error = #expect(throws: Failure.self) {
      try store.beginView(Sample.header(precision: "bf16"), expectedIDs: Array(sample.ids.dropLast()))
    }
    let message = try #require(error).description
    for part in [
      "precision: stored fp32, now bf16", "number of ids: stored 200, now 199", "ids SHA-256: stored ", "--view NAME", "store drop",
    ] {
      #expect(message.contains(part), "\(message)")
    }
  }

  @Test func `the order of the ids and the command line are no part of the lineage`() throws {
    let sample = try Sample()
    try sample.fill()
    let store = try FeatureStore(sample.path, mode: .readWrite)
    #expect(try store.beginView(Sample.header(), expectedIDs: sample.ids.reversed()).missing.isEmpty)
  }

  @Test func `bad rows are refused whole, with their id`() throws {
    let sample = try Sample(count: 4, dimension: 2)
    let writer = try sample.begin(FeatureStore(sample.path, mode: .readWrite))
    func place(_ ids: [ImageID], _ values: [Float]) throws -> String? {
      let rows = try NamedRows(ids: ids, matrix: Matrix(rows: ids.count, columns: values.count / ids.count, values: values))
      return #expect(throws: Failure.self) { try writer.append(rows) }?.place.id
    }
    #expect(try place([sample.ids[0], "stranger"], [1, 2, 3, 4]) == "stranger")
    #expect(try place(Array(sample.ids[0..<2]), [1, 2, .nan, 4]) == sample.ids[1].text)
    #expect(try place(Array(sample.ids[0..<2]), [1, 2, 3, 4, 5, 6]) == nil)
    #expect(try writer.store.matrix(Sample.view, allowIncomplete: true).ids.isEmpty)
  }

  @Test(arguments: [["a", "b", "a"], ["a", ""], ["a", String(repeating: "x", count: 512)]])
  func `ids that cannot be keys are refused`(ids: [String]) throws {
    let folder = try TemporaryFolder()
    let store = try FeatureStore(folder.path("s"), mode: .readWrite)
    let error = #expect(throws: Failure.self) { try store.beginView(Sample.header(), expectedIDs: ids.map { ImageID($0) }) }
    #expect(error?.kind == .badData && error?.place.id == ids.last && error?.cure != nil)
    #expect(try store.views().isEmpty)
  }

  @Test func `an id of 511 bytes is taken`() throws {
    let folder = try TemporaryFolder()
    let id = ImageID(String(repeating: "é", count: 255) + "x")
    let writer = try FeatureStore(folder.path("s"), mode: .readWrite).beginView(Sample.header(dimension: 1), expectedIDs: [id])
    try writer.append(NamedRows(ids: [id], matrix: Matrix(rows: 1, columns: 1, values: [0.5])))
    #expect(try writer.finish().state == .complete)
    #expect(try writer.store.vector(id, in: Sample.view) == [0.5])
  }

  @Test(arguments: ["", "two words", "../up", "-v", String(repeating: "x", count: 201)]) func `names that are no names are refused`(
    name: String
  ) throws {
    let folder = try TemporaryFolder()
    let store = try FeatureStore(folder.path("s"), mode: .readWrite)
    #expect(#expect(throws: Failure.self) { try store.beginView(Sample.header(name), expectedIDs: ["a"]) }?.kind == .usage)
  }

  @Test func `parts of one view complete it together`() throws {
    let sample = try Sample()
    #expect(try sample.fill(part: 0..<100).state == .writing)
    #expect(#expect(throws: Failure.self) { try FeatureStore(sample.path).matrix(Sample.view) }?.kind == .badData)
    #expect(try FeatureStore(sample.path).matrix(Sample.view, allowIncomplete: true).ids == sample.ids[0..<100].sorted())
    #expect(try sample.fill(part: 100..<200).state == .complete)
  }

  @Test func `the map grows from next to nothing while others read`() throws {
    let sample = try Sample(count: 2_000)
    let store = try FeatureStore(sample.path, mode: .readWrite, mapSize: 1 << 16)
    let writer = try sample.begin(store)
    _ = try Parallel.map(count: 40, threads: 4) { index in
      try writer.append(sample.slice(index * 50..<(index + 1) * 50))
      let read = try store.matrix(Sample.view, ids: Array(sample.ids[index * 50..<(index + 1) * 50]), allowIncomplete: true)
      #expect(try read.matrix == sample.slice(index * 50..<(index + 1) * 50).matrix)
    }
    #expect(try writer.finish().state == .complete)
    #expect(try store.matrix(Sample.view, ids: sample.ids).matrix == sample.rows.matrix)
  }

  @Test func `two programs that write one view at the same time complete it together`() async throws {
    let sample = try Sample()
    let path = sample.path
    async let other: Void = {
      await #expect(processExitsWith: .success) { [path = path as String] in
        let sample = try Sample()
        let writer = try sample.begin(FeatureStore(path, mode: .readWrite), part: 80..<200)
        for start in stride(from: 80, to: 200, by: 4) { try writer.append(sample.slice(start..<start + 4)) }
        _ = try writer.finish()
      }
    }()
    let writer = try sample.begin(FeatureStore(path, mode: .readWrite), part: 0..<120)
    for start in stride(from: 0, to: 120, by: 4) { try writer.append(sample.slice(start..<start + 4)) }
    _ = try writer.finish()
    await other
    let store = try FeatureStore(path)
    #expect(try store.header(of: Sample.view).state == .complete)
    #expect(try store.matrix(Sample.view, ids: sample.ids).matrix == sample.rows.matrix)
  }

  /// A limit on file size stands for a full disk: both end a write of LMDB with an error code.
  @Test func `a full disk is reported, and what was committed stays`() async throws {
    let sample = try Sample(count: 2_000)
    let path = sample.path
    await #expect(processExitsWith: .success) { [path = path as String] in
      let sample = try Sample(count: 2_000)
      let writer = try sample.begin(FeatureStore(path, mode: .readWrite))
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit(rlim_cur: 300_000, rlim_max: 300_000)
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      var failure: Failure?
      for start in stride(from: 0, to: 2_000, by: 100) where failure == nil {
        do { try writer.append(sample.slice(start..<start + 100)) } catch let error as Failure { failure = error }
      }
      guard failure?.kind == .inputOutput, failure?.cure?.contains("goes on") == true else { exit(1) }
      guard try !writer.store.matrix(Sample.view, allowIncomplete: true).ids.isEmpty else { exit(2) }
    }
    let writer = try sample.begin(FeatureStore(path, mode: .readWrite))
    #expect((1..<2_000).contains(writer.missing.count))
    try writer.append(sample.rows)
    #expect(try writer.finish().state == .complete)
    #expect(try writer.store.matrix(Sample.view, ids: sample.ids).matrix == sample.rows.matrix)
  }
}
