import Foundation
import HPABlend
import HPACore
import HPAStore

extension ProjectFolder {
  var submission: String { result("submission.csv") }
  var thresholdsFile: String { result("thresholds.csv") }
  var evaluationFile: String { result("evaluation.json") }
  /// Where the blend's scores of held-out images stand, without the endings of the two files.
  var validationBlend: String { result("blend_validation") }

  /// Searches thresholds, blends, writes both submissions, and judges every part of it as far as labels are known.
  ///
  /// - Parameter choice: of folds; nil for that of `hpa.yaml`.
  func blend(folds choice: FoldChoice?) throws -> BlendOutput.Summary {
    let plan = configuration.blend
    guard !plan.isEmpty else {
      throw Failure(
        .missingInput, "there is no 'blend' section", at: .file(path(Self.fileName)), cure: "Add 'blend: {members: {MODEL: 1, stack: 1}}'.")
    }
    let store = try openStore()
    let folds = try chooseFolds(choice ?? configuration.blendFolds)
    let members = try plan.map { member in
      Member(
        name: member.name, weight: member.weight, validation: try validationScores(of: member.name, in: store),
        test: try testScores(of: member.name, folds: folds, in: store))
    }
    let truth = try labels(of: try dataset("train"))
    let shared = try members.sharedValidationIDs(order: truth.ids)
    let blended = (
      validation: try members.mean(ids: shared, \.validation), test: try members.mean(ids: try ids(of: try dataset("test")), \.test)
    )
    let search = try thresholdSearch(truth)
    let choices = try search.choices(scores: blended.validation, truth: truth, bootstrap: configuration.thresholds.bootstrap)
    let thresholds = try Thresholds(choices)
    try thresholds.write(to: thresholdsFile)
    try choices.writeDetails(to: result("threshold_details.csv"))
    try NamedRows(ids: blended.test.ids, matrix: blended.test.matrix).write(to: result("blend_test"))
    try NamedRows(ids: blended.validation.ids, matrix: blended.validation.matrix).write(to: validationBlend)
    let output = try BlendOutput(try Submission(scores: blended.test, thresholds: thresholds), leaks: try leakTable())
    let summary = try output.write(to: submission)
    try FileBytes.write(
      json: try evaluation(members, validation: blended.validation, search: search, thresholds: thresholds, output: output, truth: truth),
      to: evaluationFile)
    return summary.with(folds: folds)
  }

  /// A member of the blend with its scores.
  fileprivate struct Member {
    let name: String
    let weight: Double
    let validation: NamedRows<Double>
    let test: NamedRows<Double>
  }

  private func thresholdSearch(_ truth: LabelTable) throws -> ThresholdSearch {
    let plan = configuration.thresholds
    return try ThresholdSearch(plan.method, distribution: truth, minimumCount: plan.minimumCount, fallback: plan.fallback)
  }

  /// The matches of the last search with the labels of their gallery images; nil where `hpa.yaml` has no search.
  private func leakTable() throws -> LeakTable? {
    guard let plan = configuration.search else { return nil }
    guard FileManager.default.fileExists(atPath: matches) else {
      throw Failure(.missingInput, "there are no matches yet", at: .file(matches), cure: "Run: hpa-feat search --top \(plan.top)")
    }
    return try LeakTable(matches: matches, labels: try labels(of: try dataset(plan.gallery)))
  }

  // MARK: Judging

  private func evaluation(
    _ members: [Member], validation: ClassScores, search: ThresholdSearch, thresholds: Thresholds, output: BlendOutput, truth: LabelTable
  ) throws -> RunEvaluation {
    let test = try dataset("test")
    let testTruth = try test.labels.map { _ in try labels(of: test) }
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

extension [ProjectFolder.Member] {
  /// The training images for which every member has a held-out score, in `order`.
  fileprivate func sharedValidationIDs(order: [ImageID]) throws -> [ImageID] {
    let sets = map { Set($0.validation.ids) }
    let shared = order.filter { id in sets.allSatisfy { $0.contains(id) } }
    guard !shared.isEmpty else {
      throw Failure(
        .badData, "no training image was held out by all members, so thresholds cannot be searched",
        cure: "Give the models under 'models' common folds.")
    }
    return shared
  }

  fileprivate func mean(ids: [ImageID], _ scores: KeyPath<ProjectFolder.Member, NamedRows<Double>>) throws -> ClassScores {
    try Blend.mean(
      of: map { member in
        Blend.Member(try ClassScores(ids: ids, matrix: try member[keyPath: scores].rows(of: ids), name: member.name), weight: member.weight)
      })
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
