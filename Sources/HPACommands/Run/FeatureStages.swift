import HPACore
import HPADatasets
import HPAIndex
import HPAStacker
import HPAStore
import HPATorch

/// The index that the project's search asks for.
struct IndexStage: Stage {
  let project: ProjectFolder
  let plan: ProjectConfiguration.SearchPlan
  let recipe: String
  let threads: Int
  let rows: Int

  static let name = "index"
  var name: String { Self.name }
  var upstream: [String] { [ExtractStage.name(gallery)] }
  private var gallery: String { project.view(plan.gallery, plan.model, fold: plan.fold) }
  private var file: String { get throws { try project.index(recipe) } }

  var outputs: [Artefact] {
    guard let file = try? file else { return [] }
    return [.file(file), .file(IndexRecord.path(of: file))]
  }

  var work: Work {
    Work(kind: .index, amount: Double(rows), memory: 4 * rows * RunEstimate.recordBytes, disk: rows * RunEstimate.recordBytes)
  }

  func facts(_ contents: Contents) throws -> [String: String] {
    [
      "recipe": "\(try project.recipes.recipe(recipe))", "gallery": try project.viewContent(gallery, contents),
    ]
  }

  func run() throws -> String {
    let job = IndexJob(
      recipe: try project.recipes.recipe(recipe), gallery: try project.searchGallery(), threads: threads, out: try file)
    return try job.run().text
  }
}

/// The leak step's search.
struct SearchStage: Stage {
  let project: ProjectFolder
  let plan: ProjectConfiguration.SearchPlan
  let threads: Int
  let pairs: Int

  static let name = "search"
  var name: String { Self.name }
  var upstream: [String] { views.map(ExtractStage.name) + (plan.index == nil ? [] : [IndexStage.name]) }
  private var views: [String] { [plan.queries, plan.gallery].map { project.view($0, plan.model, fold: plan.fold) } }
  var outputs: [Artefact] { [.file(project.matches), .file(project.searchFile)] }

  var work: Work {
    let dimension = 128
    return Work(kind: .search, amount: Double(pairs) * Double(2 * dimension), memory: 300 << 20)
  }

  func facts(_ contents: Contents) throws -> [String: String] {
    var facts = [
      "queries": try project.viewContent(views[0], contents), "gallery": try project.viewContent(views[1], contents),
      "top": "\(plan.top)", "standardise": plan.standardisation.rawValue,
    ]
    facts["index"] = try plan.index.map { try contents.sha256(ofFile: try project.index($0)) }
    facts["known pairs"] = try plan.knownPairs.map { try contents.sha256(ofFile: project.path($0)) }
    return facts
  }

  func run() throws -> String {
    let job = try project.searchJob(
      amount: nil, minimumScore: nil, knownPairs: nil, isScanned: false, standardisation: nil, index: nil)
    let (matches, summary) = try job.run(threads: threads)
    try project.keep(matches, summary)
    return "\(project.matches): \(summary.matches) matches of \(summary.queries) x \(summary.gallery) pairs"
  }
}

/// The stacker of the project.
struct StackStage: Stage {
  let project: ProjectFolder
  let plan: ProjectConfiguration.StackPlan
  let machine: RunMachine
  let images: Int

  static let name = "stack-train"
  var name: String { Self.name }
  var upstream: [String] { [FoldsStage.name(nil)] + views.map(ExtractStage.name) }
  private var networks: [String] { project.networks(of: plan.models) }
  private var views: [String] { ["train", "test"].flatMap { dataset in networks.map { "\(dataset)@\($0)" } } }

  var outputs: [Artefact] {
    let files = ["validation_ids.csv", "validation_scores.npy", "test_ids.csv", "test_scores.npy"].map { "\(project.stackFolder)/\($0)" }
    return (files + [StackSummary.path(in: project.stackFolder)]).map { .file($0) }
  }

  var work: Work {
    let (columns, passes) = (networks.count * 128, plan.settings.epochs * project.configuration.folds.count)
    let weights = columns * plan.settings.width
    return Work(
      kind: .stack, amount: 6 * Double(images) * Double(weights) * Double(passes),
      memory: RunEstimate.libraryBytes + 4 * images * columns * MemoryLayout<Float>.size,
      disk: project.configuration.folds.count * weights * MemoryLayout<Float>.size)
  }

  func facts(_ contents: Contents) throws -> [String: String] {
    var facts = [
      "models": plan.models.joined(separator: ","), "out of fold": "\(plan.isOutOfFold)",
      "labels of train": try project.labelsContent("train", contents), "folds": try contents.sha256(ofFile: project.folds),
      "device": machine.device.kind,
    ]
    facts.merge(Self.settings(of: plan.settings)) { first, _ in first }
    if plan.isOutOfFold { facts["fold seed"] = "\(plan.foldSeed)" }
    for file in Set(try plan.models.map { project.foldFile(of: try project.model($0)) }) where file != project.folds {
      facts[file] = try contents.sha256(ofFile: file)
    }
    for view in views { facts[view] = try project.viewContent(view, contents) }
    return facts
  }

  func run() throws -> String {
    try machine.device.requirePresence()
    try TorchLibrary.setThreads(machine.threads)
    return try project.stackJob(isOutOfFold: nil) { _ in }.run(device: machine.device).text
  }
}
