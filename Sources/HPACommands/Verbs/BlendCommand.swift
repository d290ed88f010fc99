import ArgumentParser
import Foundation
import HPABlend
import HPACore
import HPAImages

/// `S1.npy=31`: a score matrix and its weight.
struct WeightedFile: ExpressibleByArgument {
  let path: String
  let weight: Double

  init?(argument: String) {
    guard let equals = argument.lastIndex(of: "="), let weight = Double(argument[argument.index(after: equals)...]),
      equals > argument.startIndex
    else { return nil }
    path = String(argument[..<equals])
    self.weight = weight
  }
}

struct BlendCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "blend",
    abstract: "Mix score matrices into a submission, with and without the leak step.",
    discussion: """
      The weighted mean of the members is cut at the thresholds (score > threshold; a row with none gets its best class). With --leaks,
      --out takes the known labels of leaked images, and beside it lie FILE_without_leaks.csv and FILE_changes.csv, a row for every change,
      and FILE_conflicts.csv where gallery labels for one image differ.

      Example: hpa-feat blend --member v3.npy=31 --member v4.npy=21 --ids sample_submission.csv --thresholds thresholds.csv \\
                 --leaks matches.csv --gallery-labels HPAv18.csv --out submission.csv
      In a project folder: hpa-feat blend
                           hpa-feat blend --folds best:6
      """)

  @Option(
    name: .customLong("member"), help: ArgumentHelp("A matrix of N x 28 scores and its weight; repeat for each.", valueName: "file=weight"))
  var members: [WeightedFile] = []

  @Option(help: ArgumentHelp("The ids of the rows of every member, in the order the submission keeps.", valueName: "file")) var ids: String?
  @Option(help: ArgumentHelp("One threshold a class (class,threshold); 0.15 for all by default.", valueName: "file")) var thresholds:
    String?

  @Option(help: ArgumentHelp("A published leak table (Extra,Test,Target) or matches.csv (query,gallery,score,rank).", valueName: "file"))
  var leaks: String?

  @Option(help: ArgumentHelp("The labels of the gallery, where --leaks is a matches.csv.", valueName: "file")) var galleryLabels: String?
  @Option(help: "Leave matches below this score alone.") var minScore: Double?
  @Option(help: "A leaked image that is not in --ids: fail (the default), or skip to leave it out and list it.")
  var onError: ImageImport.ErrorRule?

  @Option(help: ArgumentHelp("Where to write the submission.", valueName: "file")) var out: String?
  @Option(
    help: ArgumentHelp(
      "In a project, the folds of each model that score the test images: all, or best:N by validation loss.", valueName: "choice"))
  var folds: FoldChoice?
  @OptionGroup var output: OutputOptions
  @OptionGroup var project: ProjectOptions

  func validate() throws {
    let isFiles = try Together.allOrNone([("--member", !members.isEmpty), ("--ids", ids != nil), ("--out", out != nil)])
    guard isFiles || (thresholds == nil && leaks == nil && galleryLabels == nil && minScore == nil && onError == nil) else {
      throw ValidationError("--thresholds, --leaks, --gallery-labels, --min-score and --on-error go with --member, --ids and --out.")
    }
    guard !isFiles || folds == nil else { throw ValidationError("--folds goes with a project folder.") }
    guard leaks != nil || (galleryLabels == nil && minScore == nil && onError == nil) else {
      throw ValidationError("--gallery-labels, --min-score and --on-error go with --leaks.")
    }
  }

  func run() throws {
    guard let ids, let out else {
      let summary = try project.open().blend(folds: folds)
      try print(summary)
      return
    }
    let order = try ImageID.list(contentsOf: ids)
    let scores = try Blend.mean(of: members.map { Blend.Member(try ClassScores(contentsOf: $0.path, ids: order), weight: $0.weight) })
    let plain = try Submission(scores: scores, thresholds: try thresholds.map { try Thresholds(contentsOf: $0) } ?? Thresholds())
    let leaks = try leaks.map {
      try LeakTable(contentsOf: $0, labels: try galleryLabels.map(LabelTable.init(contentsOf:)), minimumScore: minScore)
    }
    try print(try BlendOutput(plain, leaks: leaks, errorRule: onError ?? .fail).write(to: out))
  }

  private func print(_ summary: BlendOutput.Summary) throws {
    if output.json { try Output.print(json: summary) } else { Output.print(summary.text) }
  }
}

/// A blended submission and what the leak step makes of it, ready to be written.
struct BlendOutput {
  struct Summary: Encodable {
    let images: Int
    let submission: String
    var withoutLeaks: String?
    var changes: String?
    var leaks = 0
    var changed = 0
    var repeated = 0
    var conflicts: [String] = []
    var conflictList: String?
    /// Test images of the leak table that the submission does not hold.
    var unknown: [String] = []
    /// In a project: every fold of the models, and whether its test scores were taken.
    private(set) var folds: [BlendFold]?

    func with(folds: [BlendFold]) -> Summary {
      var summary = self
      summary.folds = folds
      return summary
    }

    var text: String { (choiceText + [mainText]).joined(separator: "\n\n") }

    /// The table of a choice among folds; empty where all were taken.
    private var choiceText: [String] {
      guard let folds, folds.contains(where: { !$0.isChosen }) else { return [] }
      var table = Table([("model", .left), ("fold", .right), ("validation loss", .right), ("", .left)])
      for fold in folds {
        table.add([
          fold.model, "\(fold.fold)", fold.validationLoss.map { Output.decimal($0) } ?? "", fold.isChosen ? "taken" : "left out",
        ])
      }
      return [table.text]
    }

    private var mainText: String {
      guard let withoutLeaks, let changes else { return "\(images) images -> \(submission)" }
      var lines = [
        "\(images) images -> \(submission)", "without the leak step -> \(withoutLeaks)",
        "\(leaks) leaked images, \(changed) rows changed -> \(changes)",
      ]
      if repeated > 0 { lines.append("\(repeated) of them have several gallery images; their labels are united") }
      if let conflictList {
        lines.append("\(conflicts.count) of them have gallery labels that differ, united all the same -> \(conflictList)")
      }
      if !unknown.isEmpty { lines.append("left out, for the submission has no such image: \(unknown.joined(separator: ", "))") }
      return lines.joined(separator: "\n")
    }
  }

  let plain: Submission
  /// The submission after the leak step, and what the step did; nil without a leak table.
  let leaked: (table: LeakTable, submission: Submission, changes: [LeakChange])?

  /// Test images of the leak table that were left out.
  private let unknown: [LeakTable.Entry]

  /// - Parameter errorRule: whether a test image of the leak table that the submission does not hold is an error, or left out.
  /// - Throws: `badData` for such an image.
  init(_ plain: Submission, leaks: LeakTable?, errorRule: ImageImport.ErrorRule = .fail) throws {
    self.plain = plain
    let split = errorRule == .skip ? leaks?.split(by: plain.ids) : nil
    unknown = split?.unknown ?? []
    leaked = try (split?.known ?? leaks).map { table in
      let (submission, changes) = try table.applied(to: plain)
      return (table, submission, changes)
    }
  }

  /// Writes `path`, and with leaks the submission without them and the log of changes beside it.
  func write(to path: String) throws -> Summary {
    guard let leaked else {
      try plain.write(to: path)
      return Summary(images: plain.ids.count, submission: path)
    }
    let stem = (path as NSString).deletingPathExtension
    let (withoutLeaks, log) = (stem + "_without_leaks.csv", stem + "_changes.csv")
    let conflictList = leaked.table.conflicts.isEmpty ? nil : stem + "_conflicts.csv"
    try plain.write(to: withoutLeaks)
    try LeakChange.write(leaked.changes, to: log)
    if let conflictList { try leaked.table.writeConflicts(to: conflictList) }
    try leaked.submission.write(to: path)
    return Summary(
      images: plain.ids.count, submission: path, withoutLeaks: withoutLeaks, changes: log, leaks: leaked.table.entries.count,
      changed: leaked.changes.count, repeated: leaked.table.repeated.count, conflicts: leaked.table.conflicts.map(\.test.text),
      conflictList: conflictList, unknown: unknown.map(\.test.text))
  }
}
