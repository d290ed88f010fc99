import Foundation
import HPABlend
import HPACore

/// All that the blend of a project is computed from; the same inputs give the same bytes.
struct BlendInputs {
  /// A member of the blend with its scores.
  struct Member {
    let name: String
    let weight: Double
    let validation: NamedRows<Double>
    let test: NamedRows<Double>
  }

  /// Files of the leak step: `query,gallery,score,rank`, and the labels of the gallery.
  struct Leaks {
    let matches: String
    let labels: String
  }

  let members: [Member]
  /// Files: the labels of the training images, the ids of the test images, and their labels where they are known.
  let labels: String
  let testIDs: String
  let testLabels: String?
  let leaks: Leaks?
  let thresholds: ProjectConfiguration.ThresholdPlan

  // Names of what is written.
  static let (submission, thresholds, evaluation) = ("submission.csv", "thresholds.csv", "evaluation.json")
  static let thresholdDetails = "threshold_details.csv"
  /// Without the endings of the two files.
  static let (test, validation) = ("blend_test", "blend_validation")

  /// Everything that a blend leaves in a folder: the names of those files that are there.
  static func outputs(in folder: String) -> [String] {
    let stem = (submission as NSString).deletingPathExtension
    let names =
      [submission, thresholds, evaluation, thresholdDetails] + ["_without_leaks", "_changes", "_conflicts"].map { "\(stem)\($0).csv" }
      + [test, validation].flatMap { ["\($0)_ids.csv", "\($0)_scores.npy"] }
    return names.filter { FileManager.default.fileExists(atPath: "\(folder)/\($0)") }.sorted()
  }

  /// Computes the blend and writes all of it into a folder.
  func blend(into folder: String) throws -> BlendOutput.Summary {
    let truth = try LabelTable(contentsOf: labels)
    let blended = (
      validation: try mean(ids: try sharedValidationIDs(order: truth.ids), \.validation),
      test: try mean(ids: try ImageID.list(contentsOf: testIDs), \.test)
    )
    let search = try ThresholdSearch(
      thresholds.method, distribution: truth, minimumCount: thresholds.minimumCount, fallback: thresholds.fallback)
    let choices = try search.choices(scores: blended.validation, truth: truth, bootstrap: thresholds.bootstrap)
    let chosen = try Thresholds(choices)
    let file = { (name: String) in (folder as NSString).appendingPathComponent(name) }
    try chosen.write(to: file(Self.thresholds))
    try choices.writeDetails(to: file(Self.thresholdDetails))
    try NamedRows(ids: blended.test.ids, matrix: blended.test.matrix).write(to: file(Self.test))
    try NamedRows(ids: blended.validation.ids, matrix: blended.validation.matrix).write(to: file(Self.validation))
    let leakTable = try leaks.map { try LeakTable(matches: $0.matches, labels: try LabelTable(contentsOf: $0.labels)) }
    let output = try BlendOutput(try Submission(scores: blended.test, thresholds: chosen), leaks: leakTable)
    let summary = try output.write(to: file(Self.submission))
    try FileBytes.write(
      json: try evaluation(blended.validation, search: search, thresholds: chosen, output: output, truth: truth), to: file(Self.evaluation))
    return summary
  }

  /// The training images for which every member has a held-out score, in `order`.
  private func sharedValidationIDs(order: [ImageID]) throws -> [ImageID] {
    let sets = members.map { Set($0.validation.ids) }
    let shared = order.filter { id in sets.allSatisfy { $0.contains(id) } }
    guard !shared.isEmpty else {
      throw Failure(
        .badData, "no training image was held out by all members, so thresholds cannot be searched",
        cure: "Give the models under 'models' common folds.")
    }
    return shared
  }

  private func mean(ids: [ImageID], _ scores: KeyPath<Member, NamedRows<Double>>) throws -> ClassScores {
    try Blend.mean(
      of: members.map { member in
        Blend.Member(try ClassScores(ids: ids, matrix: try member[keyPath: scores].rows(of: ids), name: member.name), weight: member.weight)
      })
  }

  // MARK: Judging

  private func evaluation(
    _ validation: ClassScores, search: ThresholdSearch, thresholds: Thresholds, output: BlendOutput, truth: LabelTable
  ) throws -> RunEvaluation {
    let testTruth = try testLabels.map { try LabelTable(contentsOf: $0) }
    var rows = try members.map { member in
      let validation = try ClassScores(member.validation, name: member.name)
      let thresholds = try Thresholds(try search.choices(scores: validation, truth: truth))
      return RunEvaluation.Row(
        name: member.name,
        validation: try RunEvaluation.Judgement(try Submission(scores: validation, thresholds: thresholds), truth: truth),
        test: try testTruth.map {
          try RunEvaluation.Judgement(
            try Submission(scores: try ClassScores(member.test, name: member.name), thresholds: thresholds), truth: $0)
        })
    }
    rows.append(
      RunEvaluation.Row(
        name: "blend without the leak step",
        validation: try RunEvaluation.Judgement(try Submission(scores: validation, thresholds: thresholds), truth: truth),
        test: try testTruth.map { try RunEvaluation.Judgement(output.plain, truth: $0) }))
    if let leaked = output.leaked {
      rows.append(
        RunEvaluation.Row(
          name: "blend with the leak step", validation: nil,
          test: try testTruth.map { try RunEvaluation.Judgement(leaked.submission, truth: $0) }))
    }
    return RunEvaluation(rows: rows)
  }
}

/// How good every part of a run is, as far as labels are known.
struct RunEvaluation: Codable {
  struct Judgement: Codable {
    let images: Int
    let macroF1: Double
    /// The best that one label set for all images reaches on the same images.
    let constantF1: Double
    /// Classes that at least one of the images carries.
    let classes: Int

    init(_ predicted: Submission, truth: LabelTable) throws {
      let report = try ClassificationReport(of: predicted, truth: truth)
      images = report.images
      macroF1 = report.macroF1
      constantF1 = report.bestConstant.macroF1
      classes = report.classes.count { $0.support > 0 }
    }

    /// Macro F1 as a multiple of the best constant prediction's.
    var timesConstant: Double { macroF1 / constantF1 }
  }

  struct Row: Codable {
    let name: String
    let validation: Judgement?
    let test: Judgement?
  }

  let rows: [Row]
}
