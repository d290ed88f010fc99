import ArgumentParser
import Foundation
import HPACore
import HPAStore
import HPATorch

extension Store {
  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write a view as a file: .npy with ids, .npz, .csv, .tsv, .safetensors or .h5ad.",
      discussion: """
        .npz holds 'features' and 'ids'; .safetensors holds 'features', with the ids and the view's header in its metadata (JSON); .h5ad is AnnData,
        with the header in uns["view"].

        Example: hpa-feat store export --store features.lmdb --view test@v4_f0 --out test.npy --ids test_ids.csv
                 hpa-feat store export --store features.lmdb --view test@v4_f0 --out test.h5ad
        """)
    @OptionGroup var store: StoreOptions
    @OptionGroup var view: ViewOptions
    @Option(help: ArgumentHelp("The file; its ending says which kind.", valueName: "file")) var out: String
    @Option(help: ArgumentHelp("Where the ids of a .npy go.", valueName: "file")) var ids: String?
    @Flag(help: "Write what is there of an incomplete view.") var allowIncomplete = false

    private enum Kind: String, CaseIterable { case npy, npz, csv, tsv, safetensors, h5ad }

    private var kind: Kind? { Kind(rawValue: (out as NSString).pathExtension) }

    func validate() throws {
      guard let kind else {
        throw ValidationError("--out \(out): name a file that ends in \(Kind.allCases.map { "." + $0.rawValue }.joined(separator: ", ")).")
      }
      guard (kind == .npy) == (ids != nil) else {
        throw ValidationError("A .npy file needs --ids FILE.csv beside it; the other kinds hold the ids themselves.")
      }
    }

    func run() throws {
      let opened = try store.open()
      let (name, isAllowed) = (view.view, allowIncomplete)
      switch kind {
      case .npz: try opened.exportNPZ(name, to: out, allowIncomplete: isAllowed)
      case .csv: try opened.exportTable(name, to: out, allowIncomplete: isAllowed)
      case .tsv: try opened.exportTable(name, to: out, separator: "\t", allowIncomplete: isAllowed)
      case .safetensors: try opened.exportSafetensors(name, to: out, allowIncomplete: isAllowed)
      case .h5ad: try opened.exportAnnData(name, to: out, allowIncomplete: isAllowed)
      case .npy, nil: try opened.export(name, matrix: out, ids: ids ?? "", allowIncomplete: isAllowed)
      }
      Talk.say("Wrote \(out).")
    }
  }

  struct ImportView: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "import", abstract: "Take embeddings that another program made, of any dimension.",
      discussion: """
        They become a view like any other: to be searched, stacked and blended. --origin says what made them; features are compared only with others
        of the same origin.

        Example: hpa-feat store import --store features.lmdb --view test@clip --matrix e.npy --ids e.csv --dataset test --origin "CLIP ViT-B/32"
                 hpa-feat store import --store features.lmdb --view test@clip --matrix e.npz --dataset test --origin "CLIP ViT-B/32"
        """)
    @OptionGroup var store: WritableStoreOptions
    @OptionGroup var view: ViewOptions
    @Option(help: ArgumentHelp("The embeddings: .npy, or .npz with 'features' and 'ids'.", valueName: "file")) var matrix: String
    @Option(help: ArgumentHelp("The ids of a .npy.", valueName: "file")) var ids: String?
    @Option(help: ArgumentHelp("What the images are.", valueName: "name")) var dataset: String
    @Option(help: ArgumentHelp("What made the embeddings: network, weights, preprocessing.", valueName: "text")) var origin: String
    @OptionGroup var output: OutputOptions

    func validate() throws {
      guard ids != nil || matrix.hasSuffix(".npz") else { throw ValidationError("--matrix \(matrix) also needs --ids FILE.csv.") }
    }

    func run() throws {
      let lineage = Lineage(declaredOrigin: origin, programVersion: Version.text)
      let header = try store.open(creating: true).importView(
        view.view, dataset: dataset, matrix: matrix, ids: ids, lineage: lineage, command: CommandLine.line,
        progress: ProgressLine("import \(view.view)", total: 0, unit: "vectors"))
      guard !output.json else { return try Output.print(json: header) }
      Output.print("\(header.name): \(header.count) x \(header.dimension)")
    }
  }

  struct Merge: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Bring the views of other stores (shards, say) into this one.",
      discussion: "Example: hpa-feat store merge --store features.lmdb shard0.lmdb shard1.lmdb")
    @OptionGroup var store: WritableStoreOptions
    @Argument(help: ArgumentHelp("The stores to take from.", valueName: "folder")) var from: [String]
    @Option(help: ArgumentHelp("One view; all by default.", valueName: "name")) var view: String?
    @OptionGroup var output: OutputOptions

    func run() throws {
      let progress = ProgressLine("merge", total: 0, unit: "vectors")
      let reports = try store.open(creating: true).merge(from: from, views: view.map { [$0] }, progress: progress)
      guard !output.json else { return try Output.print(json: reports) }
      for report in reports {
        Output.print("\(report.view): \(report.added) added, \(report.duplicates) there already, \(report.state.rawValue)")
      }
    }
  }
}

extension FeatureStore {
  /// Writes `features` (N x dimension) with the metadata `ids` (a JSON list) and `view` (the header's JSON).
  fileprivate func exportSafetensors(_ name: String, to path: String, allowIncomplete: Bool) throws {
    let rows = try matrix(name, allowIncomplete: allowIncomplete)
    let ids = String(decoding: try JSONEncoder().encode(rows.ids.map(\.text)), as: UTF8.self)
    try SafetensorsFile.write(
      [.init("features", shape: [rows.matrix.rows, rows.matrix.columns], .floats(rows.matrix.values))],
      metadata: ["ids": ids, "view": try header(of: name).json()], to: path)
  }
}
