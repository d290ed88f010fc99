import Foundation
import HPABackbones
import HPACore
import HPADatasets
import HPAStore
import HPATestSupport
import HPATorch
import Testing

@testable import HPACommands

/// Presets, models with folds of their own, models that start from others, and the choice of folds.
@Suite(.serialized) struct ModelFoldsTests {
  @discardableResult
  private func hpa(_ line: String, in folder: TemporaryFolder) throws -> Subprocess.Result {
    let result = try Program.run(line.split(separator: " ").map(String.init), in: folder.path)
    #expect(result.status == 0, "hpa-feat \(line)\n\(result.standardError)")
    return result
  }

  @Test func `A preset is the team's way, and what is said beside it wins`() {
    func made(_ choices: TrainingChoices) -> TrainingConfiguration {
      choices.configuration(backbone: "xception", size: 512, seed: 0, threads: 1, precision: .float32)
    }
    let first = made(TrainingChoices(preset: .seed512))
    #expect(first == TrainingConfiguration(backbone: "xception", size: 512, seed: 0, threads: 1))
    #expect(first.learningRate == 0.05 && first.epochs == 25 && first.schedule == .step(epochs: 6, gamma: 0.1))
    for preset in [TrainingPreset.seed650, .seed800] {
      let second = made(TrainingChoices(preset: preset))
      #expect(second.learningRate == 0.01 && second.epochs == 20 && second.patience == 6 && second.schedule == first.schedule)
    }
    let own = made(
      TrainingChoices(
        preset: .seed800, epochs: 3, patience: 0, learningRate: 0.5, momentum: 0.5, schedule: .exponential, gamma: 0.9))
    #expect(own.epochs == 3 && own.patience == nil && own.learningRate == 0.5 && own.momentum == 0.5)
    #expect(own.schedule == .exponential(gamma: 0.9))
    #expect(made(TrainingChoices(schedule: .constant)).schedule == .constant)
    #expect(made(TrainingChoices(stepEpochs: 2)).schedule == .step(epochs: 2, gamma: 0.1))
    #expect(TrainingPreset.allCases.map(\.size) == [512, 650, 800])
  }

  @Test func `Folds are named by number, by list or all`() {
    func isMissing(_ text: String) -> Bool { FoldSelection(argument: text) == nil }
    #expect(FoldSelection(argument: "3")?.isSeveral == false && FoldSelection(argument: "0,3")?.isSeveral == true)
    #expect(FoldSelection(argument: "all")?.isSeveral == true)
    #expect(["", "a", "1,", "-1", "1,1", "0-3"].allSatisfy(isMissing))
    #expect(FoldChoice(argument: "best:6") == .best(6) && FoldChoice(argument: "all") == .all)
    #expect(["best", "best:0", "best:x", "worst:2", "6"].allSatisfy { FoldChoice(argument: $0) == nil })
  }

  /// Ten checkpoints of a model that say no more than their losses.
  private func project(losses: [Double], in folder: TemporaryFolder) throws -> ProjectFolder {
    try FileBytes.write(
      """
      name: x
      datasets: {train: {images: a, labels: l.csv}, test: {images: b, ids: i.csv}}
      models: {m: {backbone: xception}}
      blend: {folds: best:6, members: {m: 1}}

      """, to: folder.path("hpa.yaml"))
    let configuration = String(
      decoding: try JSONEncoder().encode(TrainingConfiguration(backbone: "xception", size: 512, seed: 0, threads: 1)), as: UTF8.self)
    for (fold, loss) in losses.enumerated() {
      let epochs = [loss + 1, loss, loss + 0.5].enumerated().map {
        #"{"number":\#($0 + 1),"learningRate":0.05,"trainLoss":1,"validationLoss":\#($1)}"#
      }
      let record = #"{"configuration":\#(configuration),"epochs":[\#(epochs.joined(separator: ","))],"bestEpoch":2,"programVersion":"old"}"#
      try SafetensorsFile.write([], metadata: ["training_record": record], to: folder.path("checkpoints/m_f\(fold).safetensors"))
    }
    return try ProjectFolder(folder.path)
  }

  @Test func `The best folds are those of the lowest validation losses, the lower number of two equal ones`() throws {
    let folder = try TemporaryFolder()
    let project = try project(losses: [0.5, 0.1, 0.3, 0.2, 0.3, 0.7, 0.15, 0.3, 0.9, 0.12], in: folder)
    let chosen = try project.chooseFolds(project.configuration.blendFolds)
    #expect(chosen.filter(\.isChosen).map(\.fold) == [1, 2, 3, 4, 6, 9])
    let table = try CSVTable(contentsOf: folder.path("results/blend_folds.csv"))
    #expect(table.header == ["Model", "Fold", "ValidationLoss", "Chosen"])
    #expect(table.rows.map { $0[3] } == ["no", "yes", "yes", "yes", "yes", "no", "yes", "no", "no", "yes"])
    #expect(table.rows[9][2] == "0.12" && table.rows.allSatisfy { $0[0] == "m" })
    #expect(try project.chooseFolds(.all).allSatisfy(\.isChosen))
    #expect(throws: Failure.self) { try project.chooseFolds(.best(11)) }
    try SafetensorsFile.write([], metadata: [:], to: folder.path("checkpoints/m_f4.safetensors"))
    #expect(throws: Failure.self) { try project.chooseFolds(.best(6)) }
  }

  @Test func `Models train after those that they start from, on folds of their own, and the blend takes the chosen ones`() throws {
    let folder = try TemporaryFolder()
    try hpa("demo-data --out . --train 24 --test 4 --gallery 2 --side 96", in: folder)
    try FileBytes.write(
      """
      name: tiny
      datasets:
        train: {images: data/train, labels: data/train.csv}
        test: {images: data/test, ids: data/sample_submission.csv, labels: data/truth/test_labels.csv}
      folds: {count: 2, seed: 3}
      models:
        late: {backbone: inceptionv3, size: 112, preset: seed-650, from: early, epochs: 1, batch: 6, folds: [1]}
        early: {backbone: inceptionv3, size: 96, epochs: 1, batch: 6, fold_seed: 11, schedule: constant, learning_rate: 0.02}
      thresholds: {min_count: 4}
      blend: {folds: best:1, members: {early: 2, late: 1}}

      """, to: folder.path("hpa.yaml"))
    // `late` needs fold 1 of `early`, and no other.
    try hpa("train --model late", in: folder)
    #expect(!FileManager.default.fileExists(atPath: folder.path("checkpoints/early_f0.safetensors")))
    let record = try #require(try Checkpoint.record(at: folder.path("checkpoints/late_f1.safetensors")))
    #expect(record.inputs?["init"] == "SHA-256 " + (try ContentHash.file(folder.path("checkpoints/early_f1.safetensors"))))
    #expect(record.configuration.learningRate == 0.01 && record.configuration.size == 112)
    let rest = try hpa("train --folds all --model early", in: folder)
    #expect(rest.standardOutput.contains("early_f1.safetensors is there already"))

    let project = try ProjectFolder(folder.path)
    let divisions = try ["folds/early.csv", "folds/late.csv"].map { try FileBytes.read(folder.path("results/\($0)")) }
    #expect(divisions[0] == divisions[1])
    let own = try project.makeFolds(for: project.model("early"))
    #expect(try own != project.makeFolds())

    try hpa("extract", in: folder)
    let blended = try hpa("blend", in: folder)
    let losses = try (0..<2).map {
      try #require(try Checkpoint.record(at: folder.path("checkpoints/early_f\($0).safetensors"))?.best?.validationLoss)
    }
    let best = losses[0] <= losses[1] ? 0 : 1
    #expect(blended.standardOutput.contains(/early +[01] +[0-9.]+ +left out/), "\(blended.standardOutput)")

    // The network itself, run on the images, gives the scores that the blend should be made of.
    func scores(_ name: String, size: Int) throws -> Matrix<Float> {
      try hpa(
        "predict --images images/test/\(size) --ids data/sample_submission.csv --checkpoint checkpoints/\(name).safetensors --out \(name).npy",
        in: folder)
      return try NumpyFile.read(folder.path("\(name).npy"))
    }
    let (early, late) = (try scores("early_f\(best)", size: 96), try scores("late_f1", size: 112))
    let blend: Matrix<Double> = try NumpyFile.read(folder.path("results/blend_test_scores.npy"))
    let expected = zip(early.values, late.values).map { (Double($0) * 2 + Double($1)) / 3 }
    #expect(zip(blend.values, expected).allSatisfy { abs($0 - $1) <= 1e-5 } && blend.values.count == expected.count)

    // Judged on what every member has held out: the validation part of fold 1 of the models' own division.
    let evaluation: RunEvaluation = try FileBytes.read(json: folder.path("results/evaluation.json"))
    #expect(evaluation.rows.map { $0.validation?.images } == [24, own.validation(fold: 1).count, own.validation(fold: 1).count])

    let other = String(decoding: try FileBytes.read(folder.path("hpa.yaml")), as: UTF8.self).replacing(
      "fold_seed: 11", with: "fold_seed: 12")
    try FileBytes.write(other, to: folder.path("hpa.yaml"))
    let refused = try Program.run(["train"], in: folder.path)
    #expect(refused.status == 65 && refused.standardError.contains("results/folds/"), "\(refused.standardError)")
    if Python.isPresent {
      try Python.run(
        "import json, jsonschema, sys, yaml; jsonschema.validate(yaml.safe_load(open(sys.argv[2])), json.load(open(sys.argv[1])))",
        [Project.root.appending(path: "schemas/hpa.schema.json").path, folder.path("hpa.yaml")])
    }
  }
}
