import HPACore
import HPAStore

/// Sizes that estimates are made of.
enum RunEstimate {
  /// What LibTorch takes before it does anything.
  static let libraryBytes = 400 << 20
  /// Of a feature in the store: 128 numbers, checksum, key, and a page's unused rest.
  static let recordBytes = 700
}

extension ProjectFolder {
  /// All stages of the project, each after those that it builds on.
  func stages(_ machine: RunMachine) throws -> [any Stage] {
    let ids = try configuration.datasets.map { (dataset: $0, ids: try self.ids(of: $0)) }
    let count = { (name: String) in ids.first { $0.dataset.name == name }?.ids.count ?? 0 }
    var stages: [any Stage] = []
    for (dataset, _) in ids { stages.append(ImportStage(dataset: dataset, job: try importJob(dataset, threads: machine.threads))) }
    stages.append(FoldsStage(project: self, model: nil, images: count("train")))
    for model in configuration.trainingOrder(of: nil) {
      if foldFile(of: model) != folds { stages.append(FoldsStage(project: self, model: model, images: count("train"))) }
      for fold in model.folds {
        stages.append(TrainStage(project: self, model: model, fold: fold, machine: machine, images: count("train")))
      }
    }
    for model in configuration.models {
      for fold in model.folds {
        for (dataset, ids) in ids {
          stages.append(ExtractStage(project: self, dataset: dataset, model: model, fold: fold, machine: machine, ids: ids))
        }
      }
    }
    return stages + resultStages(machine, count: count)
  }

  private func resultStages(_ machine: RunMachine, count: (String) -> Int) -> [any Stage] {
    var stages: [any Stage] = []
    if let plan = configuration.search {
      if let recipe = plan.index {
        stages.append(IndexStage(project: self, plan: plan, recipe: recipe, threads: machine.threads, rows: count(plan.gallery)))
      }
      stages.append(
        SearchStage(project: self, plan: plan, threads: machine.threads, pairs: count(plan.queries) * count(plan.gallery)))
    }
    if let plan = configuration.stack {
      stages.append(StackStage(project: self, plan: plan, machine: machine, images: count("train")))
    }
    if !configuration.blend.isEmpty {
      let images = count("train") + count("test")
      stages += [BlendStage(project: self, images: images), ReportStage(project: self, images: images)]
    }
    return stages
  }

  /// `MODEL_fN` of every fold of these models.
  func networks(of models: [String]) -> [String] {
    models.flatMap { name in (configuration.models.first { $0.name == name }?.folds ?? []).map { "\(name)_f\($0)" } }
  }

  /// Every folder of the project that the program writes files into, beside the store.
  var folders: [String] {
    let sizes = Set(configuration.models.map(\.size))
    let images = configuration.datasets.flatMap { dataset in
      [importFolder(dataset.name)] + sizes.map { imported(dataset.name, size: $0) }
    }
    return images + [path("checkpoints"), path("indexes"), results, stackFolder, plots.path, objects]
      + ["folds", "run", "runs"].map(result)
  }

  var recipes: RecipeShelf { RecipeShelf(project: root.isEmpty ? "." : root) }

  // MARK: What facts are made of

  func labelsContent(_ dataset: String, _ contents: Contents) throws -> String {
    guard let labels = try self.dataset(dataset).labels else { return "none" }
    return try contents.sha256(ofFile: path(labels))
  }

  func imagesContent(_ dataset: String, _ contents: Contents) throws -> String {
    let job = try importJob(try self.dataset(dataset), threads: 1)
    guard let content = try contents.sha256(of: .images(job)) else {
      throw Failure(.missingInput, "are not imported to the end", at: .file(job.out), cure: "Run: hpa-feat import")
    }
    return content
  }

  func viewContent(_ view: String, _ contents: Contents) throws -> String {
    guard let content = try contents.sha256(of: .view(view, store: store)) else {
      throw Failure(.missingInput, "view '\(view)' is not complete", at: .file(store), cure: "Run: hpa-feat extract")
    }
    return content
  }
}
