import HPACore
import HPADatasets
import HPAImages
import HPAStore

/// The working copies of one data set.
struct ImportStage: Stage {
  let dataset: ProjectConfiguration.Dataset
  let job: ImageImport

  var name: String { Self.name(dataset.name) }
  static func name(_ dataset: String) -> String { "import \(dataset)" }
  let upstream: [String] = []
  var outputs: [Artefact] { [.images(job), .file(job.findingList)] }

  var work: Work {
    let images = job.ids?.count ?? 0
    // A grey PNG of cells takes about half of its pixels' bytes.
    let bytes = job.sizes.reduce(0) { $0 + $1 * $1 * Stain.allCases.count / 2 }
    return Work(kind: .import, amount: Double(images), memory: 200 << 20, disk: images * bytes)
  }

  func facts(_ contents: Contents) throws -> [String: String] {
    [
      "images": job.images, "layout": job.layout.rawValue, "channels": job.channelMap.name, "resize": job.method.rawValue,
      "sizes": job.sizes.map(String.init).joined(separator: ","), "ids": ContentHash.ids(job.ids ?? []),
    ]
  }

  func gap() throws -> String? {
    let state = try job.state()
    let parts = [(state.missing, "not there"), (state.changed, "changed since")].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    return parts.isEmpty ? nil : "of \(state.wanted) images, \(parts.joined(separator: ", "))"
  }

  func remainder() throws -> Double {
    let state = try job.state()
    return Double(state.missing + state.changed) / Double(max(state.wanted, 1))
  }

  func clear() throws {
    // Other ids or another folder of the same images do not spoil what is there.
    guard try !job.agreesWithRecord() else { return }
    try FileBytes.remove(job.out)
  }

  func run() throws -> String {
    let report = try job.run()
    return "\(dataset.name): \(report.imported) imported, \(report.alreadyThere) there already"
  }
}

/// A division of the training images into folds.
struct FoldsStage: Stage {
  let project: ProjectFolder
  /// A model with a division of its own; nil for the project's.
  let model: ProjectConfiguration.Model?
  let images: Int

  var name: String { Self.name(model) }
  static func name(_ model: ProjectConfiguration.Model?) -> String { model.map { "folds of \($0.name)" } ?? "folds" }
  let upstream: [String] = []
  private var file: String { model.map(project.foldFile) ?? project.folds }
  var outputs: [Artefact] { [.file(file)] }
  var work: Work { Work(kind: .folds, amount: Double(images)) }

  func facts(_ contents: Contents) throws -> [String: String] {
    let plan = project.configuration.folds
    var facts = [
      "count": "\(plan.count)", "scheme": plan.scheme.rawValue, "seed": "\(model?.foldSeed ?? plan.seed)",
      "labels of train": try project.labelsContent("train", contents),
    ]
    facts["groups"] = try plan.groups.map { try contents.sha256(ofFile: project.path($0)) }
    return facts
  }

  func clear() throws { try FileBytes.remove(file) }

  func run() throws -> String {
    let folds = try model.map(project.makeFolds) ?? project.makeFolds()
    return "\(file): \(folds.count) folds of \(folds.ids.count) images"
  }
}
