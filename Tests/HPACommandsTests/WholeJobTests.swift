import Foundation
import HPABackbones
import HPACore
import HPATestSupport
import HPATorch
import Testing

/// Stain files in, submission out, through the program as a user runs it.
@Suite(.serialized) struct WholeJobTests {
  /// Runs the program and records an issue unless it ends well.
  @discardableResult
  private func hpa(_ line: String, in folder: TemporaryFolder) throws -> Subprocess.Result {
    let result = try Program.run(line.split(separator: " ").map(String.init), in: folder.path)
    #expect(result.status == 0, "hpa-feat \(line)\n\(result.standardError)")
    return result
  }

  @Test(.enabled(if: SharedData.has("images/hpav18-jpeg"), "needs ../shared/data"))
  func `The real grey field finds its own JPEG first`() throws {
    let folder = try TemporaryFolder()
    let images = SharedData.path("images")
    try RandomCheckpoint.write(backbone: "inceptionv3", size: 256, seed: 11, to: folder.path("c.safetensors"))
    try hpa("import --layout hpav18 --images \(images)/hpav18-jpeg --sizes 256 --out hpav18", in: folder)
    try hpa("import --layout kaggle-png --images \(images)/grey-png --sizes 256 --out grey", in: folder)
    try hpa("import --layout kaggle-png --images \(images)/kaggle-png-2048 --sizes 256 --out kaggle", in: folder)
    for (name, ids) in [
      ("hpav18", ["10008_57_F11_1", "11088_89_B5_1", "30741_800_A6_1"]), ("grey", ["57_F11_1"]),
      ("kaggle", ["000a6c98-bb9b-11e8-b2b9-ac1f6b6435d0", "5c27f04c-bb99-11e8-b2b9-ac1f6b6435d0"]),
    ] {
      try FileBytes.write("Id\n" + ids.map { $0 + "\n" }.joined(), to: folder.path("\(name).csv"))
      try hpa(
        "extract --images \(name)/256 --ids \(name).csv --checkpoint c.safetensors --store features.lmdb --view \(name)@random", in: folder)
    }
    try hpa("store export --store features.lmdb --view hpav18@random --out h.npy --ids h.csv", in: folder)
    try hpa("store export --store features.lmdb --view kaggle@random --out k.npy --ids k.csv", in: folder)
    try hpa("search --queries grey@random --gallery hpav18@random --store features.lmdb --k 3 --out matches.csv", in: folder)
    let matches = try CSVTable(contentsOf: folder.path("matches.csv"))
    #expect(matches.rows.map { $0[0] } == Array(repeating: "57_F11_1", count: 3))
    #expect(matches.rows.first?[1] == "10008_57_F11_1")
    // A network that was never trained gives all images nearly one direction; less the gallery's mean, only the two encodings are alike.
    let groups = try hpa(
      "groups --features grey@random --with hpav18@random --store features.lmdb --standardise gallery --min-score 0.5 --out groups.csv",
      in: folder)
    print(groups.standardOutput)
    #expect(
      String(decoding: try FileBytes.read(folder.path("groups.csv")), as: UTF8.self)
        == "Id,Group\n10008_57_F11_1,10008_57_F11_1\n57_F11_1,10008_57_F11_1\n")
  }

  @Test(arguments: ["inceptionv3", "inceptionv4", "xception"])
  func `In bfloat16 the image most like a planted one is that of float32`(_ backbone: String) throws {
    let folder = try TemporaryFolder()
    try hpa("demo-data --out . --train 2 --test 60 --gallery 40 --side 160", in: folder)
    try RandomCheckpoint.write(backbone: backbone, size: 160, seed: 5, to: folder.path("c.safetensors"))
    var nearest: [[String: String]] = []
    for precision in ["fp32", "bf16"] {
      for (view, ids) in [("test", "sample_submission.csv"), ("hpav18", "HPAv18.csv")] {
        try hpa(
          "extract --images data/\(view) --ids data/\(ids) --checkpoint c.safetensors --precision \(precision) --store f.lmdb --view \(view)@\(precision)",
          in: folder)
      }
      try hpa(
        "search --queries test@\(precision) --gallery hpav18@\(precision) --store f.lmdb --standardise gallery --k 1 --out \(precision).csv",
        in: folder)
      let matches = try CSVTable(contentsOf: folder.path("\(precision).csv")).rows
      nearest.append(Dictionary(uniqueKeysWithValues: matches.map { ($0[0], $0[1]) }))
    }
    let planted = try CSVTable(contentsOf: folder.path("data/truth/planted_pairs.csv")).rows
    let found = planted.count { nearest[0][$0[0]] == $0[1] }
    print("\(backbone): \(found) of \(planted.count) planted pairs lie at the top")
    #expect(found > 0)
    for pair in planted { #expect(nearest[0][pair[0]] == nearest[1][pair[0]], "\(pair.fields)") }
  }

  @Test func `A killed extraction goes on and ends as an uninterrupted one`() throws {
    let folder = try TemporaryFolder()
    try hpa("demo-data --out . --train 60 --test 4 --gallery 4 --side 96", in: folder)
    try RandomCheckpoint.write(backbone: "xception", size: 96, seed: 1, to: folder.path("c.safetensors"))
    let line = "extract --images data/train --ids data/train.csv --checkpoint c.safetensors --batch 4"
    try hpa("\(line) --store whole.lmdb --view train@c", in: folder)
    for seconds in ["0.8", "1.1", "1.4"] {
      _ = try Program.shell("timeout -s KILL \(seconds) \"$hpa\" \(line) --store killed.lmdb --view train@c", in: folder.path)
    }
    try hpa("\(line) --store killed.lmdb --view train@c", in: folder)
    for store in ["whole", "killed"] {
      try hpa("store export --store \(store).lmdb --view train@c --out \(store).npy --ids \(store).csv", in: folder)
    }
    #expect(try FileBytes.read(folder.path("whole.npy")) == FileBytes.read(folder.path("killed.npy")))
    #expect(try FileBytes.read(folder.path("whole.csv")) == FileBytes.read(folder.path("killed.csv")))
    let other = try Program.run(
      "\(line) --store killed.lmdb --view train@c --channels rgbb".split(separator: " ").map(String.init), in: folder.path)
    #expect(other.status == 65 && other.standardError.contains("channel map"), "\(other.standardError)")
  }

  @Test func `An unreadable image stops an extraction, or stands in the list of rejects and leaves the view incomplete`() throws {
    let folder = try TemporaryFolder()
    try hpa("demo-data --out . --train 6 --test 2 --gallery 2 --side 96", in: folder)
    try RandomCheckpoint.write(backbone: "inceptionv3", size: 96, seed: 1, to: folder.path("c.safetensors"))
    let broken = try ImageID.list(contentsOf: folder.path("data/train.csv"))[2]
    let file = folder.path("data/train/\(broken)_green.png")
    try FileBytes.write(Array(try FileBytes.read(file).prefix(200)), to: file)
    let line = "extract --images data/train --ids data/train.csv --checkpoint c.safetensors --store s.lmdb --view train@c"
    let failed = try Program.run(line.split(separator: " ").map(String.init), in: folder.path)
    #expect(failed.status == 65 && failed.standardError.contains("\(broken)_green.png"), "\(failed.standardError)")
    let skipped = try hpa("\(line) --on-error skip", in: folder)
    #expect(skipped.standardOutput.contains("5 of 6 images, 1 rejected"), "\(skipped.standardOutput)")
    #expect(try CSVTable(contentsOf: folder.path("s.lmdb-train@c-rejected.csv")).rows.map { $0[0] } == [broken.text])
    let refused = try Program.run(["store", "export", "--store", "s.lmdb", "--view", "train@c", "--out", "f.csv"], in: folder.path)
    #expect(refused.status == 65, "\(refused.standardError)")
  }

  @Test func `A project folder goes from images to a submission with the card's commands`() throws {
    let folder = try TemporaryFolder()
    try hpa("demo-data --out . --train 48 --test 16 --gallery 24 --side 96", in: folder)
    let yaml = """
      name: tiny
      datasets:
        train: {images: data/train, labels: data/train.csv}
        test: {images: data/test, ids: data/sample_submission.csv, labels: data/truth/test_labels.csv}
        hpav18: {layout: hpav18, images: data/hpav18, labels: data/HPAv18.csv}
      folds: {count: 2, seed: 3}
      models:
        v3: {backbone: inceptionv3, size: 96, folds: [0, 1], epochs: 1, batch: 8}
      search: {model: v3, gallery: hpav18, top: 2, known_pairs: data/truth/planted_pairs.csv}
      stack: {epochs: 2, batch: 8, learning_rate: 0.1, schedule: exponential, out_of_fold: true}
      thresholds: {min_count: 4, bootstrap: 40}
      blend: {members: {v3: 1, stack: 1}}

      """
    try FileBytes.write(yaml, to: folder.path("hpa.yaml"))
    try hpa("train", in: folder)
    try hpa("extract", in: folder)
    try hpa("search --top 2", in: folder)
    let stack = try hpa("stack-train", in: folder)
    #expect(stack.standardOutput.contains("variant: out of fold") && stack.standardOutput.contains("naive"), "\(stack.standardOutput)")
    try hpa("blend", in: folder)
    #expect(try CSVTable(contentsOf: folder.path("results/threshold_details.csv")).rows.allSatisfy { !$0[7].isEmpty })
    let report = try hpa("report", in: folder)
    #expect(report.standardOutput.contains("blend with the leak step"))
    let sample = try ImageID.list(contentsOf: folder.path("data/sample_submission.csv"))
    #expect(try LabelTable(contentsOf: folder.path("results/submission.csv")).ids == sample)
    #expect(try LabelTable(contentsOf: folder.path("results/submission_without_leaks.csv")).ids == sample)
    for picture in ["matches", "plots/learning_curves", "plots/f1_thresholds", "plots/similarities"] {
      #expect(try FileBytes.read(folder.path("results/\(picture).png")).starts(with: [0x89, 0x50, 0x4E, 0x47]))
      #expect(report.standardOutput.contains("results/\(picture).png"))
    }
    for picture in ["learning_curves", "f1_thresholds", "similarities"] {
      #expect(try FileBytes.read(folder.path("results/plots/\(picture).svg")).starts(with: Array("<?xml".utf8)))
    }
    let before = try FileBytes.read(folder.path("checkpoints/v3_f0.safetensors"))
    try hpa("train", in: folder)
    #expect(try FileBytes.read(folder.path("checkpoints/v3_f0.safetensors")) == before, "a finished checkpoint is trained again")
    if Python.isPresent {
      try Python.run(
        "import json, jsonschema, sys, yaml; jsonschema.validate(yaml.safe_load(open(sys.argv[2])), json.load(open(sys.argv[1])))",
        [Project.root.appending(path: "schemas/hpa.schema.json").path, folder.path("hpa.yaml")])
    }
  }
}

/// A network that was never trained: its features still tell pictures apart.
enum RandomCheckpoint {
  static func write(backbone: String, size: Int, seed: UInt64, to path: String) throws {
    let network = try Network(try Backbone.named(backbone), seed: seed)
    try SafetensorsFile.write(try network.store.items(), metadata: ["backbone": backbone, "size": "\(size)"], to: path)
  }
}
