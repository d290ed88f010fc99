import ArgumentParser
import Foundation
import HPABackbones
import HPABlend
import HPACore
import HPAIndex
import HPAPictures

struct Report: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "What a run has reached: one table, and pictures.",
    discussion: """
      Learning curves, F1 against the threshold of each class, and how similar the matches are: PNG and SVG, in results/plots of a project.
      With files named, it draws what they show, into --plots:
        --log                        the log of a training, again for more of them: learning curves
        --scores, --ids, --labels    F1 against the threshold of each class, the chosen ones marked
        --matches                    how similar the matches are, pairs of --known apart

      Example: hpa-feat report --project demo
               hpa-feat report --scores val.npy --ids val.csv --labels train.csv --thresholds thresholds.csv --plots plots
               hpa-feat report --log fold0.csv --log fold1.csv --matches matches.csv --plots plots
      """)

  @Option(help: ArgumentHelp("Logs of trainings (--log of train).", valueName: "file")) var log: [String] = []
  @Option(help: ArgumentHelp("A matrix of N x 28 scores (.npy).", valueName: "file")) var scores: String?
  @Option(help: ArgumentHelp("The ids of its rows.", valueName: "file")) var ids: String?
  @Option(help: ArgumentHelp("Their labels, with the columns Id and Target.", valueName: "file")) var labels: String?
  @Option(help: ArgumentHelp("One threshold a class; 0.15 for all by default.", valueName: "file")) var thresholds: String?
  @Option(help: ArgumentHelp("Matches that search found (query,gallery,score,rank).", valueName: "file")) var matches: String?
  @Option(help: ArgumentHelp("A CSV (query,gallery) of pairs that are the same field.", valueName: "file")) var known: String?
  @Option(help: ArgumentHelp("Where the pictures go, where files are named.", valueName: "folder")) var plots: String?
  @OptionGroup var output: OutputOptions
  @OptionGroup var project: ProjectOptions

  func validate() throws {
    let hasScores = try Together.allOrNone([("--scores", scores != nil), ("--ids", ids != nil), ("--labels", labels != nil)])
    guard hasScores || thresholds == nil else { throw ValidationError("--thresholds goes with --scores.") }
    guard known == nil || matches != nil else { throw ValidationError("--known goes with --matches.") }
    let hasFiles = hasScores || matches != nil || !log.isEmpty
    guard hasFiles == (plots != nil) else {
      throw ValidationError(hasFiles ? "Add --plots DIR, where the pictures go." : "--plots goes with --scores, --log or --matches.")
    }
  }

  func run() throws {
    if let plots {
      let folder = PlotFolder(path: plots)
      let files = try pictures().flatMap { try folder.write($0.picture, as: $0.name) }
      return output.json ? try Output.print(json: ["plots": files]) : Output.print(files.joined(separator: "\n"))
    }
    let folder = try project.open()
    let report = try folder.report()
    if output.json { try Output.print(json: report) } else { Output.print(Self.text(report, folder: folder)) }
  }

  /// What the named files show. All of them are read before anything is written.
  private func pictures() throws -> [(name: String, picture: Picture)] {
    var pictures: [(String, Picture)] = []
    if !log.isEmpty {
      let models = try log.map { (name: log.count == 1 ? "" : $0, folds: [try LineChart.LearningCurve(contentsOf: $0)]) }
      let title = log.count == 1 ? "Learning curve of \(log[0])" : "Learning curves"
      pictures.append(("learning_curves", LineChart.learningCurves(title: title, models: models).picture))
    }
    if let scores, let ids, let labels {
      let rows = try ClassScores(contentsOf: scores, ids: try ImageID.list(contentsOf: ids))
      let curves = try F1Curve.all(scores: rows, truth: try LabelTable(contentsOf: labels))
      let chosen = try thresholds.map(Thresholds.init(contentsOf:)) ?? Thresholds()
      pictures.append(
        ("f1_thresholds", curves.picture(title: "F1 against the threshold", images: rows.ids.count, thresholds: chosen)))
    }
    if let matches {
      let known = try known.map(KnownPairs.init(contentsOf:))
      pictures.append(
        ("similarities", try Matches(contentsOf: matches).similarityPicture(title: "How similar the matches are", known: known)))
    }
    return pictures
  }

  static func text(_ report: RunReport, folder: ProjectFolder) -> String {
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
    let files = [folder.matchPicture] + report.plots.filter { $0.hasSuffix(".png") } + [folder.submission]
    for (index, file) in files.enumerated() { lines.append((index == 0 ? "look at: " : "         ") + file) }
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
  /// The pictures that were drawn.
  let plots: [String]
}

extension ProjectFolder {
  var searchFile: String { result("search.json") }
  var matchPicture: String { result("matches.png") }

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
      search: FileManager.default.fileExists(atPath: searchFile) ? try FileBytes.read(json: searchFile) : nil,
      plots: try drawLearningCurves() + drawF1Curves() + drawSimilarities())
  }
}
