import ArgumentParser
import Foundation
import HPACore
import HPAIndex

struct Groups: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Find images that show the same field, as groups that folds keep together.",
    discussion: """
      Every pair of images is looked at; those whose cosine reaches --min-score belong together. Groups chain: with --linkage complete they
      do not, and every pair of a group reaches --min-score. Beside --out lies FILE_similarity.csv with the least similar pair of each group.

      Example: hpa-feat groups --features train.npy --ids train.csv --min-score 0.98 --out groups.csv
               hpa-feat groups --features train@v4_f0 --with hpav18@v4_f0 --store features.lmdb --min-score 0.98 --linkage complete --out groups.csv
               hpa-feat folds --labels train.csv --groups groups.csv --out folds.csv
      """)

  @Option(help: ArgumentHelp("Features: an .npy file, or a view of the store.", valueName: "file|view")) var features: String
  @Option(help: ArgumentHelp("The ids of the rows of --features; row numbers by default.", valueName: "file")) var ids: String?
  @Option(help: ArgumentHelp("Features of a second set, grouped together with the first.", valueName: "file|view")) var with: String?
  @Option(help: ArgumentHelp("The ids of the rows of --with.", valueName: "file")) var withIds: String?
  @Option(help: ArgumentHelp("The feature store, where views are named.", valueName: "folder")) var store = "features.lmdb"
  @Option(help: "The least cosine of two images that belong together.") var minScore: Float
  @Option(help: "single: chains of alike images are one group; complete: every pair of a group reaches --min-score.")
  var linkage = SimilarityGroups.Linkage.single

  @Option(help: ArgumentHelp("As in search, --with being the gallery: \(Standardisation.list).", valueName: "way"))
  var standardise = Standardisation.none

  @Option(help: ArgumentHelp("Where to write (Id,Group); a group's name is its smallest id.", valueName: "file")) var out: String
  @OptionGroup var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard (-1...1).contains(minScore) else { throw ValidationError("--min-score \(minScore): use a cosine from -1 to 1.") }
    guard with != nil || withIds == nil else { throw ValidationError("--with-ids goes with --with.") }
  }

  func run() throws {
    let (rows, publicID) = try rows()
    let progress = ProgressLine("groups", total: rows.ids.count, unit: "images")
    let found = try SimilarityGroups(
      of: rows, minimumScore: minScore, linkage: linkage, options: .init(threads: machine.threadCount), path: features, progress: progress)
    let lines = found.groups.flatMap { group in group.ids.map { CSVTable.line([publicID($0).text, publicID(group.name).text]) } }
    try FileBytes.write(CSVTable.line(["Id", "Group"]) + lines.joined(), to: out)
    let summary = Summary(
      images: rows.ids.count, pairs: found.pairs, minimumScore: minScore, linkage: linkage.rawValue,
      groups: found.groups.map { group in
        Summary.Group(
          group: publicID(group.name).text, images: group.ids.count, smallestScore: group.smallestScore, first: publicID(group.first).text,
          second: publicID(group.second).text)
      }, out: out, similarities: (out as NSString).deletingPathExtension + "_similarity.csv")
    try summary.writeSimilarities()
    if output.json { try Output.print(json: summary) } else { Output.print(summary.text) }
  }

  /// Both sets as one, and how their ids are shown.
  private func rows() throws -> (rows: NamedRows<Float>, publicID: (ImageID) -> ImageID) {
    let first = EmbeddingReference(features, ids: ids, store: store)
    guard let with else {
      let rows = try first.load()
      return (try standardise.applied(queries: rows, gallery: rows, queryPath: features, galleryPath: features).queries, first.publicID)
    }
    let second = EmbeddingReference(with, ids: withIds, store: store)
    guard !first.hasRowNumbers, !second.hasRowNumbers else {
      throw Failure(.usage, "row numbers of two files cannot be told apart", at: .file(with), cure: "Add --ids and --with-ids.")
    }
    let (left, right) = try standardise.applied(
      queries: try first.load(), gallery: try second.load(), queryPath: features, galleryPath: with)
    guard left.matrix.columns == right.matrix.columns else {
      throw Failure(
        .badData, "has \(right.matrix.columns) features, \(features) has \(left.matrix.columns)", at: .file(with),
        cure: "Give features of the same checkpoint.")
    }
    let matrix = Matrix(
      rows: left.matrix.rows + right.matrix.rows, columns: left.matrix.columns, values: left.matrix.values + right.matrix.values)
    return (try NamedRows(ids: left.ids + right.ids, matrix: matrix), { $0 })
  }

  private struct Summary: Encodable {
    struct Group: Encodable {
      let group: String
      let images: Int
      let smallestScore: Float
      let first: String
      let second: String

      enum CodingKeys: String, CodingKey {
        case group, images, first, second
        case smallestScore = "smallest_score"
      }
    }

    let images: Int
    /// Pairs that reach the minimum score.
    let pairs: Int
    let minimumScore: Float
    let linkage: String
    let groups: [Group]
    let out: String
    let similarities: String

    enum CodingKeys: String, CodingKey {
      case images, pairs, linkage, groups, out, similarities
      case minimumScore = "min_score"
    }

    func writeSimilarities() throws {
      let lines = groups.map { CSVTable.line([$0.group, "\($0.images)", "\($0.smallestScore)", $0.first, $0.second]) }
      try FileBytes.write(CSVTable.line(["Group", "Images", "SmallestScore", "First", "Second"]) + lines.joined(), to: similarities)
    }

    /// The groups that hold the least similar pairs first, for those are the ones to look at.
    var text: String {
      var table = Table([("group", .left), ("images", .right), ("smallest score", .right), ("between", .left), ("and", .left)])
      let shown = groups.sorted { ($0.smallestScore, $0.group) < ($1.smallestScore, $1.group) }.prefix(20)
      for group in shown {
        table.add([group.group, "\(group.images)", Output.decimal(Double(group.smallestScore), places: 6), group.first, group.second])
      }
      var lines = groups.isEmpty ? [] : [table.text]
      if groups.count > shown.count { lines.append("... and \(groups.count - shown.count) more in \(similarities)") }
      let grouped = groups.reduce(0) { $0 + $1.images }
      lines.append(
        "\(groups.count) groups of \(grouped) of \(images) images; \(pairs) pairs reach \(minimumScore) -> \(out), \(similarities)")
      let chained = groups.count { $0.smallestScore < minimumScore }
      if chained > 0 { lines.append("\(chained) groups chain: they hold pairs below \(minimumScore). --linkage complete parts them.") }
      return lines.joined(separator: "\n")
    }
  }
}

extension Standardisation {
  static var list: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
