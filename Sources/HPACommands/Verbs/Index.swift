import ArgumentParser
import Foundation
import HPACore
import HPAIndex
import HPAStore

struct Index: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Build approximate indexes for galleries of millions, with their measured recall.",
    discussion: """
      A recipe is a file of indexes/: a factory string of Faiss and the lowest recall that is accepted. Recall is measured against exact search
      while the index is built; below the minimum, nothing is written. The index nominates, exact cosines decide: search --index FILE.

      Example: hpa-feat index build --gallery hpav18@v4_f0 --recipe hnsw --out hpav18.faiss
               hpa-feat search --queries test@v4_f0 --gallery hpav18@v4_f0 --index hpav18.faiss --k 10 --out matches.csv
      """,
    subcommands: [Build.self, Show.self, Recipes.self])
}

extension Index {
  struct Build: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Build the index of a gallery.",
      discussion: """
        Writes Faiss's own file, which faiss.read_index of Python reads as well, and FILE.json with gallery, recipe and recall. The same gallery
        and recipe give the same index with any number of threads.

        Example: hpa-feat index build --gallery G.npy --gallery-ids G.csv --recipe ivf-pq --out G.faiss
        In a project folder, for the gallery of its search: hpa-feat index build --recipe hnsw
        """)

    @Option(help: ArgumentHelp("Features: an .npy file, or a view of the store.", valueName: "file|view")) var gallery: String?
    @Option(help: ArgumentHelp("The ids of the rows of --gallery; row numbers by default.", valueName: "file")) var galleryIds: String?
    @Option(help: ArgumentHelp("The feature store, where a view is named.", valueName: "folder")) var store = "features.lmdb"
    @Option(help: ArgumentHelp("A recipe of indexes/, or a file.", valueName: "name|file")) var recipe: String
    @Option(help: "Rows of the gallery that recall is measured with.") var recallQueries = 1000
    @Option(help: "Draws those rows.") var seed: UInt64 = 0
    @Option(help: ArgumentHelp("Where to write the index.", valueName: "file")) var out: String?
    @OptionGroup var machine: MachineOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var project: ProjectOptions

    func validate() throws {
      let isFiles = try Together.allOrNone([("--gallery", gallery != nil), ("--out", out != nil)])
      guard isFiles || galleryIds == nil else { throw ValidationError("--gallery-ids goes with --gallery.") }
      guard recallQueries >= 1 else { throw ValidationError("--recall-queries \(recallQueries): use 1 or more.") }
    }

    func run() throws {
      let recipe = try RecipeShelf(project: project.project).recipe(recipe)
      guard let gallery, let out else {
        let folder = try project.open()
        return try build(recipe, try folder.searchGallery(), out: try folder.index(recipe.name))
      }
      try build(recipe, EmbeddingReference(gallery, ids: galleryIds, store: store), out: out)
    }

    private func build(_ recipe: IndexRecipe, _ reference: EmbeddingReference, out: String) throws {
      let rows = try reference.load()
      let started = ContinuousClock.now
      let progress = ProgressLine("index build", total: rows.matrix.rows, unit: "rows")
      let search = try ApproximateSearch(
        building: recipe, gallery: rows, threads: machine.threadCount, path: reference.name, progress: progress)
      let seconds = (ContinuousClock.now - started).seconds
      let recall = try search.recall(queries: recallQueries, seed: seed, threads: machine.threadCount)
      let record = try write(search, recall, of: rows, reference, to: out)
      if output.json { return try Output.print(json: record) }
      Output.print(
        "\(out): \(record.rows) x \(record.dimension) by \(recipe.factory) in \(Output.decimal(seconds, places: 1)) s; finds "
          + "\(Output.decimal(recall.value)) of the \(recall.neighbours) nearest rows (\(recall.queries) queries, at least \(recipe.minimum.recall))"
      )
    }

    /// The record goes first, so that an index is never without one: an index that does not fit its record is refused.
    private func write(
      _ search: ApproximateSearch, _ recall: Recall, of rows: NamedRows<Float>, _ reference: EmbeddingReference, to out: String
    ) throws -> IndexRecord {
      let scratch = out + ".building-\(ProcessInfo.processInfo.processIdentifier)"
      defer { try? FileManager.default.removeItem(atPath: scratch) }
      try search.write(to: scratch)
      let record = try IndexRecord(
        search, recall: recall, of: rows, named: reference.name, indexSHA256: try ContentHash.file(scratch))
      try record.requireRecall(of: out)
      try FileBytes.write(json: record, to: IndexRecord.path(of: out))
      guard rename(scratch, out) == 0 else {
        throw Failure(.cannotCreate, "cannot be created: \(String(cString: strerror(errno)))", at: .file(out))
      }
      return record
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show what an index was built from, and its recall.", discussion: "Example: hpa-feat index show --index hpav18.faiss")
    @Option(help: ArgumentHelp("The index.", valueName: "file")) var index: String
    @OptionGroup var output: OutputOptions

    func run() throws {
      let record = try IndexRecord(of: index)
      guard !output.json else { return try Output.print(json: record) }
      let recipe = record.recipe
      let lines = [
        ("index", index), ("  SHA-256", record.indexSHA256), ("gallery", record.gallery), ("  SHA-256", record.gallerySHA256),
        ("rows", "\(record.rows) x \(record.dimension)"), ("recipe", recipe.name), ("factory", recipe.factory),
        ("parameters", recipe.parameters ?? "none"), ("oversampling", "\(recipe.oversampling)"),
        ("recall at \(record.recall.neighbours)", "\(Output.decimal(record.recall.value)) (\(record.recall.queries) queries)"),
        ("minimum", "\(recipe.minimum.recall) at \(recipe.minimum.neighbours)"), ("Faiss", record.faissVersion),
        ("program version", record.programVersion), ("command", record.command), ("created", record.created),
      ]
      let width = lines.map(\.0.count).max() ?? 0
      for (name, value) in lines { Output.print(name + String(repeating: " ", count: width + 2 - name.count) + value) }
    }
  }

  struct Recipes: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the recipes there are.", discussion: "Example: hpa-feat index recipes")
    @OptionGroup var output: OutputOptions
    @OptionGroup var project: ProjectOptions

    func run() throws {
      let recipes = try RecipeShelf(project: project.project).recipes.map { ($0.path, try IndexRecipe(contentsOf: $0.path)) }
      guard !output.json else { return try Output.print(json: recipes.map(\.1)) }
      var table = Table([
        ("recipe", .left), ("factory", .left), ("parameters", .left), ("oversampling", .right), ("minimum recall", .right), ("file", .left),
      ])
      for (path, recipe) in recipes {
        table.add([
          recipe.name, recipe.factory, recipe.parameters ?? "", "\(recipe.oversampling)",
          "\(recipe.minimum.recall) at \(recipe.minimum.neighbours)", path,
        ])
      }
      Output.print(table.text)
    }
  }
}
