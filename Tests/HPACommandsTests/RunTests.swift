import Foundation
import HPACore
import HPAStore
import HPATestSupport
import HPATorch
import Testing

/// A project whose stages take a second each.
struct RunProject {
  let folder: TemporaryFolder

  static let yaml = """
    name: tiny
    datasets:
      train: {images: data/train, labels: data/train.csv}
      test: {images: data/test, ids: data/sample_submission.csv, labels: data/truth/test_labels.csv}
      hpav18: {layout: hpav18, images: data/hpav18, labels: data/HPAv18.csv}
    folds: {count: 2, seed: 3}
    models:
      r18: {backbone: resnet18, size: 96, folds: [0], epochs: 1, batch: 8}
    search: {model: r18, gallery: hpav18, top: 2, known_pairs: data/truth/planted_pairs.csv}
    stack: {epochs: 2, batch: 8, learning_rate: 0.1}
    thresholds: {min_count: 4}
    blend: {members: {r18: 1, stack: 1}}

    """

  init(yaml: String = Self.yaml, folder: TemporaryFolder? = nil) throws {
    self.folder = try folder ?? TemporaryFolder()
    try hpa("demo-data --out . --train 40 --test 8 --gallery 12 --side 96")
    try write(yaml)
  }

  func path(_ name: String) -> String { folder.path(name) }
  func write(_ yaml: String) throws { try FileBytes.write(yaml, to: path("hpa.yaml")) }

  @discardableResult
  func hpa(_ line: String, status: Int32 = 0) throws -> Subprocess.Result {
    let result = try Program.run(line.split(separator: " ").map(String.init), in: folder.path)
    #expect(result.status == status, "hpa-feat \(line)\n\(result.standardError)")
    return result
  }

  /// The stages that a dry run would do, with the reasons.
  func stale() throws -> [String: [String]] {
    struct Plan: Decodable {
      struct Step: Decodable {
        let stage: String
        let reasons: [String]
        let seconds: Double?
      }
      let steps: [Step]
    }
    let text = try hpa("run --dry-run --json").standardOutput
    let plan = try JSONDecoder().decode(Plan.self, from: Data(text.utf8))
    for step in plan.steps { #expect(step.reasons.isEmpty == (step.seconds == nil)) }
    return Dictionary(uniqueKeysWithValues: plan.steps.filter { !$0.reasons.isEmpty }.map { ($0.stage, $0.reasons) })
  }

  /// The stages that `run` did.
  func run() throws -> [String] {
    let talk = try hpa("run").standardError
    return talk.split(separator: "\n").filter { $0.hasPrefix("== ") }.map { String($0.dropFirst(3).prefix { $0 != "(" }.dropLast()) }
  }

  var manifests: [String] {
    get throws {
      try FileManager.default.contentsOfDirectory(atPath: path("results/runs")).filter { $0.hasSuffix(".json") }.sorted()
        .map { "results/runs/\($0)" }
    }
  }
}

@Suite(.serialized) struct RunTests {
  @Test func `A run does what is stale and nothing else, says why, and a blend is replayed to the same bytes`() throws {
    let project = try RunProject()
    #expect(try project.stale().count == 12)
    #expect(!FileManager.default.fileExists(atPath: project.path("results")), "a dry run writes")
    #expect(try project.run().count == 12)
    #expect(try project.stale().isEmpty)
    #expect(try project.run().isEmpty)
    let submission = try FileBytes.read(project.path("results/submission.csv"))
    let first = try #require(try project.manifests.first)

    // A setting of the leak step touches what follows on it alone.
    try project.write(RunProject.yaml.replacing("top: 2", with: "top: 1"))
    #expect(try project.stale() == ["search": ["top: 2 then, 1 now"], "blend": ["after search"], "report": ["after blend"]])
    #expect(try project.run() == ["search", "blend", "report"])
    #expect(try FileBytes.read(project.path("results/submission.csv")) != submission)

    // Other weights: the old ones are kept, features are made anew.
    try project.write(RunProject.yaml.replacing("epochs: 1, batch: 8", with: "epochs: 1, batch: 10"))
    let checkpoint = try FileBytes.read(project.path("checkpoints/r18_f0.safetensors"))
    #expect(try project.stale()["train r18 fold 0"] == ["batch: 8 then, 10 now"])
    #expect(try project.run().first == "train r18 fold 0")
    let kept = try FileManager.default.contentsOfDirectory(atPath: project.path("checkpoints/replaced")).filter {
      $0.hasSuffix(".safetensors")
    }
    #expect(try kept.map { try FileBytes.read(project.path("checkpoints/replaced/\($0)")) } == [checkpoint])

    // The first run's blend, though its features and networks are gone.
    try project.hpa("run --replay \(first) --out replayed")
    #expect(try FileBytes.read(project.path("replayed/submission.csv")) == submission)
    try damageAnObject(project, of: first)
  }

  private func damageAnObject(_ project: RunProject, of manifest: String) throws {
    let text = String(decoding: try FileBytes.read(project.path(manifest)), as: UTF8.self)
    let name = try #require(text.firstMatch(of: /"scores" : "([0-9a-f]+.npy)"/)?.1)
    let object = project.path("results/runs/objects/\(name)")
    var bytes = try FileBytes.read(object)
    bytes[bytes.count - 1] ^= 1
    try FileBytes.write(bytes, to: object)
    let refused = try project.hpa("run --replay \(manifest) --out again", status: 65)
    #expect(refused.standardError.contains(name))
  }

  @Test func `What comes out as before ends the chain; a changed image, a lost file and a repaired view are noticed`() throws {
    let project = try RunProject()
    _ = try project.run()

    let images = try FileManager.default.contentsOfDirectory(atPath: project.path("data/test")).filter { $0.hasSuffix("_red.png") }.sorted()
    let (one, other) = (project.path("data/test/\(images[0])"), project.path("data/test/\(images[1])"))
    let bytes = try FileBytes.read(one)
    try FileBytes.write(bytes, to: one)  // the same bytes, another time
    #expect(try project.stale()["import test"] == ["of 8 images, 1 changed since"])
    #expect(try project.run() == ["import test"])

    try FileBytes.write(try FileBytes.read(other), to: one)
    // The report follows where the scores come out differently.
    #expect(try project.run().prefix(5) == ["import test", "extract test@r18_f0", "search", "stack-train", "blend"])

    try FileManager.default.removeItem(atPath: project.path("results/matches.csv"))
    #expect(
      try project.stale()["search"] == [
        "\(project.path("results/matches.csv")) is missing or not whole".replacing(project.folder.path + "/", with: "")
      ])
    #expect(try project.run() == ["search"], "the same matches come out")

    let before = try FeatureStore(project.path("features.lmdb")).summary(of: "test@r18_f0").contentsSHA256
    try project.hpa("store drop --store features.lmdb --view test@r18_f0")
    #expect(try project.run() == ["extract test@r18_f0"])
    #expect(try FeatureStore(project.path("features.lmdb")).summary(of: "test@r18_f0").contentsSHA256 == before)

    let labels = String(decoding: try FileBytes.read(project.path("data/HPAv18.csv")), as: UTF8.self)
    try FileBytes.write(labels.replacing("\n", with: "\r\n"), to: project.path("data/HPAv18.csv"))
    #expect(try project.stale()["blend"] == ["labels of hpav18 changed"])
    #expect(try project.run() == ["blend"], "the same labels")
  }

  @Test func `Verbs that were typed by hand are taken over, and a run in another way than theirs is refused`() throws {
    let project = try RunProject()
    for verb in ["import", "train", "extract"] { try project.hpa(verb) }
    let checkpoint = try FileBytes.read(project.path("checkpoints/r18_f0.safetensors"))
    let result = try project.hpa("run")
    #expect(result.standardOutput.contains("is there already") && result.standardOutput.contains("40 images, 0 of them new"))
    #expect(try FileBytes.read(project.path("checkpoints/r18_f0.safetensors")) == checkpoint)

    if try TorchLibrary.cudaDevices() == 0 { try project.hpa("run --device cuda", status: 69) }
    #expect(try FileBytes.read(project.path("checkpoints/r18_f0.safetensors")) == checkpoint)

    try FileManager.default.removeItem(atPath: project.path("results/run/stages.json"))
    try project.write(RunProject.yaml.replacing("epochs: 1, batch: 8", with: "epochs: 2, batch: 8"))
    let refused = try project.hpa("run", status: 65)
    #expect(refused.standardError.contains("epochs: 1 then, 2 now"), "\(refused.standardError)")
    #expect(try FileBytes.read(project.path("checkpoints/r18_f0.safetensors")) == checkpoint)
    let manifest = String(decoding: try FileBytes.read(project.path(try #require(try project.manifests.last))), as: UTF8.self)
    #expect(manifest.contains("\"outcome\" : \"failed\""))
  }

  @Test func `Ctrl-C ends a run with 130, and a second run at the same time is refused`() throws {
    let project = try RunProject()
    let stopped = try Subprocess.run(Program.path, ["run"], in: project.folder.path) { process in
      while !FileManager.default.fileExists(atPath: project.path("results/run/stages.json")) { usleep(1000) }
      let second = try Program.run(["run"], in: project.folder.path)
      #expect(second.status == 69, "\(second.standardError)")
      process.interrupt()
    }
    #expect(stopped.status == 130, "\(stopped.standardError)")
    let manifest = String(decoding: try FileBytes.read(project.path(try #require(try project.manifests.last))), as: UTF8.self)
    #expect(manifest.contains("\"outcome\" : \"interrupted\""))
    _ = try project.run()
    #expect(try project.stale().isEmpty)
  }
}

/// `kill -9` at random moments of `run`. HPA_KILLS says how many of all kinds, HPA_TEST_SEED which.
@Suite(.serialized) struct KilledRunTests {
  private static let views = ["train@r18_f0", "test@r18_f0", "hpav18@r18_f0"]
  private static let results = [
    "submission.csv", "submission_without_leaks.csv", "thresholds.csv", "evaluation.json", "matches.csv", "folds.csv",
  ]

  @Test func `A run that is killed at random moments loses nothing, and ends as an uninterrupted one`() throws {
    let seed = testSeed()
    var generator = SeededGenerator(seed: seed, stream: "kills")
    let whole = try RunProject()
    let duration = try ContinuousClock().measure { _ = try whole.run() }.seconds
    let (kills, wanted) = (Kills.share(2), try outcome(of: whole))
    var (killed, rounds) = (0, 0)
    while killed < kills {
      rounds += 1
      let project = try RunProject()
      var before: [String: Int] = [:]
      while killed < kills {
        let delay = Double.random(in: 0...1.1, using: &generator) * duration
        let result = try Program.shell("timeout -s KILL \(delay) \"$hpa\" run", in: project.folder.path)
        guard result.status != 0 else { break }
        #expect([SIGKILL, 128 + SIGKILL].contains(result.status), "\(result.standardError)")
        killed += 1
        let now = try counts(project)
        for (view, count) in before { #expect(now[view, default: 0] >= count, "committed vectors of \(view) are lost") }
        before = now
      }
      _ = try project.run()
      #expect(try outcome(of: project) == wanted)
      #expect(try project.stale().isEmpty)
      let leftovers = FileManager.default.enumerator(atPath: project.folder.path)?.compactMap { $0 as? String } ?? []
      #expect(leftovers.filter { $0.contains(".part-") } == [])
    }
    print("\(killed) kills of run in \(rounds) rounds")
  }

  /// How many vectors each view has, all of them sound.
  private func counts(_ project: RunProject) throws -> [String: Int] {
    guard let size = FileStamp(of: project.path("features.lmdb/data.mdb"))?.bytes, size > 0 else { return [:] }
    let store = try FeatureStore(project.path("features.lmdb"))
    return Dictionary(
      uniqueKeysWithValues: try store.views().map { view in
        #expect(try store.verify(view.name).isSound)
        return (view.name, try store.count(of: view.name))
      })
  }

  private func outcome(of project: RunProject) throws -> [String: [UInt8]] {
    var files = Self.results.map { "results/\($0)" } + ["checkpoints/r18_f0.safetensors"]
    for view in Self.views {
      try project.hpa("store export --store features.lmdb --view \(view) --out \(view).npy --ids \(view).csv")
      files += ["\(view).npy", "\(view).csv"]
    }
    return Dictionary(uniqueKeysWithValues: try files.map { ($0, try FileBytes.read(project.path($0))) })
  }
}
