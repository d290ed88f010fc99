import Foundation
import HPACore
import HPATestSupport

/// A folder with one small input of every kind, and for every verb a command that works on them.
///
/// It is made once; each trial works in a copy. A verb that is missing here fails `MisfortuneTests`.
struct Workbench {
  /// A command that works, and which of its words are files.
  struct Job: Sendable, CustomStringConvertible {
    let verb: String
    let options: String
    /// Options that name what is written.
    let outputs: [String]
    /// Options that name a file that is read; folders and stores have their own tests.
    let inputs: [String]
    /// Whether it needs LibTorch, which takes a second to load.
    let isHeavy: Bool

    init(_ verb: String, _ options: String, outputs: [String] = [], inputs: [String] = [], isHeavy: Bool = false) {
      (self.verb, self.options, self.outputs, self.inputs, self.isHeavy) = (verb, options, outputs, inputs, isHeavy)
    }

    var description: String { verb }
    var line: String { "\(verb) \(options)" }

    /// The value of an option, the first one where it is repeated.
    func value(of option: String) -> String {
      let words = line.split(separator: " ").map(String.init)
      return words.firstIndex(of: option).map { words[$0 + 1] } ?? ""
    }

    /// The command with another value of an option.
    func replacing(_ option: String, with value: String) -> String {
      line.replacing("\(option) \(self.value(of: option))", with: "\(option) \(value)", maxReplacements: 1)
    }
  }

  static let jobs: [Job] = [
    Job("backbones", ""),
    Job("demo-data", "--out new --train 2 --test 1 --gallery 1 --side 64"),
    Job("import", "--layout kaggle-png --images img --ids ids.csv --sizes 32 --out new", inputs: ["--ids"]),
    Job("stats", "--labels labels.csv", inputs: ["--labels"]),
    Job(
      "folds", "--labels labels.csv --count 2 --groups groups.csv --out new.csv", outputs: ["--out"], inputs: ["--labels", "--groups"]),
    Job(
      "train",
      "--images img --labels labels.csv --folds folds.csv --fold 0 --backbone resnet18 --size 96 --epochs 1 --batch 2 --init c.safetensors "
        + "--out new.safetensors",
      outputs: ["--out"], inputs: ["--labels", "--folds", "--init"], isHeavy: true),
    Job(
      "extract", "--images img --ids ids.csv --checkpoint c.safetensors --store new.lmdb --view a@c", inputs: ["--ids", "--checkpoint"],
      isHeavy: true),
    Job(
      "predict", "--images img --ids ids.csv --checkpoint c.safetensors --out new.npy", outputs: ["--out"],
      inputs: ["--ids", "--checkpoint"], isHeavy: true),
    Job("store ls", "--store f.lmdb"),
    Job("store show", "--store f.lmdb --view q@x"),
    Job("store verify", "--store f.lmdb"),
    Job("store repair", "--store f.lmdb --view q@x"),
    Job("store salvage", "--store f.lmdb --out new.lmdb"),
    Job("store export", "--store f.lmdb --view q@x --out new.npy --ids newids.csv", outputs: ["--out", "--ids"]),
    Job(
      "store import", "--store f.lmdb --view n@x --matrix q.npy --ids ids.csv --dataset n --origin test", inputs: ["--matrix", "--ids"]),
    Job("store merge", "--store new.lmdb f.lmdb"),
    Job("store compact", "--store f.lmdb"),
    Job("store drop", "--store f.lmdb --view q@x"),
    Job(
      "search",
      "--queries q.npy --gallery g.npy --query-ids ids.csv --gallery-ids gids.csv --known groups.csv --top 3 --out new.csv",
      outputs: ["--out"], inputs: ["--queries", "--gallery", "--query-ids", "--gallery-ids", "--known"]),
    Job(
      "index build", "--gallery g.npy --gallery-ids gids.csv --recipe recipe.yaml --out new.faiss",
      inputs: ["--gallery", "--gallery-ids", "--recipe"]),
    Job("index show", "--index g.faiss"),
    Job("index recipes", ""),
    Job(
      "groups", "--features q.npy --ids ids.csv --with g.npy --with-ids gids.csv --min-score 0.5 --out new.csv", outputs: ["--out"],
      inputs: ["--features", "--ids", "--with", "--with-ids"]),
    Job(
      "stack-train", "--features q.npy --ids ids.csv --labels labels.csv --folds folds.csv --epochs 1 --batch 2 --out new",
      inputs: ["--features", "--ids", "--labels", "--folds"], isHeavy: true),
    Job(
      "stack-predict", "--stack stack --features q.npy --ids ids.csv --out new.npy", outputs: ["--out"],
      inputs: ["--features", "--ids"], isHeavy: true),
    Job(
      "thresholds", "--scores s.npy --ids ids.csv --labels labels.csv --min-count 1 --out new.csv --details more.csv",
      outputs: ["--out", "--details"], inputs: ["--scores", "--ids", "--labels"]),
    Job(
      "blend", "--member s.npy=1 --ids ids.csv --thresholds t.csv --leaks m.csv --gallery-labels gl.csv --out new.csv", outputs: ["--out"],
      inputs: ["--ids", "--thresholds", "--leaks", "--gallery-labels"]),
    Job(
      "evaluate", "--scores s.npy --ids ids.csv --labels labels.csv --thresholds t.csv",
      inputs: ["--scores", "--ids", "--labels", "--thresholds"]),
    Job(
      "report", "--scores s.npy --ids ids.csv --labels labels.csv --thresholds t.csv --matches m.csv --known groups.csv --plots new",
      inputs: ["--scores", "--ids", "--labels", "--thresholds", "--matches", "--known"]),
    Job("run", "--project p --dry-run"),
  ]

  private static let master = Result { try make() }

  let folder: TemporaryFolder

  /// A copy of the folder for one trial.
  init() throws {
    folder = try TemporaryFolder()
    let made = try Subprocess.run("/bin/cp", ["-r", "--reflink=auto", try Self.master.get().path + "/.", folder.path])
    precondition(made.status == 0, made.standardError)
  }

  func path(_ name: String) -> String { folder.path(name) }

  /// Runs the program by a shell line; `$hpa` is the program. It ends after a minute, whatever happens.
  func run(_ line: String, redirecting: String = "") throws -> Subprocess.Result {
    try Program.shell("timeout --kill-after 5 60 \"$hpa\" \(line) \(redirecting)", in: folder.path)
  }

  var names: [String] { (FileManager.default.subpaths(atPath: folder.path) ?? []).sorted() }

  // MARK: The inputs

  private static func make() throws -> TemporaryFolder {
    var fixture = try Fixture(seed: 7)
    try FileBytes.makeFolder(fixture.path("p"))
    func hpa(_ line: String) throws {
      let result = try Program.run(line.split(separator: " ").map(String.init), in: fixture.folder.path)
      guard result.status == 0 else { throw Failure(.software, "hpa-feat \(line): \(result.standardError)") }
    }
    try hpa("demo-data --out p --train 8 --test 2 --gallery 2 --side 96")
    try FileManager.default.moveItem(atPath: fixture.path("p/data/train"), toPath: fixture.path("img"))
    let table = try LabelTable(contentsOf: fixture.path("p/data/train.csv"))
    try fixture.text(
      "p/hpa.yaml",
      "name: p\ndatasets: {train: {images: img, labels: data/train.csv}, test: {images: img, ids: data/train.csv}}\n"
        + "folds: {count: 2}\nmodels: {a: {backbone: resnet18, size: 96, epochs: 1}}\n")
    let ids = table.ids.map(\.text)
    try fixture.text("ids.csv", "Id\n" + ids.map { $0 + "\n" }.joined())
    try fixture.text("labels.csv", "Id,Target\n" + ids.enumerated().map { "\($1),\($0 % 2)\n" }.joined())
    try fixture.text("groups.csv", "query,gallery\n\(ids[0]),\(ids[1])\n")
    try fixture.ids("gids.csv", 20, prefix: "g")
    try fixture.text("gl.csv", "Id,Target\n" + (0..<20).map { "g\($0),\($0 % 28)\n" }.joined())
    try fixture.text("m.csv", "query,gallery,score,rank\n\(ids[0]),g3,0.9,1\n")
    try fixture.text("t.csv", "class,threshold\n" + (0..<28).map { "\($0),0.5\n" }.joined())
    try fixture.text("recipe.yaml", "factory: Flat\nminimum: {recall: 0.9}\n")
    try fixture.matrix("q.npy", rows: ids.count, columns: 128)
    try fixture.matrix("g.npy", rows: 20, columns: 128)
    try fixture.scores("s.npy", rows: ids.count)
    try RandomCheckpoint.write(backbone: "resnet18", size: 96, seed: 3, to: fixture.path("c.safetensors"))
    try hpa("folds --labels labels.csv --count 2 --out folds.csv")
    for view in ["q", "r"] {
      try hpa("store import --store f.lmdb --view \(view)@x --matrix q.npy --ids ids.csv --dataset q --origin test")
    }
    try hpa("index build --gallery g.npy --recipe recipe.yaml --out g.faiss")
    try hpa("stack-train --features q.npy --ids ids.csv --labels labels.csv --folds folds.csv --epochs 1 --batch 2 --out stack")
    return fixture.folder
  }
}
