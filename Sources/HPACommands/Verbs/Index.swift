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
    @Option(help: "Rows of the gallery that recall is measured with.") var recallQueries = IndexJob.defaultRecallQueries
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
      let reference: EmbeddingReference
      let file: String
      if let gallery, let out {
        (reference, file) = (EmbeddingReference(gallery, ids: galleryIds, store: store), out)
      } else {
        let folder = try project.open()
        (reference, file) = (try folder.searchGallery(), try folder.index(recipe.name))
      }
      var job = IndexJob(recipe: recipe, gallery: reference, threads: machine.threadCount, out: file)
      (job.recallQueries, job.seed) = (recallQueries, seed)
      let built = try job.run()
      if output.json { try Output.print(json: built.record) } else { Output.print(built.text) }
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
