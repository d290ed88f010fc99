import Foundation
import HPACore
import HPATestSupport
import Testing

/// Every kind of bad input has its exit code, a message that names the thing, and a cure.
@Suite struct WrongUseTests {
  private func fixture() throws -> Fixture {
    var fixture = try Fixture(seed: 1)
    try fixture.matrix("q.npy", rows: 5, columns: 8)
    try fixture.matrix("g.npy", rows: 9, columns: 8)
    try fixture.matrix("narrow.npy", rows: 9, columns: 7)
    var broken = try fixture.matrix("nan.npy", rows: 5, columns: 8)
    broken[3, 2] = .nan
    try NumpyFile.write(broken, to: fixture.path("nan.npy"))
    try fixture.scores("s.npy", rows: 5)
    try fixture.ids("five.csv", 5)
    try fixture.ids("four.csv", 4)
    try fixture.text("labels.csv", "Id,Target\n" + (0..<5).map { "i\($0),\($0) 25\n" }.joined())
    try fixture.text("bad-class.csv", "Id,Target\ni0,3\ni1,28\n")
    try fixture.text("twice.csv", "Id,Target\ni0,3\ni0,4\n")
    try fixture.text("half.csv", "Id,Target\ni0,3\n")
    try fixture.text("few-thresholds.csv", "class,threshold\n0,0.5\n")
    try fixture.text("text.npy", "this is no matrix")
    let whole = try FileBytes.read(fixture.path("q.npy"))
    try FileBytes.write(Array(whole.dropLast(3)), to: fixture.path("short.npy"))
    return fixture
  }

  private static let train = "train --images . --labels labels.csv --folds five.csv --backbone xception"

  @Test(arguments: [
    // usage
    ("nonsense", 64, "nonsense"),
    ("search --queries q.npy", 64, "also needs --gallery, --out"),
    ("search --queries q.npy --gallery g.npy --out m.csv", 64, "Add --top N"),
    ("search --queries q.npy --gallery g.npy --top 0 --out m.csv", 64, "use 1 or more"),
    ("search --queries q.npy --gallery g.npy --top 3 --k 2 --out m.csv", 64, "either --top or --k"),
    ("search --queries q.npy --gallery g.npy --k 2 --threads 0 --out m.csv", 64, "--threads 0"),
    ("folds --labels labels.csv --count 1 --out f.csv", 64, "--count 2"),
    ("blend --member s.npy --ids five.csv --out b.csv", 64, "s.npy"),
    ("blend --member s.npy=1 --ids five.csv --out b.csv --folds all", 64, "goes with a project folder"),
    ("blend --folds best:0", 64, "best:0"),
    ("stack-train --features q.npy", 64, "also needs"),
    ("stack-train --features q.npy --ids five.csv --labels labels.csv --folds f.csv --out s --out-of-fold", 64, "--feature-folds"),
    ("stack-train --gamma 0", 64, "--gamma 0: use above 0"),
    ("search --queries q.npy --gallery g.npy --k 2 --scan --out m.csv", 64, "--scan also needs --known"),
    ("search --queries q.npy --gallery g.npy --k 2 --whiten --standardise each --out m.csv", 64, "either --standardise or --whiten"),
    ("groups --features q.npy --with g.npy --min-score 0.9 --out m.csv", 64, "--with-ids"),
    ("groups --features q.npy --min-score 1.5 --out m.csv", 64, "--min-score 1.5"),
    ("thresholds --scores s.npy --ids five.csv --out t.csv", 64, "also needs --labels"),
    ("thresholds --method ratio --scores s.npy --ids five.csv --out t.csv", 64, "--distribution"),
    ("thresholds --scores s.npy --ids five.csv --labels labels.csv --bootstrap 10 --out t.csv", 64, "--bootstrap 40"),
    ("train --epochs 3", 64, "write it into hpa.yaml"),
    ("train --folds five.csv", 64, "use all or 0,3"),
    ("train --fold 0 --folds all", 64, "either --fold or --folds"),
    ("\(train) --fold 0,1 --size 96 --out c.safetensors", 64, "--out 'c_f{fold}.safetensors'"),
    ("\(train) --fold 0,0 --size 96 --out c.safetensors", 64, "0,0"),
    ("\(train) --fold 0 --out c.safetensors", 64, "Add --size"),
    ("\(train) --fold 0 --preset seed-800 --out c.safetensors", 64, "--init random"),
    ("\(train) --fold 0 --preset seed-900 --out c.safetensors", 64, "seed-900"),
    ("\(train) --fold 0 --size 96 --schedule constant --gamma 0.5 --out c.safetensors", 64, "--gamma goes with --schedule step"),
    ("\(train) --fold 0 --size 96 --schedule exponential --step-epochs 5 --out c.safetensors", 64, "--step-epochs goes with"),
    ("\(train) --fold 0 --size 96 --optimiser adam --momentum 0.5 --out c.safetensors", 64, "--momentum goes with --optimiser sgd"),
    ("\(train) --fold 0 --size 96 --patience -1 --out c.safetensors", 64, "patience"),
    ("predict --images . --ids five.csv --checkpoint c.safetensors --out s.npy --device gpu", 64, "use cpu, cuda"),
    ("report --scores s.npy --plots p", 64, "also needs --ids, --labels"),
    ("report --log five.csv", 64, "Add --plots"),
    ("report --plots p", 64, "goes with --scores"),
    ("store export --store s --view v --out v.xyz", 64, ".h5ad"),
    ("store import --store s --view v --matrix q.npy --dataset d --origin o", 64, "--ids"),
    // bad data
    ("report --log five.csv --plots p", 65, "no column 'Epoch'"),
    ("report --scores s.npy --ids four.csv --labels labels.csv --plots p", 65, "s.npy"),
    ("search --queries short.npy --gallery g.npy --k 2 --out m.csv", 65, "short.npy"),
    ("search --queries text.npy --gallery g.npy --k 2 --out m.csv", 65, "is no .npy file"),
    ("search --queries nan.npy --gallery g.npy --k 2 --out m.csv", 65, "nan.npy"),
    ("search --queries q.npy --gallery narrow.npy --k 2 --out m.csv", 65, "same checkpoint"),
    ("search --queries q.npy --gallery narrow.npy --k 2 --standardise each --out m.csv", 65, "same checkpoint"),
    ("groups --features q.npy --ids five.csv --with q.npy --with-ids five.csv --min-score 0.9 --out m.csv", 65, "stands twice"),
    ("search --queries q.npy --query-ids four.csv --gallery g.npy --k 2 --out m.csv", 65, "four.csv"),
    ("stats --labels bad-class.csv", 65, "bad-class.csv:3"),
    ("stats --labels twice.csv", 65, "twice.csv:3"),
    ("evaluate --scores s.npy --ids five.csv --labels half.csv", 65, "i1"),
    ("blend --member s.npy=1 --ids four.csv --out b.csv", 65, "s.npy"),
    ("blend --member s.npy=1 --ids five.csv --thresholds few-thresholds.csv --out b.csv", 65, "few-thresholds.csv"),
    ("thresholds --scores q.npy --ids five.csv --labels labels.csv --out t.csv", 65, "q.npy"),
    ("extract --images . --ids five.csv --checkpoint q.npy --store st --view v", 65, "q.npy"),
    // missing input
    ("search --queries nothere.npy --gallery g.npy --k 2 --out m.csv", 66, "nothere.npy"),
    ("stats --labels nothere.csv", 66, "nothere.csv"),
    ("stats --labels .", 66, "is a folder"),
    ("extract", 66, "hpa.yaml"),
    ("import --layout kaggle-png --images nowhere --out o", 66, "nowhere"),
    ("store ls --store nowhere.lmdb", 66, "nowhere.lmdb"),
    ("search --queries a@b --gallery g.npy --store nowhere.lmdb --k 2 --out m.csv", 66, "nowhere.lmdb"),
    // output
    ("search --queries q.npy --gallery g.npy --k 2 --out /proc/nowhere/m.csv", 73, "/proc/nowhere"),
  ])
  func `A mistake gets its exit code, names the thing, and leaves nothing behind`(line: String, code: Int32, message: String) throws {
    let fixture = try fixture()
    let before = try FileManager.default.contentsOfDirectory(atPath: fixture.folder.path).sorted()
    let result = try Program.run(line.split(separator: " ").map(String.init), in: fixture.folder.path)
    #expect(result.status == code, "\(result.standardError)")
    #expect(result.standardError.contains(message), "\(result.standardError)")
    #expect(result.standardOutput.isEmpty)
    #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.folder.path).sorted() == before)
  }

  @Test func `Without LibTorch, verbs that need it say that the library is not there, and the others work`() throws {
    let fixture = try fixture()
    let broken = ["HPA_TORCH_SHIM": "/nowhere/libHPATorchShim.so"]
    try fixture.text("folds.csv", "Id,Fold\n" + (0..<5).map { "i\($0),\($0 % 2)\n" }.joined())
    let stack = try Program.run(
      ["stack-train", "--features", "q.npy", "--ids", "five.csv", "--labels", "labels.csv", "--folds", "folds.csv", "--out", "stack"],
      in: fixture.folder.path, environment: broken)
    #expect(stack.status == 69 && stack.standardError.contains("make build"), "\(stack.standardError)")
    let search = try Program.run(
      ["search", "--queries", "q.npy", "--gallery", "g.npy", "--k", "2", "--out", "m.csv"], in: fixture.folder.path, environment: broken)
    #expect(search.status == 0, "\(search.standardError)")
  }

  @Test func `A disk that is full leaves no half-written file`() throws {
    var fixture = try fixture()
    try fixture.matrix("many.npy", rows: 2_000, columns: 8)
    let result = try Program.shell(
      "ulimit -f 4; exec \"$hpa\" search --queries many.npy --gallery g.npy --k 9 --out m.csv", in: fixture.folder.path)
    #expect(result.status == 74, "\(result.standardError)")
    #expect(!FileManager.default.fileExists(atPath: fixture.path("m.csv")))
    #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.folder.path).allSatisfy { !$0.contains(".part") })
  }

  @Test func `Ctrl-C ends with 130 and leaves no table that looks complete`() throws {
    let folder = try TemporaryFolder()
    // Interrupted once the first picture is there: by then it listens, however busy the machine is.
    let result = try Program.shell(
      """
      "$hpa" demo-data --out demo --train 20000 & program=$!
      until compgen -G "demo/data/train/*.png" >/dev/null || ! kill -0 $program; do :; done
      kill -INT $program; wait $program
      """, in: folder.path)
    #expect(result.status == 130, "\(result.standardError)")
    #expect(result.standardError.contains("interrupted"))
    #expect(!FileManager.default.fileExists(atPath: folder.path("demo/data/train.csv")))
  }

  @Test(arguments: [
    (
      "datasets: {train: {images: a, labels: l.csv}, test: {images: b, ids: i.csv}}\nmodels: {m: {backbone: xception}}\n", 1,
      "'name' is missing"
    ),
    ("name: x\nmodel: {}\n", 1, "'datasets' is missing"),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b, ids: i.csv}\nmodels:\n  m: {backbone: xception, sise: 96}\n",
      6, "'models.m.sise' is no known key"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b}\nmodels:\n  m: {backbone: xception}\n", 4,
      "names no ids"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b, ids: i.csv}\nmodels:\n  m: {backbone: xception, size: 12}\n",
      6, "not a whole number from 96"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv, layout: png}\n  test: {images: b, ids: i.csv}\nmodels:\n  m: {backbone: xception}\n",
      3, "not one of"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b, ids: i.csv}\nmodels:\n  m: {backbone: xception, preset: seed-1024}\n",
      6, "not one of seed-512, seed-650, seed-800"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b, ids: i.csv}\nmodels:\n  m:\n    backbone: xception\n    preset: seed-800\n",
      8, "starts from a model of 512 pixels"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b, ids: i.csv}\nmodels:\n  m: {backbone: xception, patience: -1}\n",
      6, "'models.m.patience' is '-1'"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b, ids: i.csv}\nmodels:\n  m: {backbone: xception, momentum: 1}\n",
      6, "'models.m.momentum' is '1'"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b, ids: i.csv}\nmodels:\n  m: {backbone: xception, learning_rate: 0}\n",
      6, "'models.m.learning_rate' is '0'"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b, ids: i.csv}\nmodels:\n  m:\n    backbone: xception\n    schedule: constant\n    gamma: 0.5\n",
      9, "'gamma' goes with 'schedule: step'"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b, ids: i.csv}\nmodels:\n  m: {backbone: xception, schedule: cosine}\n",
      6, "not one of step, exponential, constant"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b, ids: i.csv}\nmodels:\n  m: {backbone: xception, optimiser: adam, momentum: 0.5}\n",
      6, "'momentum' goes with 'optimiser: sgd'"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b, ids: i.csv}\nmodels:\n  m: {backbone: xception, fold_seed: x}\n",
      6, "'models.m.fold_seed' is 'x'"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b, ids: i.csv}\nmodels:\n  m:\n    backbone: xception\n    from: n\n",
      8, "'n' is no model"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b, ids: i.csv}\nmodels:\n  m: {backbone: xception, from: n, init: a.pth}\n",
      6, "starts from two things"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b, ids: i.csv}\nmodels:\n  m: {backbone: xception}\n  n: {backbone: inceptionv3, from: m}\n",
      7, "'n' is a inceptionv3, 'm' a xception"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b, ids: i.csv}\nmodels:\n  m: {backbone: xception, folds: [1]}\n  n: {backbone: xception, from: m}\n",
      7, "'m' has no fold 0"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b, ids: i.csv}\nmodels:\n  m: {backbone: xception}\n  n: {backbone: xception, from: m, fold_seed: 4}\n",
      7, "would have seen what it holds out"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b, ids: i.csv}\nmodels:\n  m: {backbone: xception, from: o}\n  n: {backbone: xception, from: m}\n  o: {backbone: xception, from: n}\n",
      6, "'m' starts from itself: m <- o <- n <- m"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b, ids: i.csv}\nmodels:\n  m: {backbone: xception}\nblend:\n  members: {m: 1}\n  folds: best\n",
      9, "not 'all' or 'best:N'"
    ),
    (
      "name: x\ndatasets:\n  train: {images: a, labels: l.csv}\n  test: {images: b, ids: i.csv}\nmodels:\n  m: {backbone: xception, folds: [0, 1]}\nblend: {folds: best:3, members: {m: 1}}\n",
      7, "'m' has 2 folds, not 3"
    ),
    ("name: [x\n", nil, "is no YAML"),
  ])
  func `A mistake in hpa.yaml is shown with its line`(yaml: String, line: Int?, message: String) throws {
    let fixture = try Fixture(seed: 1)
    try fixture.text("hpa.yaml", yaml)
    let result = try Program.run(["extract"], in: fixture.folder.path)
    #expect(result.status == 65, "\(result.standardError)")
    #expect(result.standardError.contains(line.map { "hpa.yaml:\($0): " } ?? "hpa.yaml: "), "\(result.standardError)")
    #expect(result.standardError.contains(message), "\(result.standardError)")
  }

  @Test(arguments: [
    "demo-data", "import", "stats", "folds", "backbones", "train", "extract", "predict", "store", "search", "index", "groups",
    "stack-train",
    "stack-predict", "thresholds", "blend",
    "evaluate", "report",
  ])
  func `Every verb's help has an example`(verb: String) throws {
    let result = try Program.run([verb, "--help"])
    #expect(result.status == 0 && result.standardOutput.contains("hpa-feat \(verb) "), "\(result.standardOutput)")
    #expect(result.standardOutput.contains("Example"))
  }
}
