import ArgumentParser
import Foundation
import HPABackbones
import HPACore

struct Report: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "One table of what a project's run has reached.",
    discussion: "Example: hpa-feat report --project demo")

  @OptionGroup var output: OutputOptions
  @OptionGroup var project: ProjectOptions

  func run() throws {
    let folder = try project.open()
    let report = try folder.report()
    if output.json { try Output.print(json: report) } else { Output.print(Self.text(report, folder: folder)) }
  }

  private static func text(_ report: RunReport, folder: ProjectFolder) -> String {
    var table = Table([
      ("", .left), ("loss", .right), ("held-out F1", .right), ("x constant", .right), ("test F1", .right), ("x constant", .right),
    ])
    let cells = { (judgement: RunEvaluation.Judgement?) in
      judgement.map { [Output.decimal($0.macroF1), Output.decimal($0.timesConstant, places: 2)] } ?? ["", ""]
    }
    for row in report.evaluation.rows {
      table.add([row.name, report.losses[row.name].map { Output.decimal($0) } ?? ""] + cells(row.validation) + cells(row.test))
    }
    var lines = [table.text, ""]
    if let judged = report.evaluation.rows.first.flatMap({ $0.test ?? $0.validation }) {
      lines.append(
        "F1: macro over 28 classes, of which \(judged.classes) occur here; best constant prediction on test: \(Output.decimal(judged.constantF1))"
      )
    }
    lines.append("Thresholds are searched on the held-out images, so that column flatters; the test images are untouched.")
    if let search = report.search {
      lines.append("search: \(search.matches) matches of \(search.queries) x \(search.gallery) pairs" + known(search))
    }
    lines.append("look at: \(folder.matchPicture)")
    lines.append("         \(folder.curvePicture)")
    lines.append("         \(folder.submission)")
    return lines.joined(separator: "\n")
  }

  private static func known(_ search: SearchJob.Summary) -> String {
    guard let known = search.knownPairs, let found = search.knownFound, let precision = search.precision else { return "" }
    return "; planted pairs found: \(found) of \(known) (recall \(Output.decimal(Double(found) / Double(max(known, 1)), places: 3))), "
      + "precision at \(search.matches): \(Output.decimal(precision, places: 3))"
  }
}

/// Everything that `report` shows.
struct RunReport: Encodable {
  let evaluation: RunEvaluation
  /// Mean validation loss of the folds, by model and for the stacker.
  let losses: [String: Double]
  let search: SearchJob.Summary?
}

extension ProjectFolder {
  var searchFile: String { result("search.json") }
  var matchPicture: String { result("matches.png") }
  var curvePicture: String { result("learning_curves.png") }

  func report() throws -> RunReport {
    guard FileManager.default.fileExists(atPath: evaluationFile) else {
      throw Failure(.missingInput, "nothing was blended yet", at: .file(evaluationFile), cure: "Run: hpa-feat blend")
    }
    var losses: [String: Double] = [:]
    for model in configuration.models {
      let folds = try model.folds.compactMap { try Checkpoint(checkpoint(model.name, fold: $0)).record?.best?.validationLoss }
      losses[model.name] = folds.reduce(0, +) / Double(folds.count)
    }
    if FileManager.default.fileExists(atPath: StackSummary.path(in: stackFolder)) {
      losses[ProjectConfiguration.stackMember] = try FileBytes.read(json: StackSummary.path(in: stackFolder), as: StackSummary.self)
        .meanLoss
    }
    return RunReport(
      evaluation: try FileBytes.read(json: evaluationFile), losses: losses,
      search: FileManager.default.fileExists(atPath: searchFile) ? try FileBytes.read(json: searchFile) : nil)
  }
}
