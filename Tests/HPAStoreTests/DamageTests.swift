import Foundation
import HPACore
import HPATestSupport
import Testing

@testable import HPAStore

/// A store with everything that LMDB has: two views, values in pages and values with pages of their own, free pages, several transactions.
private struct DamageSample {
  static let small = "small"
  static let wide = "wide"
  static let names = [small, wide]

  let rows: [String: NamedRows<Float>]
  /// The same in key order.
  private let sorted: [String: NamedRows<Float>]

  init() throws {
    func view(_ name: String, count: Int, dimension: Int) throws -> NamedRows<Float> {
      var generator = SeededGenerator(seed: 5, stream: name)
      // The same ids in both, so that a page of one could pass for a page of the other.
      return try NamedRows(
        ids: (0..<count).map { ImageID("image_\(1000 + $0 * 37 % 997)") },
        matrix: Matrix(rows: count, columns: dimension, values: (0..<count * dimension).map { _ in Float(generator.normal()) }))
    }
    // The wide view's records are longer than half a page, so they have pages of their own.
    rows = [Self.small: try view(Self.small, count: 160, dimension: 128), Self.wide: try view(Self.wide, count: 24, dimension: 600)]
    sorted = try rows.mapValues { rows in try NamedRows(ids: rows.ids.sorted(), matrix: rows.rows(of: rows.ids.sorted())) }
  }

  func begin(_ name: String, in store: FeatureStore) throws -> (writer: ViewWriter, rows: NamedRows<Float>) {
    guard let rows = rows[name] else { throw Failure(.software, name) }
    return (try store.beginView(Sample.header(name, dimension: rows.matrix.columns), expectedIDs: rows.ids), rows)
  }

  func write(to path: String) throws {
    let store = try FeatureStore(path, mode: .readWrite)
    let junk = try store.beginView(Sample.header("junk", dimension: 128), expectedIDs: rows[Self.small]?.ids ?? [])
    try junk.append(NamedRows(ids: rows[Self.small]?.ids ?? [], matrix: Matrix(repeating: 3, rows: 160, columns: 128)))
    for name in Self.names {
      let (writer, rows) = try begin(name, in: store)
      for start in stride(from: 0, to: rows.ids.count, by: 20) {
        let part = Array(start..<min(start + 20, rows.ids.count))
        try writer.append(NamedRows(ids: part.map { rows.ids[$0] }, matrix: rows.matrix.selecting(rows: part)))
      }
      _ = try writer.finish()
    }
    try store.drop("junk")
  }

  /// Whether what can be read of a store is true: everything that comes back must be what was written.
  func lies(in path: String) -> String? {
    do {
      let store = try FeatureStore(path)
      for name in Self.names {
        guard let rows = rows[name], let sorted = sorted[name] else { return name }
        let read = try? store.matrix(name)
        if let read, read.ids != sorted.ids || read.matrix != sorted.matrix { return "\(name): other vectors" }
        if let read = try? store.matrix(name, ids: rows.ids), read.matrix != rows.matrix { return "\(name): other vectors by id" }
        if let read = try? store.values(name), read != sorted.matrix { return "\(name): other values" }
        for row in [0, rows.ids.count / 2, rows.ids.count - 1] {
          if let read = try? store.vector(rows.ids[row], in: name), read != Array(rows.matrix[row: row]) { return "\(name): row \(row)" }
        }
        guard read == nil, let report = try? store.verify(name), report.isSound else { continue }
        if try store.header(of: name).state == .complete { return "\(name): sound and not read" }
      }
      return nil
    } catch is Failure {
      return nil
    } catch {
      return "\(error)"
    }
  }

  /// Whether the same commands on a store end in a failure or in what was to be written.
  func writesLies(in path: String) -> String? {
    do {
      let store = try FeatureStore(path, mode: .readWrite)
      for name in Self.names {
        _ = try store.repair(name)
        let (writer, rows) = try begin(name, in: store)
        try writer.append(rows)
        _ = try writer.finish()
        guard try store.matrix(name, ids: rows.ids).matrix == rows.matrix, try store.verify(name).isSound else {
          return "\(name): not restored"
        }
      }
      return nil
    } catch is Failure {
      return nil
    } catch {
      return "\(error)"
    }
  }
}

/// Copies of one data file with one bit turned over.
private struct Flips {
  let folder: String
  let bytes: [UInt8]

  init(_ path: String) throws {
    folder = path + "-flipped"
    bytes = try FileBytes.read(path + "/data.mdb")
  }

  func flip(_ bit: Int) throws -> String {
    try? FileManager.default.removeItem(atPath: folder)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    var copy = bytes
    copy[bit / 8] ^= 1 << UInt8(bit % 8)
    try Data(copy).write(to: URL(filePath: folder + "/data.mdb"))
    return folder
  }

  /// The two first pages as far as they are used.
  static let firstPages = [0, 4096].flatMap { page in (page * 8..<(page + 152) * 8) }

  /// Headers and the lists of keys, where numbers lead on.
  func structure(_ generator: inout SeededGenerator) -> Int {
    Int.random(in: 0..<bytes.count / 4096, using: &generator) * 4096 * 8 + Int.random(in: 0..<80 * 8, using: &generator)
  }
}

@Suite(.serialized) struct DamageTests {
  /// In a program of its own, which a wild read would end.
  @Test func `a bit turned over anywhere leads to no crash and to no wrong vector`() async throws {
    let (folder, seed) = (try TemporaryFolder(), testSeed())
    let path = folder.path("s")
    try DamageSample().write(to: path)
    await #expect(processExitsWith: .success) { [path = path as String, seed = seed as UInt64] in
      let (sample, flips) = (try DamageSample(), try Flips(path))
      guard sample.lies(in: path) == nil else { exit(2) }
      var generator = SeededGenerator(seed: seed, stream: "flips")
      let random = (0..<1000).map { _ in Int.random(in: 0..<flips.bytes.count * 8, using: &generator) }
      let structure = (0..<400).map { _ in flips.structure(&generator) }
      let first = Flips.firstPages.shuffled(using: &generator).prefix(600)
      for (index, bit) in (random + structure + first).enumerated() {
        let lie = sample.lies(in: try flips.flip(bit))
        if let lie {
          print("bit \(bit): \(lie)")
          exit(1)
        }
        // Writing is slower: a part of them.
        guard index % 10 == 0 else { continue }
        if let lie = sample.writesLies(in: try flips.flip(bit)) {
          print("bit \(bit): writing: \(lie)")
          exit(3)
        }
      }
    }
  }

  @Test func `every bit turned over inside a vector is found by verify, and by nothing else's name`() throws {
    let (folder, seed) = (try TemporaryFolder(), testSeed())
    let (path, sample) = (folder.path("s"), try DamageSample())
    try sample.write(to: path)
    // Without free pages, each vector is in the file once.
    _ = try FeatureStore.compact(path)
    let flips = try Flips(path)
    var generator = SeededGenerator(seed: seed, stream: "vectors")
    for _ in 0..<300 {
      let name = DamageSample.names[Int.random(in: 0..<2, using: &generator)]
      let rows = try #require(sample.rows[name])
      let row = Int.random(in: 0..<rows.ids.count, using: &generator)
      let vector = rows.matrix[row: row].withUnsafeBytes { Data($0) }
      let place = try #require(Data(flips.bytes).range(of: vector)).lowerBound
      let copy = try flips.flip(place * 8 + Int.random(in: 0..<vector.count * 8, using: &generator))
      let store = try FeatureStore(copy)
      #expect(try store.verify(name).bad.map(\.key) == [rows.ids[row].text])
      #expect(#expect(throws: Failure.self) { try store.matrix(name) }?.place.id == rows.ids[row].text)
      for other in DamageSample.names where other != name { #expect(try store.verify(other).isSound) }
    }
  }

  @Test func `a damaged page loses what is on it, and salvage and the same command restore the rest and that`() throws {
    let (folder, seed) = (try TemporaryFolder(), testSeed())
    let (path, sample) = (folder.path("s"), try DamageSample())
    try sample.write(to: path)
    let whole = try DamageSample.names.map { try FeatureStore(path).summary(of: $0).contentsSHA256 }
    let flips = try Flips(path)
    var generator = SeededGenerator(seed: seed, stream: "salvage")
    var (damaged, lost) = (0, [Int]())
    for _ in 0..<200 {
      let copy = try flips.flip(flips.structure(&generator))
      let isSound = try? DamageSample.names.allSatisfy { try FeatureStore(copy).verify($0).isSound }
      if isSound != true { damaged += 1 }
      let out = copy + "-saved"
      try? FileManager.default.removeItem(atPath: out)
      let report = try FeatureStore.salvage(copy, to: out)
      lost.append(184 - report.views.filter { DamageSample.names.contains($0.name) }.reduce(0) { $0 + $1.saved })
      let store = try FeatureStore(out, mode: .readWrite)
      for (name, hash) in zip(DamageSample.names, whole) {
        let (writer, rows) = try sample.begin(name, in: store)
        try writer.append(rows)
        #expect(try writer.finish().state == .complete)
        #expect(try store.summary(of: name).contentsSHA256 == hash)
      }
    }
    print("\(damaged) of 200 stores damaged, vectors lost at most: \(lost.max() ?? 0) of 184, in all: \(lost.reduce(0, +))")
    #expect(damaged > 20)
    // No more than stand on one page.
    #expect(lost.allSatisfy { $0 <= 24 })
  }

  @Test func `a damaged file is refused with the page and the cure`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("s")
    try DamageSample().write(to: path)
    let flips = try Flips(path)
    // The page number of the newer meta's main tree.
    let store = try FeatureStore(path)
    let newer = try withExtendedLifetime(store) { try store.environment.read { Int($0.content.transaction & 1) } }
    let copy = try flips.flip((newer * 4096 + 128) * 8 + 1)
    for mode in [FeatureStore.Mode.readOnly, .readWrite] {
      let error = #expect(throws: Failure.self) { try FeatureStore(copy, mode: mode) }
      #expect(error?.kind == .badData && error?.message.contains("page ") == true && error?.cure?.contains("store salvage") == true)
    }
  }

  /// Every record there is whole, and its checksum right.
  @Test func `a tree that leads to another view's pages is refused`() throws {
    let sample = try Sample(count: 300)
    for (name, sign) in [("a", Float(1)), ("b", -1)] {
      let writer = try FeatureStore(sample.path, mode: .readWrite).beginView(Sample.header(name), expectedIDs: sample.ids)
      var rows = sample.rows
      for index in rows.matrix.values.indices { rows.matrix.values[index] *= sign }
      try writer.append(rows)
      _ = try writer.finish()
    }
    _ = try FeatureStore.compact(sample.path)
    var bytes = Data(try FileBytes.read(sample.path + "/data.mdb"))
    let roots = try ["view:a", "view:b"].map { key in
      let end = try #require(bytes.range(of: Data(key.utf8))).upperBound
      return end + 40..<end + 48
    }
    bytes.replaceSubrange(roots[0], with: bytes[roots[1]])
    try bytes.write(to: URL(filePath: sample.path + "/data.mdb"))
    let error = #expect(throws: Failure.self) { try FeatureStore(sample.path).matrix("a") }
    #expect(error?.message.contains("belongs to two trees") == true, "\(String(describing: error))")
    let saved = try FeatureStore.salvage(sample.path, to: sample.folder.path("saved"))
    #expect(saved.views.map(\.name) == ["a", "b"])
    for (name, sign) in [("a", Float(1)), ("b", -1)] {
      let read = try FeatureStore(sample.folder.path("saved")).matrix(name, allowIncomplete: true)
      #expect(try read.matrix.values == sample.rows.rows(of: read.ids).values.map { $0 * sign })
    }
  }

  @Test func `whichever bit of a header was turned over, it is mended; two bits are not`() throws {
    let header = Sample.header()
    let json = Array(try header.json().utf8)
    func mended(_ bits: Int...) -> ViewHeader? {
      var copy = json
      for bit in bits { copy[bit / 8] ^= 1 << UInt8(bit % 8) }
      return copy.withUnsafeBytes { ViewHeader.mended($0, name: header.name, path: "s") }
    }
    for bit in 0..<json.count * 8 { #expect(mended(bit) == header, "bit \(bit)") }
    for bit in stride(from: 0, to: json.count * 8 - 9, by: 7) { #expect(mended(bit, bit + 9) == nil, "bits \(bit) and \(bit + 9)") }
    #expect([UInt8]().withUnsafeBytes { ViewHeader.mended($0, name: header.name, path: "s") } == nil)
  }

  @Test func `a header that lost one bit is refused, and mended by salvage`() throws {
    let sample = try Sample()
    let header = try sample.fill()
    let file = sample.path + "/data.mdb"
    var bytes = Data(try FileBytes.read(file))
    while let place = bytes.range(of: Data("\"channelMap\":\"rgby\"".utf8)) { bytes[place.upperBound - 2] ^= 0x08 }
    try bytes.write(to: URL(filePath: file))
    let error = #expect(throws: Failure.self) { try FeatureStore(sample.path).header(of: Sample.view) }
    #expect(error?.message.contains("its checksum is wrong") == true)
    let report = try FeatureStore.salvage(sample.path, to: sample.folder.path("saved"))
    #expect(report.views == [.init(name: Sample.view, saved: 200, expected: 200, state: .complete)] && report.damage.count == 1)
    #expect(try FeatureStore(sample.folder.path("saved")).header(of: Sample.view).lineage == header.lineage)
  }
}
