import Foundation
import HPACore
import HPATestSupport
import Testing

/// Everything that the program writes, held against `schemas/` by `check_outputs.py`. A new file needs a row in `schemas/README.md`, and a verb
/// here that writes it.
@Suite(.serialized, .enabled(if: Python.isPresent, "needs scripts/setup test")) struct SchemaTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Runs the program in a folder below the scratch folder.
  @discardableResult
  private func hpa(_ line: String, in name: String = "") throws -> String {
    let result = try Program.run(line.split(separator: " ").map(String.init), in: folder.path(name))
    #expect(result.status == 0, "hpa-feat \(line)\n\(result.standardError)")
    return result.standardOutput
  }

  private func expectSound(_ arguments: [String], at place: SourceLocation = #_sourceLocation) throws {
    let faults = try Python.runScript("Tests/HPACommandsTests/check_outputs.py", arguments)
    #expect(faults.isEmpty, "\(faults)", sourceLocation: place)
  }

  @Test func `Every schema is sound, says its version, and stands in the table of files`() throws {
    try expectSound(["schemas"])
  }

  // MARK: Project folders

  @Test func `Every file of a project folder stands in the table of files, and is what its schema says`() throws {
    try makeProject()
    try runProject()
    try FileBytes.write(try hpa("report --json", in: "whole"), to: folder.path("report.json"))
    try FileBytes.write(try hpa("stack-train --json", in: "whole"), to: folder.path("stack.json"))
    try expectSound([
      "files", folder.path, "report.json=output.schema.json#/$defs/report", "stack.json=output.schema.json#/$defs/stack-train",
    ])
    try runTheRest()
    try leaveOutAnImage()
    try stopATraining()
    try expectSound(["tree", folder.path("whole"), folder.path("stopped")])
    for (file, line) in [
      ("results/run/stages.json", "run --dry-run"), ("results/evaluation.json", "report"), ("results/search.json", "report"),
      ("results/stack/stack.json", "report"),
      ("images/test/import.json", "import"),
      ("indexes/hpav18@a_f0.mine.faiss.json", "index show --index indexes/hpav18@a_f0.mine.faiss"),
    ] {
      try expectRefusal(ofNewerFormat: file, by: line)
    }
  }

  private static let yaml = """
    name: whole
    datasets:
      train: {images: data/train, labels: data/train.csv}
      test: {images: data/test, ids: data/sample_submission.csv, labels: data/truth/test_labels.csv}
      hpav18: {layout: hpav18, images: data/hpav18, ids: data/HPAv18.csv, labels: ../genes.csv}
    folds: {count: 2, seed: 3}
    models:
      a: {backbone: resnet18, size: 96, epochs: 1, batch: 8}
      b: {backbone: resnet18, size: 96, folds: [0], fold_seed: 5, epochs: 1, batch: 8}
    search: {model: a, gallery: hpav18, top: 4, known_pairs: data/truth/planted_pairs.csv}
    stack: {epochs: 2, batch: 8, learning_rate: 0.1, out_of_fold: true}
    thresholds: {min_count: 4, bootstrap: 40}
    blend: {folds: "best:1", members: {a: 1, b: 1, stack: 1}}

    """

  /// A project whose leak step meets conflicts: every gallery image is listed under a second gene, with other labels.
  private func makeProject() throws {
    try hpa("demo-data --out whole --train 48 --test 16 --gallery 24 --side 96")
    let gallery = try LabelTable(contentsOf: folder.path("whole/data/HPAv18.csv"))
    let rows = zip(gallery.ids, gallery.labels).map { "\($0),\($1)\nENSG00000000001_\($0),27\n" }
    try FileBytes.write("Id,Target\n" + rows.joined(), to: folder.path("genes.csv"))
    try FileBytes.write(Self.yaml, to: folder.path("whole/hpa.yaml"))
    // Cells of a network of seconds lie so close together that Faiss's rounding moves some across the tenth place; exact scores put them back.
    try FileBytes.write("factory: Flat\noversampling: 3\nminimum: {recall: 1}\n", to: folder.path("whole/indexes/mine.yaml"))
  }

  private func runProject() throws {
    for line in [
      "folds", "train", "extract", "index build --recipe mine", "search --top 4 --scan", "stack-train", "blend", "report",
    ] {
      try hpa(line, in: "whole")
    }
  }

  /// `run` after the single verbs, after a change of settings, and a replay.
  private func runTheRest() throws {
    try FileBytes.write(try hpa("run --dry-run --json", in: "whole"), to: folder.path("plan.json"))
    try hpa("run", in: "whole")
    try FileBytes.write(Self.yaml.replacing("epochs: 1,", with: "epochs: 2,"), to: folder.path("whole/hpa.yaml"))
    try hpa("run", in: "whole")
    let runs = try FileManager.default.contentsOfDirectory(atPath: folder.path("whole/results/runs")).filter { $0.hasSuffix(".json") }
      .sorted()
    try FileBytes.write(
      try hpa("run --replay results/runs/\(try #require(runs.first)) --out ../replayed --json", in: "whole"), to: folder.path("replay.json")
    )
    try expectSound([
      "files", folder.path, "plan.json=output.schema.json#/$defs/run-plan", "replay.json=output.schema.json#/$defs/run-replay",
    ])
  }

  /// Spoils one imported picture and makes its data set's features again.
  private func leaveOutAnImage() throws {
    let id = try ImageID.list(contentsOf: folder.path("whole/data/sample_submission.csv"))[0]
    try FileBytes.write("no picture", to: folder.path("whole/images/test/96/\(id)_green.png"))
    try hpa("store drop --view test@a_f0", in: "whole")
    try hpa("extract --on-error skip", in: "whole")
  }

  /// A second project: its training is interrupted after an epoch, and then an import meets a broken file.
  private func stopATraining() throws {
    try hpa("demo-data --out stopped --train 24 --test 4 --gallery 4 --side 96")
    let yaml = Self.yaml.replacing("epochs: 1,", with: "epochs: 10000,").replacing("labels: ../genes.csv", with: "labels: data/HPAv18.csv")
    try FileBytes.write(yaml, to: folder.path("stopped/hpa.yaml"))
    let state = folder.path("stopped/checkpoints/a_f0.resume.safetensors")
    let result = try Subprocess.run(Program.path, ["train", "--model", "a", "--fold", "0"], in: folder.path("stopped")) { process in
      while process.isRunning, !FileManager.default.fileExists(atPath: state) { sched_yield() }
      process.interrupt()
    }
    #expect(result.status == 130, "\(result.standardError)")
    let id = try ImageID.list(contentsOf: folder.path("stopped/data/train.csv"))[0]
    try FileBytes.write("no picture", to: folder.path("stopped/data/train/\(id)_red.png"))
    let summary = try hpa("import --on-error skip --force --json", in: "stopped")
    try FileBytes.write(summary, to: folder.path("import.json"))
    try expectSound(["files", folder.path, "import.json=output.schema.json#/$defs/import"])
  }

  private func expectRefusal(ofNewerFormat file: String, by line: String) throws {
    let path = folder.path("whole/" + file)
    let text = String(decoding: try FileBytes.read(path), as: UTF8.self)
    #expect(text.contains("\"format\" : 1"), "\(file)")
    try FileBytes.write(text.replacing("\"format\" : 1", with: "\"format\" : 2"), to: path)
    defer { try? FileBytes.write(text, to: path) }
    let result = try Program.run(line.split(separator: " ").map(String.init), in: folder.path("whole"))
    #expect(result.status == 65 && result.standardError.contains("has format 2; this program reads up to 1"), "\(result.standardError)")
    #expect(result.standardError.contains((file as NSString).lastPathComponent), "\(result.standardError)")
  }

  // MARK: Plain files

  /// A verb's line, and by file the schemas of what it writes; `-` is what it prints.
  private static let plainLines: [(line: String, files: KeyValuePairs<String, String>)] = [
    ("stats --labels labels.csv --json", ["-": "output.schema.json#/$defs/stats"]),
    ("backbones --json", ["-": "output.schema.json#/$defs/backbones"]),
    (
      "folds --labels labels.csv --count 3 --out folds.csv --json",
      ["-": "output.schema.json#/$defs/folds", "folds.csv": "folds.table.json"]
    ),
    ("folds --labels labels.csv --count 2 --scheme shuffle --out splits.csv", ["splits.csv": "splits.table.json"]),
    (
      "groups --features f.npy --ids ids.csv --min-score 0.3 --out groups.csv --json",
      [
        "-": "output.schema.json#/$defs/groups", "groups.csv": "groups.table.json",
        "groups_similarity.csv": "groups_similarity.table.json",
      ]
    ),
    (
      "search --queries f.npy --gallery g.npy --query-ids ids.csv --gallery-ids gids.csv --top 9 --known pairs.csv --scan --out m.csv --json",
      ["-": "output.schema.json#/$defs/search", "m.csv": "matches.table.json"]
    ),
    (
      "index build --gallery g.npy --gallery-ids gids.csv --recipe exact --out g.faiss --json",
      ["-": "output.schema.json#/$defs/index-build", "g.faiss.json": "index.schema.json"]
    ),
    ("index show --index g.faiss --json", ["-": "output.schema.json#/$defs/index-show"]),
    ("index recipes --json", ["-": "output.schema.json#/$defs/index-recipes"]),
    (
      "thresholds --scores s.npy --ids ids.csv --labels labels.csv --min-count 9 --bootstrap 40 --details d.csv --out t.csv --json",
      [
        "-": "output.schema.json#/$defs/thresholds", "t.csv": "thresholds.table.json", "d.csv": "threshold_details.table.json",
      ]
    ),
    (
      "thresholds --scores s.npy --ids ids.csv --method ratio --distribution labels.csv --details r.csv --out u.csv",
      ["u.csv": "thresholds.table.json", "r.csv": "threshold_details.table.json"]
    ),
    (
      "blend --member s.npy=1 --ids ids.csv --thresholds t.csv --leaks m.csv --gallery-labels glabels.csv --out b.csv --json",
      [
        "-": "output.schema.json#/$defs/blend", "b.csv": "submission.table.json", "b_without_leaks.csv": "submission.table.json",
        "b_changes.csv": "changes.table.json", "b_conflicts.csv": "conflicts.table.json",
      ]
    ),
    ("evaluate --submission b.csv --labels labels.csv --json", ["-": "output.schema.json#/$defs/evaluate"]),
    ("report --matches m.csv --known pairs.csv --plots p --json", ["-": "output.schema.json#/$defs/plots"]),
    (
      "store import --store s --view v@x --matrix f.npy --ids ids.csv --dataset v --origin noise --json",
      ["-": "output.schema.json#/$defs/header"]
    ),
    ("store ls --store s --json", ["-": "output.schema.json#/$defs/store-ls", "s/data.mdb": "view-header.schema.json"]),
    ("store show --store s --view v@x --json", ["-": "output.schema.json#/$defs/store-show"]),
    ("store verify --store s --json", ["-": "output.schema.json#/$defs/store-verify"]),
    ("store repair --store s --view v@x --json", ["-": "output.schema.json#/$defs/store-repair"]),
    ("store salvage --store s --out saved --json", ["-": "output.schema.json#/$defs/store-salvage"]),
    ("store merge --store s saved --json", ["-": "output.schema.json#/$defs/store-merge"]),
    ("store compact --store s --json", ["-": "output.schema.json#/$defs/store-compact"]),
    ("store export --store s --view v@x --out e.npy --ids e.csv", ["e.csv": "ids.table.json"]),
    ("store export --store s --view v@x --out x.csv", ["x.csv": "features.table.json"]),
    ("store export --store s --view v@x --out x.tsv", ["x.tsv": "features.table.json"]),
    ("store export --store s --view v@x --out x.safetensors", ["x.safetensors": "export.schema.json"]),
  ]

  @Test func `Files and JSON of the verbs on plain files are what their schemas say`() throws {
    var fixture = try Fixture(seed: testSeed())
    try fixture.matrix("f.npy", rows: 40, columns: 16)
    try fixture.matrix("g.npy", rows: 60, columns: 16)
    try fixture.scores("s.npy", rows: 40)
    try fixture.ids("ids.csv", 40)
    try fixture.ids("gids.csv", 60, prefix: "g")
    try fixture.text("labels.csv", "Id,Target\n" + (0..<40).map { "i\($0),\($0 % 5) 25\n" }.joined())
    try fixture.text("glabels.csv", "Id,Target\n" + (0..<60).map { "g\($0),3\nENSG00000000001_g\($0),27\n" }.joined())
    try fixture.text("pairs.csv", "query,gallery\ni1,g2\ni3,g4\n")
    var pairs: [String] = []
    for (number, (line, files)) in Self.plainLines.enumerated() {
      let result = try Program.run(line.split(separator: " ").map(String.init), in: fixture.folder.path)
      #expect(result.status == 0, "hpa-feat \(line)\n\(result.standardError)")
      try fixture.text("printed-\(number).json", result.standardOutput)
      pairs += files.map { ($0.key == "-" ? "printed-\(number).json" : $0.key) + "=" + $0.value }
    }
    try expectSound(["files", fixture.folder.path] + pairs)
  }
}
