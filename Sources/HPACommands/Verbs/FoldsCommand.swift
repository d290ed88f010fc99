import ArgumentParser
import HPACore
import HPADatasets

struct FoldsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "folds",
    abstract: "Divide labelled images into folds of equal make-up.",
    discussion: """
      Iterative stratification (Sechidis et al. 2011). The same labels, groups and seed give the same bytes.

      Example: hpa-feat folds --labels train.csv --count 10 --scheme kfold --seed 7 --out folds.csv
      """)

  @Option(help: ArgumentHelp("A CSV with the columns Id and Target; the project's training labels by default.", valueName: "file"))
  var labels: String?

  @Option(help: "How many folds.") var count = 10
  @Option(help: "kfold: every image is held out once; shuffle: independent 92/8 splits.") var scheme = Folds.Scheme.kfold
  @Option(help: "Another seed gives other folds.") var seed: UInt64 = 0

  @Option(help: ArgumentHelp("A CSV of two ids a row: images that stay in one fold.", valueName: "file"))
  var groups: String?

  @Option(help: ArgumentHelp("Share of the images that a shuffle split holds out.", valueName: "share"))
  var validationFraction = Folds.defaultValidationFraction

  @Option(help: ArgumentHelp("Where to write (Id,Fold or Id,Split,Part).", valueName: "file"))
  var out: String?

  @OptionGroup var output: OutputOptions
  @OptionGroup var project: ProjectOptions

  func validate() throws {
    _ = try Together.allOrNone([("--labels", labels != nil), ("--out", out != nil)])
  }

  func run() throws {
    guard let labels, let out else {
      let folder = try project.open()
      try report(
        try folder.makeFolds(), table: try folder.labels(of: try folder.dataset("train")), path: folder.folds,
        validationFraction: Folds.defaultValidationFraction)
      for model in folder.configuration.models where folder.foldFile(of: model) != folder.folds {
        _ = try folder.makeFolds(for: model)
        Talk.say("Wrote \(folder.foldFile(of: model)).")
      }
      return
    }
    let table = try LabelTable(contentsOf: labels)
    let folds = try Folds.stratified(
      table, count: count, scheme: scheme, seed: seed,
      groups: try groups.map { try ImageGroups(contentsOf: $0, for: table) } ?? ImageGroups(),
      validationFraction: validationFraction)
    try folds.write(to: out)
    try report(folds, table: table, path: out, validationFraction: validationFraction)
  }

  private struct Summary: Encodable {
    let folds: String
    let images: Int
    /// Held-out images of each class, by fold.
    let counts: [[Int]]
    let evenness: Folds.Evenness
  }

  private func report(_ folds: Folds, table: LabelTable, path: String, validationFraction: Double) throws {
    let counts = try (0..<folds.count).map { fold in
      LabelStatistics(try LabelTable(ids: folds.validation(fold: fold), labels: try table.labels(for: folds.validation(fold: fold))))
    }
    let evenness = try folds.evenness(table, share: folds.scheme == .kfold ? 1 / Double(folds.count) : validationFraction)
    if output.json {
      let counts = counts.map { $0.classes.map(\.images) }
      return try Output.print(json: Summary(folds: path, images: table.count, counts: counts, evenness: evenness))
    }
    var text = Table([("class", .right), ("name", .left), ("all", .right)] + (0..<folds.count).map { ("fold \($0)", .right) })
    for row in LabelStatistics(table).classes {
      text.add(["\(row.id)", row.name, "\(row.images)"] + counts.map { "\($0.classes[row.id].images)" })
    }
    text.add(["", "images", "\(table.count)"] + counts.map { "\($0.images)" })
    Output.print(text.text)
    Output.print(
      "\nA class count deviates from its share by \(Output.decimal(evenness.meanDeviation)) images on average, "
        + "by \(Output.decimal(evenness.largestDeviation)) at most.")
    Talk.say("Wrote \(path).")
  }
}
