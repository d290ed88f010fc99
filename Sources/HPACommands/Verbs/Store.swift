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
    subcommands: [
      List.self, Show.self, Verify.self, Repair.self, Salvage.self, Export.self, ImportView.self, Merge.self, Compact.self, Drop.self,
    ])
}

/// Which store.
struct StoreOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The feature store.", valueName: "folder")) var store = "features.lmdb"

  func requirePresence() throws {
    guard FileManager.default.fileExists(atPath: store) else {
      throw Failure(
        .missingInput, "there is no feature store", at: .file(store), cure: "Name it with --store FOLDER, or fill it: hpa-feat extract.")
    }
  }

  func open() throws -> FeatureStore {
    try requirePresence()
    return try FeatureStore.reading(store)
  }
}

/// A store that is written to.
struct WritableStoreOptions: ParsableArguments {
  @OptionGroup var options: StoreOptions
  @OptionGroup var network: NetworkFileSystemOptions

  var path: String { options.store }

  /// - Parameter creating: make the store where there is none.
  func open(creating: Bool = false) throws -> FeatureStore {
    if !creating { try options.requirePresence() }
    return try FeatureStore(path, mode: .readWrite, allowsNetwork: network.allowNetwork)
  }
}

/// Whether the locks of a file system can be relied on.
struct NetworkFileSystemOptions: ParsableArguments {
  @Flag(help: "Write to a store on a network file system, too: no other computer may use it meanwhile.") var allowNetwork = false
}

extension FeatureStore {
  /// Opens a store for reading, and tells the person what to know about it.
  static func reading(_ path: String) throws -> FeatureStore {
    let store = try FeatureStore(path)
    if let warning = store.warning { Talk.say("warning: \(warning)") }
    return store
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
    @OptionGroup var output: OutputOptions

    func run() throws {
      let summary = try store.open().summary(of: view.view)
      guard !output.json else { return try Output.print(json: summary) }
      let header = summary.header
      let norms = summary.norms.map { [$0.minimum, $0.mean, $0.maximum].map { Output.decimal($0) }.joined(separator: ", ") } ?? "none"
      let lines: [(String, String?)] = [
        ("view", header.name), ("data set", header.dataset), ("origin", header.origin.rawValue), ("state", header.state.rawValue),
        ("images", "\(summary.count) of \(header.count)"), ("dimension", "\(header.dimension)"), ("checkpoint", header.lineage.checkpoint),
        ("  SHA-256", header.lineage.checkpointSHA256), ("backbone", header.lineage.backbone),
        ("size", header.lineage.size.map(String.init)),
        ("channel map", header.lineage.channelMap), ("precision", header.lineage.precision),
        ("resize", header.lineage.resize), ("preprocessing", header.lineage.preprocessing),
        ("declared origin", header.lineage.declaredOrigin),
        ("source", header.lineage.source), ("  SHA-256", header.lineage.sourceSHA256), ("ids SHA-256", header.lineage.idsSHA256),
        ("program version", header.lineage.programVersion), ("command", header.command), ("created", header.created.ISO8601Format()),
        ("updated", header.updated.ISO8601Format()), ("finished", header.finished?.ISO8601Format()), ("norms (min, mean, max)", norms),
        ("NaN or infinite", "\(summary.nonFinite)"),
        ("all zero", "\(summary.zero)"), ("constant dimensions", Self.list(summary.constantDimensions)),
        ("contents SHA-256", summary.contentsSHA256),
      ]
      let width = lines.map(\.0.count).max() ?? 0
      for (name, value) in lines {
        if let value { Output.print(name + String(repeating: " ", count: width + 2 - name.count) + value) }
      }
    }

    private static func list(_ dimensions: [Int]) -> String {
      let first = dimensions.prefix(8).map(String.init).joined(separator: ", ")
      return dimensions.isEmpty ? "0" : "\(dimensions.count): \(first)\(dimensions.count > 8 ? ", ..." : "")"
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
    @OptionGroup var output: OutputOptions

    func validate() throws {
      if let sample, sample < 1 { throw ValidationError("--sample \(sample): use 1 or more.") }
    }

    private struct Report: Encodable {
      let view: String
      let report: VerifyReport
      let isSound: Bool
    }

    func run() throws {
      let opened = try store.open()
      let reports = try (view.map { [$0] } ?? opened.views().map(\.name)).map { name in
        let report = try opened.verify(name, sample: sample, seed: seed)
        return Report(view: name, report: report, isSound: report.isSound)
      }
      if output.json { try Output.print(json: reports) } else { reports.forEach(Self.show) }
      let damaged = reports.filter { !$0.isSound }
      guard let first = damaged.first else { return }
      throw Failure(
        .badData, "\(damaged.count) damaged views", at: .file(store.store),
        cure:
          "Run: hpa-feat store repair --store \(store.store) --view \(first.view), then again: \(try opened.header(of: first.view).command)"
      )
    }

    private static func show(_ report: Report) {
      Output.print("\(report.view): \(report.report.checked) of \(report.report.count) records checked, \(report.report.bad.count) bad")
      for record in report.report.bad { Output.print("  \(record.key): \(record.reason)") }
      if !report.report.hasItsIDs { Output.print("  its ids are not those that its header names") }
    }
  }

  struct Repair: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove bad records, so that the next extract makes just those again.",
      discussion: "Example: hpa-feat store repair --store features.lmdb --view test@v4_f0")
    @OptionGroup var store: WritableStoreOptions
    @OptionGroup var view: ViewOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
      let removed = try store.open().repair(view.view)
      guard !output.json else { return try Output.print(json: removed) }
      Output.print("\(view.view): \(removed.count) records removed")
      for record in removed { Output.print("  \(record.key): \(record.reason)") }
    }
  }

  struct Salvage: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Save what is whole of a damaged store into a new one.",
      discussion: """
        For a store of which a page is damaged, so that it cannot be read. Takes every record whose checksum is right; the commands that made the
        views, run on the new store, then do what is missing.

        Example: hpa-feat store salvage --store features.lmdb --out saved.lmdb
        """)
    @OptionGroup var store: StoreOptions
    @Option(help: ArgumentHelp("The new store.", valueName: "folder")) var out: String
    @OptionGroup var output: OutputOptions

    func run() throws {
      try store.requirePresence()
      let report = try FeatureStore.salvage(store.store, to: out, progress: ProgressLine("salvage", total: 0, unit: "vectors"))
      guard !output.json else { return try Output.print(json: report) }
      var table = Table([("view", .left), ("saved", .right), ("of", .right), ("state", .left)])
      for view in report.views { table.add([view.name, "\(view.saved)", view.expected.map(String.init) ?? "?", view.state.rawValue]) }
      Output.print(table.text)
      for line in report.damage { Output.print(line) }
    }
  }

  struct Compact: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Give the space of dropped views back to the disk.", discussion: "Example: hpa-feat store compact --store features.lmdb")
    @OptionGroup var store: WritableStoreOptions
    @OptionGroup var output: OutputOptions

    private struct Sizes: Encodable {
      let before: Int
      let after: Int
    }

    func run() throws {
      _ = try store.open()
      let sizes = try FeatureStore.compact(store.path)
      guard !output.json else { return try Output.print(json: Sizes(before: sizes.before, after: sizes.after)) }
      Output.print("\(sizes.before) -> \(sizes.after) bytes")
    }
  }

  struct Drop: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove a view.", discussion: "Example: hpa-feat store drop --store features.lmdb --view test@v4_f0")
    @OptionGroup var store: WritableStoreOptions
    @OptionGroup var view: ViewOptions

    func run() throws {
      try store.open().drop(view.view)
      Output.print("\(view.view): dropped")
    }
  }
}
