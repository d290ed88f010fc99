import Foundation
import HPABackbones
import HPACore
import HPAStore
import HPATestSupport
import HPATorch
import Testing

/// `kill -9` at random moments. HPA_KILLS says how many, HPA_TEST_SEED which.
@Suite(.serialized) struct KillTests {
  private static let view = "v@k"

  @Test func `A merge that is killed at random moments loses nothing, doubles nothing, and ends as an uninterrupted one`() throws {
    let seed = testSeed()
    var fixture = try Fixture(seed: seed)
    let count = 24_000
    // One import fixes the ids of the view; each shard takes a half of its vectors.
    let ids = (0..<count).map { ImageID("\(100_000 + $0 * 7919 % 100_003)_57_F11") }
    let rows = try NamedRows(ids: ids, matrix: try fixture.matrix("m.npy", rows: count, columns: 64))
    let header = ViewHeader(
      name: Self.view, dataset: "v", dimension: 64, origin: .import, lineage: Lineage(declaredOrigin: "noise", programVersion: "1"),
      command: "test")
    for (shard, part) in [("s0", 0..<count * 3 / 5), ("s1", count * 2 / 5..<count)] {
      let part = Array(part)
      let rows = try NamedRows(ids: part.map { ids[$0] }, matrix: rows.matrix.selecting(rows: part))
      let writer = try FeatureStore(fixture.path(shard), mode: .readWrite).beginView(header, expectedIDs: ids, part: rows.ids)
      try writer.append(rows)
      _ = try writer.finish()
    }
    let job = KillJob(
      folder: fixture.folder, view: Self.view, ids: ids, command: { "store merge --store \($0) s0 s1" },
      truth: { id in try rows.rows(of: [id]).values })
    try job.run(kills: Kills.share(0), seed: seed)
  }

  @Test func `An extraction that is killed at random moments loses nothing, doubles nothing, and ends as an uninterrupted one`() throws {
    let seed = testSeed()
    let folder = try TemporaryFolder()
    let made = try Program.run(
      "demo-data --out . --train 80 --test 2 --gallery 2 --side 96".split(separator: " ").map(String.init), in: folder.path)
    #expect(made.status == 0, "\(made.standardError)")
    try RandomCheckpoint.write(backbone: "xception", size: 96, seed: 1, to: folder.path("c.safetensors"))
    let job = KillJob(
      folder: folder, view: Self.view, ids: try ImageID.list(contentsOf: folder.path("data/train.csv")),
      command: { "extract --images data/train --ids data/train.csv --checkpoint c.safetensors --batch 4 --store \($0) --view v@k" },
      truth: nil)
    try job.run(kills: Kills.share(1), seed: seed)
  }
}

/// How often is killed: HPA_KILLS times in all, spread over three kinds of work.
enum Kills {
  private static let count = ProcessInfo.processInfo.environment["HPA_KILLS"].flatMap(Int.init) ?? 16

  static func share(_ kind: Int) -> Int { (count + 2 - kind) / 3 }
}

/// A command that fills one view, run until it ends while it is killed at random moments.
private struct KillJob {
  let folder: TemporaryFolder
  let view: String
  let ids: [ImageID]
  /// The line that fills the store of this name.
  let command: (String) -> String
  /// The vector of an image; nil takes it from the uninterrupted run.
  let truth: ((ImageID) throws -> [Float])?

  func run(kills: Int, seed: UInt64) throws {
    let clock = ContinuousClock()
    let duration = try clock.measure { try self.finish("whole") }.seconds
    let whole = try export("whole")
    let expected = try FeatureStore(folder.path("whole")).matrix(view)
    if let truth { for id in ids.prefix(100) { #expect(try expected.rows(of: [id]).values == truth(id)) } }
    var generator = SeededGenerator(seed: seed, stream: "kills")
    var (killed, round, between) = (0, 0, 0)
    while killed < kills {
      round += 1
      let store = "killed-\(round)"
      var before = 0
      while killed < kills {
        let delay = Double.random(in: 0...1.1, using: &generator) * duration
        let result = try Program.shell("timeout -s KILL \(delay) \"$hpa\" \(command(store))", in: folder.path)
        guard result.status != 0 else { break }
        #expect([SIGKILL, 128 + SIGKILL].contains(result.status), "\(result.standardError)")
        killed += 1
        let now = try check(store, expected)
        #expect(now >= before, "committed vectors are lost: \(before), then \(now)")
        if now > before, now < ids.count { between += 1 }
        before = now
      }
      try finish(store)
      #expect(try export(store) == whole)
      try FileManager.default.removeItem(atPath: folder.path(store))
    }
    print("\(killed) kills in \(round) rounds, \(between) of them between two commits")
  }

  private func finish(_ store: String) throws {
    let result = try Program.shell("\"$hpa\" \(command(store))", in: folder.path)
    #expect(result.status == 0, "\(result.standardError)")
  }

  /// How many vectors are there, all of them whole and right.
  private func check(_ name: String, _ expected: NamedRows<Float>) throws -> Int {
    guard FileManager.default.fileExists(atPath: folder.path(name) + "/data.mdb") else { return 0 }
    let store: FeatureStore
    do {
      store = try FeatureStore(folder.path(name))
    } catch let failure as Failure where failure.message.contains("is empty") {
      return 0
    }
    guard try store.views().contains(where: { $0.name == view }) else { return 0 }
    #expect(try store.verify(view).isSound)
    let read = try store.matrix(view, allowIncomplete: true)
    #expect(Set(read.ids).count == read.ids.count)
    #expect(try read.matrix == expected.rows(of: read.ids))
    #expect(try store.header(of: view).state == .writing || read.ids.count == ids.count)
    return read.ids.count
  }

  private func export(_ store: String) throws -> [[UInt8]] {
    let result = try Program.shell("\"$hpa\" store export --store \(store) --view \(view) --out e.npy --ids e.csv", in: folder.path)
    #expect(result.status == 0, "\(result.standardError)")
    return try ["e.npy", "e.csv"].map { try FileBytes.read(folder.path($0)) }
  }
}
