import Foundation
import HPABlend
import HPACore
import HPADatasets
import HPAStacker
import HPATorch

/// The stacker of every fold, from features in memory to files.
struct StackJob {
  struct Images {
    let ids: [ImageID]
    let input: StackerInput
  }

  /// What the honest variant needs to know.
  struct Honest {
    let blocks: HonestBlocks
    /// The stacker's own division of the images, which must not be the networks'.
    let folds: Folds
  }

  let training: Images
  let labels: [LabelSet]
  let folds: Folds
  /// Nil where nobody said which networks held out which images.
  let honest: Honest?
  /// Images that the mean of all folds is to score; nil for none.
  let test: Images?
  let configuration: StackerConfiguration
  let variant: StackVariant
  /// Whether the other variant is trained, too, to show what the choice does to the validation score; by its cost where nil.
  var isCompared: Bool?
  let out: String

  func run(device: Device) throws -> StackSummary {
    try FileBytes.makeFolder(out)
    let lock = try FolderLock(out, busy: "another command trains this stack", cure: "Wait for it, or name another --out.")
    defer { withExtendedLifetime(lock) {} }
    let plan = try plan(variant)
    let (other, reason) = try comparison()
    let count = plan.folds.count + (other?.folds.count ?? 0)
    let progress = ProgressLine("stack-train", total: count * configuration.epochs, unit: "epochs")
    let result = try train(plan, device: device, progress: progress, isKept: true)
    let compared = try other.map { try train($0, device: device, progress: progress, isKept: false) }
    progress.finish()
    return try summary(of: result, plan, compared: compared, reason: reason)
  }

  // MARK: Variants

  /// One way to see the training images.
  private struct Plan {
    let variant: StackVariant
    let layout: StackerLayout
    let folds: Folds
    /// Rows of the training images that take part, and the blocks that each keeps (nil for all).
    let rows: [Int]
    let kept: [[Int]]?
    /// By fold: places in `rows`.
    let parts: [(training: [Int], validation: [Int])]

    /// - Throws: `badData` for a part without images, and what `HonestBlocks.check` throws.
    init(_ variant: StackVariant, _ layout: StackerLayout, ids: [ImageID], folds: Folds, rows: [Int], kept: [[Int]]?, honest: HonestBlocks?)
      throws
    {
      (self.variant, self.layout, self.folds, self.rows, self.kept) = (variant, layout, folds, rows, kept)
      let placeOfID = Dictionary(uniqueKeysWithValues: zip(rows.map { ids[$0] }, rows.indices))
      parts = (0..<folds.count).map { fold in
        (folds.training(fold: fold).compactMap { placeOfID[$0] }, folds.validation(fold: fold).compactMap { placeOfID[$0] })
      }
      for (fold, part) in parts.enumerated() {
        guard part.training.count > 1, !part.validation.isEmpty else {
          throw Failure(
            .badData, "fold \(fold) of the stacker has \(part.training.count) training and \(part.validation.count) validation images",
            cure: "Use fewer folds or more images.")
        }
        if let kept { try honest?.check(training: part.training.map { kept[$0] }, validation: part.validation.map { kept[$0] }) }
      }
    }
  }

  private func plan(_ variant: StackVariant) throws -> Plan {
    let widths = training.input.widths
    guard variant == .outOfFold else {
      return try Plan(
        variant, StackerLayout(widths: widths), ids: training.ids, folds: folds, rows: Array(training.ids.indices), kept: nil, honest: nil)
    }
    guard let honest else {
      throw Failure(
        .usage, "out-of-fold features cannot be told from others without the folds of the networks",
        cure: "Add --feature-folds FILE, the folds that the networks were trained on.")
    }
    let blocks = training.ids.enumerated().map { row, id in honest.blocks.blocks(of: id, turn: row) }
    let rows = blocks.indices.filter { blocks[$0] != nil }
    return try Plan(
      variant, StackerLayout(widths: widths, passes: honest.blocks.passes), ids: training.ids, folds: honest.folds, rows: rows,
      kept: blocks.compactMap(\.self), honest: honest.blocks)
  }

  /// The other variant, where it was asked for, or can be trained in less than about a minute; else the reason why not.
  private func comparison() throws -> (plan: Plan?, reason: String?) {
    guard honest != nil else { return (nil, "the folds of the networks are not known (--feature-folds)") }
    guard isCompared ?? isCheap else { return (nil, isCompared == nil ? "it would take a while (--compare)" : "--no-compare") }
    do {
      return (try plan(variant == .outOfFold ? .naive : .outOfFold), nil)
    } catch let failure as Failure where isCompared == nil {
      return (nil, failure.message)
    }
  }

  private var isCheap: Bool {
    let weights = Double(training.input.columns + ProteinLocation.count) * Double(configuration.width)
    let operations = 6 * weights * Double(training.ids.count) * Double(configuration.epochs) * Double(folds.count)
    return operations <= 2e12
  }

  // MARK: Training

  private struct Outcome {
    let records: [StackerRecord]
    /// Scores of every image by the fold that held it out.
    let held: NamedRows<Double>
  }

  private func train(_ plan: Plan, device: Device, progress: ProgressLine, isKept: Bool) throws -> Outcome {
    let features = training.input.features(rows: plan.rows, normalization: configuration.normalization, kept: plan.kept)
    let examples = Stacker.Examples(features: features, labels: plan.rows.map { labels[$0] })
    var (held, tested) = (ScoreMean(), ScoreMean())
    var records: [StackerRecord] = []
    for (fold, part) in plan.parts.enumerated() {
      var configuration = configuration
      configuration.seed = self.configuration.seed &+ UInt64(fold)
      let stacker = try Stacker(plan.layout, configuration: configuration, device: device)
      let record = try stacker.train(examples, training: part.training, validation: part.validation, progress: progress)
      records.append(record)
      held.add(
        try stacker.scores(of: features.selecting(rows: part.validation)), for: part.validation.map { training.ids[plan.rows[$0]] })
      guard isKept else { continue }
      if let test { tested.add(try stacker.scores(of: test.input), for: test.ids) }
      try stacker.write(to: "\(out)/fold_\(fold).safetensors", record: record)
    }
    let scores = try held.mean(in: training.ids)
    if isKept {
      try scores.write(to: "\(out)/validation")
      if let test { try tested.mean(in: test.ids).write(to: "\(out)/test") }
      try plan.folds.write(to: "\(out)/folds.csv")
    }
    return Outcome(records: records, held: scores)
  }

  // MARK: Judging

  private func summary(of result: Outcome, _ plan: Plan, compared: Outcome?, reason: String?) throws -> StackSummary {
    let other = compared.map { Set($0.held.ids) }
    let both = result.held.ids.filter { other?.contains($0) ?? true }
    // Shuffled folds can hold out different images.
    let shared = both.isEmpty ? result.held.ids : both
    let taking = Set(plan.rows)
    let leftOut = training.ids.indices.filter { !taking.contains($0) }
    let listPath = leftOut.isEmpty ? nil : "\(out)/left_out.csv"
    if let listPath {
      let lines = leftOut.map { CSVTable.line([training.ids[$0].text, "held out by no network of some model"]) }
      try FileBytes.write(CSVTable.line(["Id", "Reason"]) + lines.joined(), to: listPath)
    }
    let summary = StackSummary(
      folds: result.records, meanLoss: result.records.reduce(0) { $0 + $1.bestLoss } / Double(result.records.count),
      columns: training.input.columns, blocks: training.input.widths.count, variant: variant, images: plan.rows.count,
      leftOut: leftOut.count, leftOutList: listPath, validation: try judgement(result.held, on: shared),
      otherVariant: try both.isEmpty ? nil : compared.map { try judgement($0.held, on: shared) },
      otherVariantReason: both.isEmpty ? "both variants have no validation image in common" : reason, hasTestScores: test != nil, out: out)
    try FileBytes.write(json: summary, to: StackSummary.path(in: out))
    return summary
  }

  private func judgement(_ held: NamedRows<Double>, on ids: [ImageID]) throws -> StackSummary.Judgement {
    let truth = try LabelTable(ids: training.ids, labels: labels)
    let scores = try ClassScores(ids: ids, matrix: try held.rows(of: ids), name: "validation scores")
    let report = try ClassificationReport(of: try Submission(scores: scores, thresholds: Thresholds()), truth: truth)
    return .init(images: ids.count, loss: Self.loss(scores, try truth.labels(for: ids)), macroF1: report.macroF1)
  }

  /// The mean of both losses, which are one function of the scores: -(y log p + (1 - y) log(1 - p)); logarithms end at -100, as PyTorch's.
  private static func loss(_ scores: ClassScores, _ labels: [LabelSet]) -> Double {
    let sum = labels.enumerated().reduce(0.0) { sum, item in
      sum
        + scores.matrix[row: item.offset].enumerated().reduce(0.0) { row, score in
          row - max(log(item.element.contains(score.offset) ? score.element : 1 - score.element), -100)
        }
    }
    return sum / Double(labels.count * ProteinLocation.count)
  }
}

/// Which features of its training images a stacker sees.
enum StackVariant: String, Codable {
  /// All of them, as published, also those by networks that were trained on the image.
  case naive
  /// Those by networks that held the image out.
  case outOfFold = "out_of_fold"

  var name: String { self == .naive ? "naive" : "out of fold" }
}

/// What a training of stackers reached: `stack.json`.
struct StackSummary: Codable {
  /// How good held-out scores are.
  struct Judgement: Codable {
    let images: Int
    let loss: Double
    /// At the default threshold for all classes.
    let macroF1: Double
  }

  let folds: [StackerRecord]
  let meanLoss: Double
  let columns: Int
  let blocks: Int
  let variant: StackVariant
  /// Images that the stackers were trained on and judged by.
  let images: Int
  /// Images without an honest feature of every model, which only the naive variant uses.
  let leftOut: Int
  let leftOutList: String?
  let validation: Judgement
  /// The same images scored by the other variant, where it was trained.
  let otherVariant: Judgement?
  /// Why it was not trained.
  let otherVariantReason: String?
  let hasTestScores: Bool
  let out: String

  static func path(in folder: String) -> String { folder + "/stack.json" }

  var text: String {
    var table = Table([("fold", .right), ("best epoch", .right), ("validation loss", .right)])
    for (fold, record) in folds.enumerated() {
      table.add(["\(fold)", "\(record.bestEpoch + 1)", Output.decimal(record.bestLoss)])
    }
    var lines = [
      "\(blocks) \(blocks == 1 ? "block" : "blocks"), \(columns) columns, \(images) images; variant: \(variant.name)", table.text,
      "mean validation loss \(Output.decimal(meanLoss)), macro F1 at \(Thresholds.default): \(Output.decimal(validation.macroF1))",
    ]
    if let leftOutList {
      lines.append("\(leftOut) images have no honest feature of some model and were left out -> \(leftOutList)")
    }
    lines += comparison
    if variant == .naive {
      lines.append("warning: naive features: those of an image come also from networks that were trained on it, so its validation score")
      lines.append("  flatters and the stacker trusts what test images do not have. Honest features: --out-of-fold.")
    }
    lines.append("-> \(out)" + (hasTestScores ? ", test scores in \(out)/test_scores.npy" : ""))
    return lines.joined(separator: "\n")
  }

  private var comparison: [String] {
    guard let otherVariant else {
      let reason = otherVariantReason.map { ": \($0)" } ?? ""
      return ["what the choice of variant does to this score is not known, for the other was not trained\(reason)"]
    }
    let (naive, honest) = variant == .naive ? (validation, otherVariant) : (otherVariant, validation)
    var table = Table([("variant", .left), ("validation loss", .right), ("macro F1", .right)])
    for (name, row) in [(StackVariant.naive, naive), (.outOfFold, honest)] {
      table.add([name.name + (name == variant ? " (used)" : ""), Output.decimal(row.loss), Output.decimal(row.macroF1)])
    }
    return [
      "", table.text,
      "on the same \(validation.images) images naive validation shows \(Output.decimal(naive.macroF1 - honest.macroF1)) more macro F1 than honest",
      "",
    ]
  }
}
