import Foundation
import HPACore
import HPATestSupport
import Testing

/// Stacking on plain files, where the features of overfitted networks give their own training labels away.
@Suite(.serialized) struct StackingTests {
  private static let models = 2
  private static let folds = 5
  private static let width = 16
  private static let classes = 4

  /// Features of two models of five folds. Every image shows its labels dimly. A network that held the image out, and any network on a test
  /// image, sees just that; one that was trained on it has learned the labels by heart.
  private struct LeakyFeatures {
    private var generator: SeededGenerator
    /// By block: how its network mixes the classes into its columns.
    private let mixing: [[[Double]]]

    init(seed: UInt64) {
      var generator = SeededGenerator(seed: seed, stream: "leaky features")
      mixing = (0..<models * folds).map { _ in (0..<width).map { _ in (0..<classes).map { _ in generator.normal() } } }
      self.generator = generator
    }

    mutating func labels() -> LabelSet {
      let set = LabelSet((0..<classes).filter { _ in generator.uniform() < 0.4 })
      return set.isEmpty ? [0] : set
    }

    /// - Parameter fold: of the networks that held the image out; nil for a test image.
    mutating func row(_ labels: LabelSet, fold: Int?) -> [Float] {
      let noise = (0..<classes).map { _ in generator.normal() }
      return (0..<models * folds).flatMap { block -> [Float] in
        let isHonest = fold == nil || fold == block % folds
        let seen = (0..<classes).map { (labels.contains($0) ? 1 : 0) * (isHonest ? 1 : 2) + (isHonest ? 0.8 : 0.1) * noise[$0] }
        return mixing[block].map { weights in Float(zip(weights, seen).reduce(0) { $0 + $1.0 * $1.1 } + 0.2 * generator.normal()) }
      }
    }
  }

  private struct Summary: Decodable {
    struct Judgement: Decodable {
      let images: Int
      let loss: Double
      let macroF1: Double
    }
    let variant: String
    let validation: Judgement
    let otherVariant: Judgement?
  }

  private struct Report: Decodable { let macroF1: Double }

  private func run(_ line: String, in folder: TemporaryFolder) throws -> Subprocess.Result {
    let result = try Program.run(line.split(separator: " ").map(String.init), in: folder.path)
    #expect(result.status == 0, "hpa-feat \(line)\n\(result.standardError)")
    return result
  }

  private func decode<Value: Decodable>(_ line: String, in folder: TemporaryFolder) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(try run(line + " --json", in: folder).standardOutput.utf8))
  }

  /// F.npy, T.npy, their ids and labels, the networks' folds (networks.csv) and the stacker's (stacker.csv).
  private func write(seed: UInt64, to folder: TemporaryFolder) throws {
    var features = LeakyFeatures(seed: seed)
    for (name, count) in [("train", 1200), ("test", 500)] {
      let labels = (0..<count).map { _ in features.labels() }
      let ids = (0..<count).map { ImageID("\(name)\($0)") }
      try FileBytes.write("Id,Target\n" + zip(ids, labels).map { "\($0),\($1)\n" }.joined(), to: folder.path("\(name).csv"))
      var foldOfID: [String: Int] = [:]
      if name == "train" {
        for (file, seed) in [("networks", 1), ("stacker", 2)] {
          _ = try run("folds --labels train.csv --count \(Self.folds) --seed \(seed) --out \(file).csv", in: folder)
        }
        for row in try CSVTable(contentsOf: folder.path("networks.csv")).rows { foldOfID[row[0]] = Int(row[1]) }
      }
      let values = zip(ids, labels).flatMap { features.row($1, fold: foldOfID[$0.text]) }
      let columns = Self.models * Self.folds * Self.width
      try NumpyFile.write(Matrix(rows: count, columns: columns, values: values), to: folder.path("\(name).npy"))
    }
  }

  private let files =
    "--features train.npy --block-width 16 --ids train.csv --labels train.csv --folds stacker.csv --feature-folds networks.csv "
    + "--test-features test.npy --test-ids test.csv --epochs 12 --batch 64 --learning-rate 0.05"

  @Test func `The naive variant's validation is too optimistic, and the honest variant's agrees with a fresh test set`() throws {
    let folder = try TemporaryFolder()
    try write(seed: testSeed(), to: folder)
    let naive: Summary = try decode("stack-train \(files) --out naive", in: folder)
    let honest: Summary = try decode("stack-train \(files) --out-of-fold --out honest", in: folder)
    let tests = try ["naive", "honest"].map { stack -> Double in
      let report: Report = try decode(
        "evaluate --scores \(stack)/test_scores.npy --ids \(stack)/test_ids.csv --labels test.csv", in: folder)
      return report.macroF1
    }
    // Four of 28 classes occur, so the highest macro F1 is 1/7; the shares of it are compared.
    let (naiveBias, honestBias) = (7 * (naive.validation.macroF1 - tests[0]), 7 * (honest.validation.macroF1 - tests[1]))
    print(
      "naive: validation \(7 * naive.validation.macroF1), test \(7 * tests[0]); honest: \(7 * honest.validation.macroF1), \(7 * tests[1])")
    #expect(naive.variant == "naive" && honest.variant == "out_of_fold" && honest.validation.images == 1200)
    #expect(naiveBias > 0.1, "naive validation is \(naiveBias) above the test set")
    #expect(abs(honestBias) < 0.05, "honest validation is \(honestBias) above the test set")
    // Each run shows the other variant's validation score, too.
    #expect(naive.otherVariant?.loss == honest.validation.loss && honest.otherVariant?.loss == naive.validation.loss)
  }

  @Test func `The variant, the warning and the comparison are printed, and stack-predict repeats the test scores`() throws {
    let folder = try TemporaryFolder()
    try write(seed: testSeed(), to: folder)
    let naive = try run("stack-train \(files) --epochs 2 --no-compare --out naive", in: folder).standardOutput
    #expect(naive.contains("variant: naive") && naive.contains("warning: naive features"), "\(naive)")
    let honest = try run("stack-train \(files) --epochs 2 --out-of-fold --loss bce --schedule exponential --out honest", in: folder)
    #expect(honest.standardOutput.contains("variant: out of fold") && honest.standardOutput.contains("out of fold (used)"))
    #expect(!honest.standardOutput.contains("warning"))
    for stack in ["naive", "honest"] {
      _ = try run("stack-predict --stack \(stack) --features test.npy --ids test.csv --out \(stack).npy", in: folder)
      #expect(try FileBytes.read(folder.path("\(stack).npy")) == FileBytes.read(folder.path("\(stack)/test_scores.npy")))
    }
    #expect(try FileBytes.read(folder.path("naive.npy")) != FileBytes.read(folder.path("honest.npy")))
  }

  @Test func `Blocks in the order of folds are told apart, and folds that are the networks' own are refused`() throws {
    let folder = try TemporaryFolder()
    try write(seed: testSeed(), to: folder)
    let matrix: Matrix<Float> = try NumpyFile.read(folder.path("train.npy"))
    let order = (0..<Self.folds).flatMap { fold in (0..<Self.models).map { $0 * Self.folds + fold } }
    let values = (0..<matrix.rows).flatMap { row in
      order.flatMap { block in matrix[row: row].dropFirst(block * Self.width).prefix(Self.width) }
    }
    try NumpyFile.write(Matrix(rows: matrix.rows, columns: matrix.columns, values: values), to: folder.path("train.npy"))
    let right: Summary = try decode("stack-train \(files) --out-of-fold --fold-order fold-major --no-compare --out a", in: folder)
    let wrong: Summary = try decode("stack-train \(files) --out-of-fold --no-compare --out b", in: folder)
    #expect(wrong.validation.loss < 0.8 * right.validation.loss, "blocks in the wrong order should leak")
    let same = try Program.run(
      "stack-train \(files) --folds networks.csv --out-of-fold --out c".split(separator: " ").map(String.init), in: folder.path)
    #expect(same.status == 64 && same.standardError.contains("another seed"), "\(same.standardError)")
    // The naive variant does without, and says why it could not be compared.
    let naive = try run("stack-train \(files) --folds networks.csv --epochs 1 --out d", in: folder).standardOutput
    #expect(naive.contains("the other was not trained: a fold of the stacker holds out all images that a network held out"), "\(naive)")
  }
}
