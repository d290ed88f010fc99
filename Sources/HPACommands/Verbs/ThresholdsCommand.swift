import ArgumentParser
import HPABlend
import HPACore

struct ThresholdsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "thresholds",
    abstract: "Search each class's threshold on validation scores.",
    discussion: """
      The F1 optimum of every class with more than --min-count validation images that carry it; the others keep --default.

      Example: hpa-feat thresholds --scores val.npy --ids val.csv --labels train.csv --min-count 1000 --out thresholds.csv
      """)

  @Option(help: ArgumentHelp("A matrix of N x 28 scores (.npy).", valueName: "file")) var scores: String
  @Option(help: ArgumentHelp("The ids of its rows.", valueName: "file")) var ids: String
  @Option(help: ArgumentHelp("A CSV with the columns Id and Target.", valueName: "file")) var labels: String
  @Option(help: "Classes with this many positive images or fewer keep the default.") var minCount = 1000
  @Option(name: .customLong("default"), help: "The threshold of classes that are not searched.") var fallback = Thresholds.default
  @Option(help: ArgumentHelp("Where to write (class,threshold).", valueName: "file")) var out: String
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard minCount >= 0 else { throw ValidationError("--min-count \(minCount): use 0 or more.") }
    guard fallback.isFinite else { throw ValidationError("--default \(fallback): use a number such as 0.15.") }
  }

  func run() throws {
    let validation = try ClassScores(contentsOf: scores, ids: try ImageID.list(contentsOf: ids))
    let search = ThresholdSearch(minimumCount: minCount, fallback: fallback)
    let choices = try search.choices(scores: validation, truth: try LabelTable(contentsOf: labels))
    try Thresholds(choices).write(to: out)
    if output.json { try Output.print(json: choices) } else { Output.print(Self.text(choices)) }
    Talk.say("Wrote \(out).")
  }

  static func text(_ choices: [ThresholdSearch.Choice]) -> String {
    var table = Table([
      ("class", .right), ("name", .left), ("positives", .right), ("threshold", .right), ("F1", .right), ("F1 at default", .right),
      ("", .left),
    ])
    for choice in choices {
      table.add([
        "\(choice.classID)", ProteinLocation.all[choice.classID].name, "\(choice.positives)", Output.decimal(choice.threshold),
        Output.decimal(choice.f1), Output.decimal(choice.f1AtFallback), choice.isSearched ? "" : "too few positives, default kept",
      ])
    }
    return table.text
  }
}
