import ArgumentParser
import HPABlend
import HPACore

struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Macro F1 of scores or of a submission against known labels.",
    discussion: """
      Over 28 classes, as scikit-learn counts: a class that nobody carries and nobody predicts counts 0.

      Example: hpa-feat evaluate --scores val.npy --ids val.csv --labels train.csv --thresholds thresholds.csv
               hpa-feat evaluate --submission submission.csv --labels truth.csv --json
      """)

  @Option(help: ArgumentHelp("A matrix of N x 28 scores (.npy).", valueName: "file")) var scores: String?
  @Option(help: ArgumentHelp("The ids of its rows.", valueName: "file")) var ids: String?
  @Option(help: ArgumentHelp("Predictions with the columns Id and Predicted.", valueName: "file")) var submission: String?
  @Option(help: ArgumentHelp("The truth, with the columns Id and Target.", valueName: "file")) var labels: String
  @Option(help: ArgumentHelp("One threshold a class; 0.15 for all by default.", valueName: "file")) var thresholds: String?
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard (scores == nil) != (submission == nil) else { throw ValidationError("Name either --scores (with --ids) or --submission.") }
    guard (scores == nil) == (ids == nil) || submission != nil else { throw ValidationError("--scores also needs --ids.") }
  }

  func run() throws {
    let report = try ClassificationReport(of: try predictions(), truth: try LabelTable(contentsOf: labels))
    if output.json { try Output.print(json: report) } else { Output.print(Self.text(report)) }
  }

  private func predictions() throws -> Submission {
    if let submission {
      let whole = try Submission(contentsOf: submission)
      guard let ids else { return whole }
      return try Submission(
        ids: try ImageID.list(contentsOf: ids), labels: try ImageID.list(contentsOf: ids).map { try labels(of: $0, in: whole) })
    }
    guard let scores, let ids else { throw ValidationError("Name either --scores (with --ids) or --submission.") }
    let limits = try thresholds.map { try Thresholds(contentsOf: $0) } ?? Thresholds()
    return try Submission(scores: try ClassScores(contentsOf: scores, ids: try ImageID.list(contentsOf: ids)), thresholds: limits)
  }

  private func labels(of id: ImageID, in whole: Submission) throws -> LabelSet {
    guard let labels = whole[id] else {
      throw Failure(
        .badData, "no prediction for this id", at: .file(submission ?? "", id: id.text), cure: "Predict it, or take it out of the ids file."
      )
    }
    return labels
  }

  private static func text(_ report: ClassificationReport) -> String {
    var table = Table([
      ("class", .right), ("name", .left), ("images", .right), ("predicted", .right), ("precision", .right), ("recall", .right),
      ("F1", .right),
    ])
    for row in report.classes {
      table.add([
        "\(row.classID)", row.name, "\(row.support)", "\(row.predicted)", Output.decimal(row.precision), Output.decimal(row.recall),
        Output.decimal(row.f1),
      ])
    }
    return """
      \(table.text)

      images                      \(report.images)
      macro F1 (28 classes)       \(Output.decimal(report.macroF1, places: 5))
      macro F1 (classes present)  \(Output.decimal(report.macroF1OfPresentClasses, places: 5))
      best constant prediction    \(Output.decimal(report.bestConstant.macroF1, places: 5))
      """
  }
}
