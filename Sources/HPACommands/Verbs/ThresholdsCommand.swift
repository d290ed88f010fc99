import ArgumentParser
import HPABlend
import HPACore

struct ThresholdsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "thresholds",
    abstract: "Find each class's threshold on validation scores.",
    discussion: """
      --method optimum: the best F1 of every class with more than --min-count validation images that carry it; the others keep --default.
      --method fixed: --default for all.
      --method ratio: the threshold that labels the share of the scored images which carries the class in --distribution (by default in
      --labels); it needs no labels of the scored images.

      Example: hpa-feat thresholds --scores val.npy --ids val.csv --labels train.csv --min-count 1000 --out thresholds.csv
               hpa-feat thresholds --scores val.npy --ids val.csv --labels train.csv --bootstrap 1000 --details intervals.csv --out t.csv
               hpa-feat thresholds --method ratio --scores test.npy --ids test.csv --distribution train.csv --out t.csv
      """)

  @Option(help: ArgumentHelp("A matrix of N x 28 scores (.npy).", valueName: "file")) var scores: String
  @Option(help: ArgumentHelp("The ids of its rows.", valueName: "file")) var ids: String
  @Option(help: ArgumentHelp("The labels of the scored images: a CSV with the columns Id and Target.", valueName: "file"))
  var labels: String?

  @Option(help: "optimum, fixed or ratio.") var method = ThresholdMethod.optimum
  @Option(help: ArgumentHelp("The label table whose shares --method ratio matches.", valueName: "file")) var distribution: String?
  @Option(help: "Classes with this many positive images or fewer keep the default; other methods than optimum only mark them.")
  var minCount = 1000

  @Option(name: .customLong("default"), help: "The threshold of classes that are not searched.") var fallback = Thresholds.default
  @OptionGroup var bootstrap: BootstrapOptions
  @Option(help: ArgumentHelp("Where to write (class,threshold).", valueName: "file")) var out: String
  @Option(help: ArgumentHelp("Where to write all that is known of each class: counts, F1, intervals, notes (CSV).", valueName: "file"))
  var details: String?

  @OptionGroup var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard minCount >= 0 else { throw ValidationError("--min-count \(minCount): use 0 or more.") }
    guard fallback.isFinite else { throw ValidationError("--default \(fallback): use a number such as 0.15.") }
    guard distribution == nil || method == .ratio else { throw ValidationError("--distribution goes with --method ratio.") }
    guard labels != nil || method != .optimum else { throw ValidationError("--method optimum also needs --labels.") }
    guard labels != nil || distribution != nil || method != .ratio else {
      throw ValidationError("--method ratio also needs --distribution, or --labels.")
    }
    guard labels != nil || bootstrap.bootstrap == nil else { throw ValidationError("--bootstrap also needs --labels.") }
  }

  func run() throws {
    let validation = try ClassScores(contentsOf: scores, ids: try ImageID.list(contentsOf: ids))
    let truth = try labels.map(LabelTable.init(contentsOf:))
    let search = try ThresholdSearch(
      method, distribution: try distribution.map(LabelTable.init(contentsOf:)) ?? truth, minimumCount: minCount, fallback: fallback)
    let bootstrap = try bootstrap.plan
    let progress = bootstrap.map { ProgressLine("bootstrap", total: $0.resamples, unit: "resamples") }
    let choices = try search.choices(
      scores: validation, truth: truth, bootstrap: bootstrap, threads: machine.threadCount, progress: progress)
    try Thresholds(choices).write(to: out)
    if let details { try choices.writeDetails(to: details) }
    if output.json { try Output.print(json: choices) } else { Output.print(Self.text(choices, bootstrap)) }
    Talk.say("Wrote \(([out] + [details].compactMap(\.self)).joined(separator: " and ")).")
  }

  static func text(_ choices: [ThresholdSearch.Choice], _ bootstrap: ThresholdBootstrap?) -> String {
    let percent = bootstrap.map { "\(Int(($0.confidence * 100).rounded())) %" }
    var columns: [(String, Table.Alignment)] = [("class", .right), ("name", .left), ("positives", .right), ("threshold", .right)]
    if let percent { columns.append((percent, .right)) }
    columns += [("predicted", .right), ("F1", .right)]
    if let percent { columns.append((percent, .right)) }
    var table = Table(columns + [("F1 at default", .right), ("", .left)])
    let number = { (value: Double?) in value.map { Output.decimal($0) } ?? "" }
    let interval = { (value: ThresholdSearch.Choice.Interval?) in value.map { ["\(number($0.low)) to \(number($0.high))"] } ?? [] }
    for choice in choices {
      table.add(
        ["\(choice.classID)", ProteinLocation.all[choice.classID].name, choice.positives.map(String.init) ?? "", number(choice.threshold)]
          + interval(choice.thresholdInterval) + ["\(choice.predicted)", number(choice.f1)] + interval(choice.f1Interval)
          + [number(choice.f1AtFallback), choice.note?.rawValue ?? ""])
    }
    return table.text
  }
}

/// The rules for thresholds by their names.
enum ThresholdMethod: String, CaseIterable, ExpressibleByArgument {
  case optimum, fixed, ratio
}

extension ThresholdSearch {
  /// - Parameter distribution: the labels whose shares `ratio` matches.
  /// - Throws: `usage` for `ratio` without them.
  init(_ method: ThresholdMethod, distribution: LabelTable?, minimumCount: Int, fallback: Double) throws {
    switch method {
    case .optimum: self.init(.optimum, minimumCount: minimumCount, fallback: fallback)
    case .fixed: self.init(.fixed, minimumCount: minimumCount, fallback: fallback)
    case .ratio:
      guard let distribution else {
        throw Failure(.usage, "there are no labels whose shares could be matched", cure: "Add --distribution FILE.csv (Id,Target).")
      }
      self.init(.ratio(try ClassShares(distribution)), minimumCount: minimumCount, fallback: fallback)
    }
  }
}
