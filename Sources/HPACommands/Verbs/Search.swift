import ArgumentParser
import Foundation
import HPACore
import HPAIndex

struct Search: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Find the gallery images that are most like the queries: exact cosine of every pair, unless an index is named.",
    discussion: """
      --top N gives the N best pairs overall, one for each query at most; --k N gives N neighbours of every query. Ties are broken by id.

      Example: hpa-feat search --queries Q.npy --gallery G.npy --query-ids Q.csv --gallery-ids G.csv --top 300 --out matches.csv
               hpa-feat search --queries test@v4_f0 --gallery hpav18@v4_f0 --store features.lmdb --k 10 --out matches.csv
               hpa-feat search --queries Q.npy --gallery G.npy --top 300 --known pairs.csv --scan --out matches.csv
      In a project folder: hpa-feat search --top 300
      """)

  @Option(help: ArgumentHelp("Features to look for: an .npy file, or a view of the store.", valueName: "file|view")) var queries: String?
  @Option(help: ArgumentHelp("Features to look among.", valueName: "file|view")) var gallery: String?
  @Option(help: ArgumentHelp("The ids of the rows of --queries; row numbers by default.", valueName: "file")) var queryIds: String?
  @Option(help: ArgumentHelp("The ids of the rows of --gallery; row numbers by default.", valueName: "file")) var galleryIds: String?
  @Option(help: ArgumentHelp("The feature store, where views are named.", valueName: "folder")) var store = "features.lmdb"
  @Option(help: ArgumentHelp("The best pairs overall.", valueName: "n")) var top: Int?
  @Option(name: .customLong("k"), help: ArgumentHelp("Neighbours of every query.", valueName: "n")) var neighbours: Int?
  @Option(help: "Leave pairs below this cosine out.") var minScore: Float?
  @Option(
    help: ArgumentHelp(
      "Before cosines are taken: gallery, scale every dimension by the gallery's mean and deviation; each, both sides by their own; whiten, "
        + "make all directions of the gallery equally long, for features in which images of one class hardly differ. none by default.",
      valueName: "way"))
  var standardise: Standardisation?

  @Flag(help: "The same as --standardise whiten.") var whiten = false
  @Option(help: ArgumentHelp("A CSV (query,gallery) of pairs that are the same field; prints how many were found.", valueName: "file"))
  var known: String?
  @Flag(help: "Show what each minimum score would keep of the matches, judged by the known pairs.") var scan = false
  @Option(
    help: ArgumentHelp(
      "Look only at what an index nominates (hpa-feat index build): for galleries of millions. Scores stay exact, its recall is printed.",
      valueName: "file"))
  var index: String?

  @Option(help: ArgumentHelp("Where to write (query,gallery,score,rank).", valueName: "file")) var out: String?
  @OptionGroup var machine: MachineOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var project: ProjectOptions

  func validate() throws {
    let isFiles = try Together.allOrNone([("--queries", queries != nil), ("--gallery", gallery != nil), ("--out", out != nil)])
    guard top == nil || neighbours == nil else { throw ValidationError("Use either --top or --k.") }
    guard !isFiles || top != nil || neighbours != nil else {
      throw ValidationError("Add --top N for the best pairs, or --k N for neighbours.")
    }
    for (name, value) in [("--top", top), ("--k", neighbours)] {
      if let value, value < 1 { throw ValidationError("\(name) \(value): use 1 or more.") }
    }
    if let minScore, !(-1...1).contains(minScore) { throw ValidationError("--min-score \(minScore): use a cosine from -1 to 1.") }
    guard !whiten || standardise == nil else { throw ValidationError("Use either --standardise or --whiten.") }
    guard !isFiles || !scan || known != nil else { throw ValidationError("--scan also needs --known.") }
    guard index == nil || (standardisation ?? Standardisation.none) == Standardisation.none else {
      throw ValidationError("--index goes without --standardise: an index is built for the features as they are.")
    }
    guard isFiles || (queryIds == nil && galleryIds == nil) else {
      throw ValidationError("--query-ids and --gallery-ids go with --queries and --gallery.")
    }
  }

  func run() throws {
    guard let job = fileJob else {
      let folder = try project.open()
      let (result, summary) = try perform(
        try folder.searchJob(
          amount: amount, minimumScore: minScore, knownPairs: known, isScanned: scan, standardisation: standardisation, index: index))
      try folder.keep(result, summary)
      return
    }
    _ = try perform(job)
  }

  private func perform(_ job: SearchJob) throws -> (Matches, SearchJob.Summary) {
    let (result, summary) = try job.run(threads: machine.threadCount)
    if output.json { try Output.print(json: summary) } else { Output.print(try Self.text(result, summary, job: job)) }
    return (result, summary)
  }

  private var amount: SearchJob.Amount? { neighbours.map { .neighbours($0) } ?? top.map { .bestPairs($0) } }

  private var standardisation: Standardisation? { whiten ? .whiten : standardise }

  /// The search among named files; nil where the project says what to search.
  private var fileJob: SearchJob? {
    guard let queries, let gallery, let out, let amount else { return nil }
    return SearchJob(
      queries: EmbeddingReference(queries, ids: queryIds, store: store),
      gallery: EmbeddingReference(gallery, ids: galleryIds, store: store),
      amount: amount, minimumScore: minScore, knownPairs: known, isScanned: scan, standardisation: standardisation ?? .none,
      index: index, out: out)
  }

  private static func text(_ matches: Matches, _ summary: SearchJob.Summary, job: SearchJob) throws -> String {
    var table = Table([("rank", .right), ("query", .left), ("gallery", .left), ("score", .right)])
    for match in matches.matches.prefix(10) {
      table.add(["\(match.rank)", match.query.text, match.gallery.text, Output.decimal(Double(match.score), places: 6)])
    }
    let more = matches.matches.count - 10
    var lines = [table.text]
    if more > 0 { lines.append("... and \(more) more in \(job.out)") }
    lines.append("")
    let pairs = "\(summary.queries) x \(summary.gallery) pairs in \(Output.decimal(summary.searchSeconds, places: 2)) s; "
    if let recall = summary.recall {
      lines.append(
        pairs + "approximate: the index finds \(Output.decimal(recall.value)) of the \(recall.neighbours) nearest rows of its gallery")
    } else {
      lines.append(
        pairs + "\(summary.candidates ?? 0) candidates, whose first scores were exact to \(Output.decimal(Double(summary.errorBound))); "
          + "\(summary.rescored) re-scored in double precision")
    }
    if let found = summary.knownFound, let known = summary.knownPairs, let precision = summary.precision {
      lines.append(
        "known pairs found: \(found) of \(known); precision at \(matches.matches.count): \(Output.decimal(precision, places: 3))")
    }
    if let scan = summary.scan { lines += ["", Self.table(scan)] }
    return lines.joined(separator: "\n")
  }

  private static func table(_ scan: [MinimumScoreScan.Row]) -> String {
    var table = Table([("min-score", .right), ("matches", .right), ("known pairs", .right), ("precision", .right), ("recall", .right)])
    for row in scan {
      table.add([
        "\(row.minimumScore)", "\(row.matches)", "\(row.hits)", Output.decimal(row.precision, places: 3),
        Output.decimal(row.recall, places: 3),
      ])
    }
    return table.text
  }
}

/// A search from files or views to a file of matches.
struct SearchJob {
  enum Amount {
    case bestPairs(Int)
    case neighbours(Int)

    var count: Int {
      switch self {
      case .bestPairs(let count), .neighbours(let count): count
      }
    }
  }

  struct Summary: Codable {
    let queries: Int
    let gallery: Int
    let k: Int
    let loadSeconds: Double
    let searchSeconds: Double
    let writeSeconds: Double
    let matches: Int
    /// Of the exact search; none where an index was used, and in files of old versions.
    let kernel: SearchKernel?
    let candidates: Int?
    let rescored: Int
    let errorBound: Float
    let knownPairs: Int?
    let knownFound: Int?
    let precision: Double?
    /// By minimum score, where a scan was asked for.
    let scan: [MinimumScoreScan.Row]?
    /// Of the index, where one was used.
    let recall: Recall?

    enum CodingKeys: String, CodingKey {
      case queries, gallery, k, matches, kernel, candidates, rescored, precision, scan, recall
      case loadSeconds = "load_seconds"
      case searchSeconds = "search_seconds"
      case writeSeconds = "write_seconds"
      case errorBound = "error_bound"
      case knownPairs = "known_pairs"
      case knownFound = "known_found"
    }
  }

  let queries: EmbeddingReference
  let gallery: EmbeddingReference
  let amount: Amount
  let minimumScore: Float?
  let knownPairs: String?
  let isScanned: Bool
  let standardisation: Standardisation
  /// The index whose nominations are scored; every pair is where there is none.
  let index: String?
  let out: String

  private func rows() throws -> (queries: NamedRows<Float>, gallery: NamedRows<Float>) {
    try EmbeddingReference.checkComparable(queries, gallery)
    return try standardisation.applied(
      queries: try queries.load(), gallery: try gallery.load(), queryPath: queries.name, galleryPath: gallery.name)
  }

  func run(threads: Int) throws -> (Matches, Summary) {
    let lock = try OutputLock(out)
    defer { withExtendedLifetime(lock) {} }
    let clock = ContinuousClock()
    let started = clock.now
    let known = try knownPairs.map(KnownPairs.init(contentsOf:))
    guard known != nil || !isScanned else {
      throw Failure(.usage, "a scan needs known pairs", cure: "Add --known FILE.csv, or 'known_pairs' under 'search' in hpa.yaml.")
    }
    let (left, right) = try rows()
    let loaded = clock.now
    let record = try index.map(IndexRecord.init(of:))
    var found = try record.map { try nominated($0, left, right, threads: threads) } ?? exact(left, right, threads: threads)
    let searched = clock.now
    found.rename(queries: queries.publicID, gallery: gallery.publicID)
    try found.write(to: out)
    let hits = known.map { $0.count(in: found.matches) }
    return (
      found,
      Summary(
        queries: left.ids.count, gallery: right.ids.count, k: amount.count, loadSeconds: (loaded - started).seconds,
        searchSeconds: (searched - loaded).seconds, writeSeconds: (clock.now - searched).seconds, matches: found.matches.count,
        kernel: found.statistics?.kernel, candidates: found.statistics?.candidates, rescored: found.statistics?.rescored ?? 0,
        errorBound: found.statistics?.errorBound ?? 0, knownPairs: known?.count,
        knownFound: hits,
        precision: hits.map { Double($0) / Double(max(found.matches.count, 1)) },
        scan: isScanned ? known.map { MinimumScoreScan(found.matches, known: $0.count, isKnown: $0.contains).rows } : nil,
        recall: record?.recall)
    )
  }

  private func exact(_ left: NamedRows<Float>, _ right: NamedRows<Float>, threads: Int) throws -> Matches {
    let search = try ExactSearch(gallery: right, path: gallery.name, threads: threads)
    let options = ExactSearch.Options(threads: threads, minimumScore: minimumScore)
    let progress = ProgressLine("search", total: left.ids.count, unit: "queries")
    return switch amount {
    case .bestPairs(let count): try search.bestPairs(of: left, count: count, options: options, path: queries.name, progress: progress)
    case .neighbours(let count): try search.neighbours(of: left, count: count, options: options, path: queries.name, progress: progress)
    }
  }

  private func nominated(_ record: IndexRecord, _ left: NamedRows<Float>, _ right: NamedRows<Float>, threads: Int) throws -> Matches {
    let search = try record.open(index ?? "", gallery: right, named: gallery.name)
    let progress = ProgressLine("search", total: left.ids.count, unit: "queries")
    return switch amount {
    case .bestPairs(let count):
      try search.bestPairs(
        of: left, count: count, threads: threads, minimumScore: minimumScore, path: queries.name, progress: progress)
    case .neighbours(let count):
      try search.neighbours(
        of: left, count: count, threads: threads, minimumScore: minimumScore, path: queries.name, progress: progress)
    }
  }
}

/// Pairs of images that are known to show the same field.
struct KnownPairs {
  private struct Pair: Hashable {
    let query: ImageID
    let gallery: ImageID
  }

  private let pairs: Set<Pair>

  /// Reads `query,gallery`; further columns are ignored.
  init(contentsOf path: String) throws {
    let table = try CSVTable(contentsOf: path)
    let (query, gallery) = (try table.column("query"), try table.column("gallery"))
    pairs = Set(table.rows.map { Pair(query: ImageID($0[query]), gallery: ImageID($0[gallery])) })
  }

  var count: Int { pairs.count }

  func contains(_ match: Match) -> Bool { pairs.contains(Pair(query: match.query, gallery: match.gallery)) }

  /// How many of the matches are known pairs.
  func count(in matches: [Match]) -> Int { matches.count(where: contains) }
}
