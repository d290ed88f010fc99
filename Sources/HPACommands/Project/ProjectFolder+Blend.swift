import Foundation
import HPABlend
import HPACore
import HPAStore

extension ProjectFolder {
  var submission: String { result(BlendInputs.submission) }
  var thresholdsFile: String { result(BlendInputs.thresholds) }
  var evaluationFile: String { result(BlendInputs.evaluation) }
  /// Where the blend's scores of held-out images stand, without the endings of the two files.
  var validationBlend: String { result(BlendInputs.validation) }

  /// Searches thresholds, blends, writes both submissions, judges every part of it as far as labels are known, and keeps all that it was
  /// computed from, so that it can be replayed.
  ///
  /// - Parameter choice: of folds; nil for that of `hpa.yaml`.
  func blend(folds choice: FoldChoice?) throws -> BlendOutput.Summary {
    let lock = try OutputLock(submission)
    defer { withExtendedLifetime(lock) {} }
    let folds = try chooseFolds(choice ?? configuration.blendFolds)
    let inputs = try blendInputs(folds)
    let summary = try inputs.blend(into: results)
    let record = try BlendRecord(keeping: inputs, hpaYAML: path(Self.fileName), in: ObjectFolder(path: objects), outputs: results)
    try FileBytes.write(json: record, to: blendRecord)
    return summary.with(folds: folds)
  }

  var blendRecord: String { result("blend.json") }
  var objects: String { result("runs/objects") }

  private func blendInputs(_ folds: [BlendFold]) throws -> BlendInputs {
    let plan = configuration.blend
    guard !plan.isEmpty else {
      throw Failure(
        .missingInput, "there is no 'blend' section", at: .file(path(Self.fileName)), cure: "Add 'blend: {members: {MODEL: 1, stack: 1}}'.")
    }
    let store = try openStore()
    let (train, test) = (try dataset("train"), try dataset("test"))
    _ = try labels(of: train)
    return BlendInputs(
      members: try plan.map { member in
        BlendInputs.Member(
          name: member.name, weight: member.weight, validation: try validationScores(of: member.name, in: store),
          test: try testScores(of: member.name, folds: folds, in: store))
      },
      labels: path(train.labels ?? ""), testIDs: path(test.ids ?? test.labels ?? ""), testLabels: test.labels.map(path),
      leaks: try leaks(), thresholds: configuration.thresholds)
  }

  /// The matches of the last search and the labels of their gallery images; nil where `hpa.yaml` has no search.
  private func leaks() throws -> BlendInputs.Leaks? {
    guard let plan = configuration.search else { return nil }
    guard FileManager.default.fileExists(atPath: matches) else {
      throw Failure(.missingInput, "there are no matches yet", at: .file(matches), cure: "Run: hpa-feat search --top \(plan.top)")
    }
    let gallery = try dataset(plan.gallery)
    _ = try labels(of: gallery)
    return BlendInputs.Leaks(matches: matches, labels: path(gallery.labels ?? ""))
  }
}
