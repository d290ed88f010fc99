import ArgumentParser
import Foundation
import HPACore
import HPAStore

struct Store: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Look into the feature store, check it, and bring features in and out.",
    discussion: """
      A store is an LMDB folder that py-lmdb reads as well; its layout is in schemas/store.md.

      Example: hpa-feat store ls --store features.lmdb
               hpa-feat store verify --store features.lmdb
      """,
    subcommands: [List.self, Show.self, Verify.self, Repair.self, Export.self, ImportView.self, Merge.self, Compact.self, Drop.self])
}

/// Which store.
struct StoreOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The feature store.", valueName: "folder")) var store = "features.lmdb"

  func open(_ mode: FeatureStore.Mode = .readOnly) throws -> FeatureStore {
    guard FileManager.default.fileExists(atPath: store) else {
      throw Failure(
        .missingInput, "there is no feature store", at: .file(store), cure: "Name it with --store FOLDER, or fill it: hpa-feat extract.")
    }
    return try FeatureStore(store, mode: mode)
  }
}

/// Which view of it.
struct ViewOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The view; see hpa-feat store ls.", valueName: "name")) var view: String
}

extension Store {
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "ls", abstract: "List the views.", discussion: "Example: hpa-feat store ls --store features.lmdb")
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
      let views = try store.open().views()
      guard !output.json else { return try Output.print(json: views) }
      var table = Table([
        ("view", .left), ("images", .right), ("dimension", .right), ("state", .left), ("backbone", .left), ("size", .right),
        ("channels", .left),
        ("made", .left),
      ])
      for view in views {
        table.add([
          view.name, "\(view.count)", "\(view.dimension)", view.state.rawValue, view.lineage.backbone ?? view.origin.rawValue,
          view.lineage.size.map(String.init) ?? "", view.lineage.channelMap ?? "", view.created.ISO8601Format(),
        ])
      }
      Output.print(table.text)
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show what made a view, and what its vectors are like.",
      discussion: "Example: hpa-feat store show --store features.lmdb --view test@v4_f0")
    @OptionGroup var store: StoreOptions
    @OptionGroup var view: ViewOptions

    func run() throws {
      let summary = try store.open().summary(of: view.view)
      let header = summary.header
      let norms = summary.norms.map { [$0.minimum, $0.mean, $0.maximum].map { Output.decimal($0) }.joined(separator: ", ") } ?? "none"
      let lines: [(String, String?)] = [
        ("view", header.name), ("data set", header.dataset), ("origin", header.origin.rawValue), ("state", header.state.rawValue),
        ("images", "\(summary.count) of \(header.count)"), ("dimension", "\(header.dimension)"), ("checkpoint", header.lineage.checkpoint),
        ("  SHA-256", header.lineage.checkpointSHA256), ("backbone", header.lineage.backbone),
        ("size", header.lineage.size.map(String.init)),
        ("channel map", header.lineage.channelMap), ("precision", header.lineage.precision),
        ("preprocessing", header.lineage.preprocessing),
        ("source", header.lineage.source), ("  SHA-256", header.lineage.sourceSHA256), ("ids SHA-256", header.lineage.idsSHA256),
        ("program version", header.lineage.programVersion), ("command", header.command), ("created", header.created.ISO8601Format()),
        ("updated", header.updated.ISO8601Format()), ("norms (min, mean, max)", norms), ("NaN or infinite", "\(summary.nonFinite)"),
        ("all zero", "\(summary.zero)"), ("constant dimensions", "\(summary.constantDimensions.count)"),
        ("contents SHA-256", summary.contentsSHA256),
      ]
      let width = lines.map(\.0.count).max() ?? 0
      for (name, value) in lines {
        if let value { Output.print(name + String(repeating: " ", count: width + 2 - name.count) + value) }
      }
    }
  }

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check the checksum of every record.",
      discussion: "Example: hpa-feat store verify --store features.lmdb --view test@v4_f0 --sample 1000")
    @OptionGroup var store: StoreOptions
    @Option(help: ArgumentHelp("One view; all by default.", valueName: "name")) var view: String?
    @Option(help: ArgumentHelp("Check only so many records.", valueName: "n")) var sample: Int?
    @Option(help: "Another seed gives another sample.") var seed: UInt64 = 0

    func validate() throws {
      if let sample, sample < 1 { throw ValidationError("--sample \(sample): use 1 or more.") }
    }

    func run() throws {
      let opened = try store.open()
      var damaged = 0
      for name in try view.map({ [$0] }) ?? opened.views().map(\.name) {
        let report = try opened.verify(name, sample: sample, seed: seed)
        Output.print("\(name): \(report.checked) of \(report.count) records checked, \(report.bad.count) bad")
        for record in report.bad { Output.print("  \(record.key): \(record.reason)") }
        if !report.hasItsIDs { Output.print("  its ids are not those that its header names") }
        damaged += report.isSound ? 0 : 1
      }
      guard damaged == 0 else {
        throw Failure(
          .badData, "\(damaged) damaged views", at: .file(store.store),
          cure: "Run: hpa-feat store repair --store \(store.store) --view NAME, then the same hpa-feat extract again.")
      }
    }
  }

  struct Repair: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove bad records, so that the next extract makes just those again.",
      discussion: "Example: hpa-feat store repair --store features.lmdb --view test@v4_f0")
    @OptionGroup var store: StoreOptions
    @OptionGroup var view: ViewOptions

    func run() throws {
      let removed = try store.open(.readWrite).repair(view.view)
      Output.print("\(view.view): \(removed.count) records removed")
      for record in removed { Output.print("  \(record.key): \(record.reason)") }
    }
  }

  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write a view as .npy with an ids file, or as CSV.",
      discussion: "Example: hpa-feat store export --store features.lmdb --view test@v4_f0 --out test.npy --ids test_ids.csv")
    @OptionGroup var store: StoreOptions
    @OptionGroup var view: ViewOptions
    @Option(help: ArgumentHelp("A .npy or .csv file.", valueName: "file")) var out: String
    @Option(help: ArgumentHelp("Where the ids of a .npy go.", valueName: "file")) var ids: String?
    @Flag(help: "Write what is there of an incomplete view.") var allowIncomplete = false

    func validate() throws {
      guard out.hasSuffix(".npy") || out.hasSuffix(".csv") else { throw ValidationError("--out \(out): name a .npy or .csv file.") }
      guard out.hasSuffix(".npy") == (ids != nil) else {
        throw ValidationError("A .npy file needs --ids FILE.csv beside it; a .csv holds the ids itself.")
      }
    }

    func run() throws {
      let opened = try store.open()
      if let ids {
        try opened.export(view.view, matrix: out, ids: ids, allowIncomplete: allowIncomplete)
      } else {
        try opened.exportCSV(view.view, to: out, allowIncomplete: allowIncomplete)
      }
      Talk.say("Wrote \(out).")
    }
  }

  struct ImportView: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "import", abstract: "Take embeddings that another program made.",
      discussion: "Example: hpa-feat store import --store features.lmdb --view test@dino --matrix e.npy --ids e.csv --dataset test")
    @OptionGroup var store: StoreOptions
    @OptionGroup var view: ViewOptions
    @Option(help: ArgumentHelp("The embeddings (.npy).", valueName: "file")) var matrix: String
    @Option(help: ArgumentHelp("Their ids.", valueName: "file")) var ids: String
    @Option(help: ArgumentHelp("What the images are.", valueName: "name")) var dataset: String

    func run() throws {
      let opened = try FeatureStore(store.store, mode: .readWrite)
      let header = try opened.importView(
        view.view, dataset: dataset, matrix: matrix, ids: ids, lineage: Lineage(programVersion: Version.text), command: CommandLine.line)
      Output.print("\(header.name): \(header.count) x \(header.dimension)")
    }
  }

  struct Merge: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Bring the views of other stores (shards, say) into this one.",
      discussion: "Example: hpa-feat store merge --store features.lmdb shard0.lmdb shard1.lmdb")
    @OptionGroup var store: StoreOptions
    @Argument(help: ArgumentHelp("The stores to take from.", valueName: "folder")) var from: [String]
    @Option(help: ArgumentHelp("One view; all by default.", valueName: "name")) var view: String?

    func run() throws {
      for report in try FeatureStore(store.store, mode: .readWrite).merge(from: from, views: view.map { [$0] }) {
        Output.print("\(report.view): \(report.added) added, \(report.duplicates) there already, \(report.state.rawValue)")
      }
    }
  }

  struct Compact: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Give the space of dropped views back to the disk.", discussion: "Example: hpa-feat store compact --store features.lmdb")
    @OptionGroup var store: StoreOptions

    func run() throws {
      _ = try store.open()
      let sizes = try FeatureStore.compact(store.store)
      Output.print("\(sizes.before) -> \(sizes.after) bytes")
    }
  }

  struct Drop: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove a view.", discussion: "Example: hpa-feat store drop --store features.lmdb --view test@v4_f0")
    @OptionGroup var store: StoreOptions
    @OptionGroup var view: ViewOptions

    func run() throws {
      try store.open(.readWrite).drop(view.view)
      Output.print("\(view.view): dropped")
    }
  }
}
