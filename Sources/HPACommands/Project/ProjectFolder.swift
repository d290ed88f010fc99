import Foundation
import HPACore

/// A folder with an `hpa.yaml`, and where everything in it lies.
struct ProjectFolder {
  let root: String
  let configuration: ProjectConfiguration
  /// Keeps `run` away while a verb works in the project.
  private let lock: FolderLock?

  static let fileName = "hpa.yaml"

  /// Opens the project in `folder`.
  ///
  /// - Parameter isChanged: whether the caller makes something in it, so that no `run` may be at work beside it.
  /// - Throws: `missingInput` where there is no `hpa.yaml`; `badData` with the line of what is wrong in it; `unavailable` where `run` is at work.
  init(_ folder: String, isChanged: Bool = false) throws {
    root = folder == "." ? "" : folder
    let file = Self.join(root, Self.fileName)
    guard FileManager.default.fileExists(atPath: file) else {
      throw Failure(
        .missingInput, "no \(Self.fileName) in this folder, and no files were named", at: .file(file),
        cure: "Change to a project folder, use --project DIR, or name the files: see hpa-feat help VERB.")
    }
    configuration = try ProjectConfiguration(contentsOf: file)
    lock = isChanged ? try Self.lock(root, isShared: true) : nil
    if isChanged { protectInputs() }
  }

  /// - Parameter isShared: verbs work beside each other, and `run` alone.
  private static func lock(_ root: String, isShared: Bool) throws -> FolderLock {
    let folder = join(root, "results/run")
    try FileBytes.makeFolder(folder)
    return try FolderLock(
      folder, isShared: isShared, busy: "another command is at work in this project", cure: "Wait for it, or stop it with Ctrl-C.")
  }

  /// Keeps every other command away from the project.
  ///
  /// - Throws: `unavailable` where one is at work.
  func lockAlone() throws -> FolderLock {
    protectInputs()
    return try Self.lock(root, isShared: false)
  }

  /// Nothing that a verb makes may take the place of what `hpa.yaml` names.
  private func protectInputs() {
    var inputs = [("hpa.yaml", Self.fileName)]
    for dataset in configuration.datasets {
      inputs += [("'labels'", dataset.labels), ("'ids'", dataset.ids)].compactMap { name, file in file.map { (name, $0) } }
    }
    inputs += configuration.models.compactMap(\.initialWeights).map { ("'init'", $0) }
    inputs += [("'groups'", configuration.folds.groups), ("'known_pairs'", configuration.search?.knownPairs)].compactMap { name, file in
      file.map { (name, $0) }
    }
    for (name, file) in inputs { ProtectedFiles.protect(path(file), named: name) }
  }

  private static func join(_ folder: String, _ name: String) -> String {
    folder.isEmpty || name.hasPrefix("/") ? name : folder + "/" + name
  }

  /// A path of `hpa.yaml`, which is relative to the project.
  func path(_ name: String) -> String { Self.join(root, name) }

  var store: String { path("features.lmdb") }
  var folds: String { path("results/folds.csv") }
  var results: String { path("results") }
  func result(_ name: String) -> String { path("results/" + name) }
  func imported(_ dataset: String, size: Int) -> String { path("images/\(dataset)/\(size)") }
  func importFolder(_ dataset: String) -> String { path("images/\(dataset)") }
  func checkpoint(_ model: String, fold: Int) -> String { path("checkpoints/\(model)_f\(fold).safetensors") }

  /// The name of the view that holds the features of a data set by a model's fold.
  func view(_ dataset: String, _ model: String, fold: Int) -> String { "\(dataset)@\(model)_f\(fold)" }

  /// - Throws: `badData` that lists the data sets.
  func dataset(_ name: String) throws -> ProjectConfiguration.Dataset {
    try Self.find(name, in: configuration.datasets, \.name, "data set")
  }

  /// - Throws: `badData` that lists the models.
  func model(_ name: String) throws -> ProjectConfiguration.Model {
    try Self.find(name, in: configuration.models, \.name, "model")
  }

  private static func find<Item>(_ name: String, in items: [Item], _ key: KeyPath<Item, String>, _ noun: String) throws -> Item {
    guard let item = items.first(where: { $0[keyPath: key] == name }) else {
      throw Failure(
        .usage, "'\(name)' is no \(noun) of this project",
        cure: "It has: \(items.map { $0[keyPath: key] }.joined(separator: ", ")).")
    }
    return item
  }

  /// The ids of a data set, in the order of its file.
  func ids(of dataset: ProjectConfiguration.Dataset) throws -> [ImageID] {
    if let ids = dataset.ids { return try ImageID.list(contentsOf: path(ids)) }
    return try labels(of: dataset).ids
  }

  /// - Throws: `missingInput` where the data set names no labels.
  func labels(of dataset: ProjectConfiguration.Dataset) throws -> LabelTable {
    guard let labels = dataset.labels else {
      throw Failure(
        .missingInput, "data set '\(dataset.name)' has no labels", at: .file(path(Self.fileName)), cure: "Add 'labels: FILE.csv' to it.")
    }
    return try LabelTable(contentsOf: path(labels))
  }
}
