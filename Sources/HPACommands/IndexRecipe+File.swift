import Foundation
import HPACore
import HPAIndex

extension IndexRecipe {
  /// Reads a recipe: YAML with `factory`, `parameters`, `oversampling` and `minimum`; its name is the file's.
  ///
  /// - Throws: `missingInput`; `badData` with file and line.
  init(contentsOf path: String) throws {
    var top = try YAMLMapping(bytes: FileBytes.read(path), path: path)
    let factory = try top.required("factory")
    let parameters = try top.string("parameters")
    let oversampling = try top.integer("oversampling", in: 1...1000) ?? 1
    var minimum = try top.requiredMapping("minimum")
    let neighbours = try minimum.integer("neighbours", in: 1...10_000) ?? 10
    guard let recall = try minimum.number("recall", in: 0...1) else {
      throw minimum.failure("'minimum.recall' is missing", cure: "Add 'recall: 0.95', the share of exact neighbours that must be found.")
    }
    try minimum.rejectUnknownKeys()
    try top.rejectUnknownKeys()
    try self.init(
      name: ((path as NSString).lastPathComponent as NSString).deletingPathExtension, factory: factory, parameters: parameters,
      oversampling: oversampling, minimum: Minimum(neighbours: neighbours, recall: recall))
  }
}

/// Where recipes lie: the folder `indexes` of the project, then the one that came with the program.
struct RecipeShelf {
  private let folders: [String]

  init(project: String) {
    folders = [project == "." ? "indexes" : project + "/indexes"] + Self.shippedFolders
  }

  /// `share/hpa-feat/indexes` of an installation, or `indexes` of the checkout that the program was built in.
  private static var shippedFolders: [String] {
    guard let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else { return [] }
    let folder = URL(filePath: executable).deletingLastPathComponent()
    let installed = folder.deletingLastPathComponent().appending(path: "share/hpa-feat/indexes").path
    let checkouts = sequence(first: folder) { $0.path == "/" ? nil : $0.deletingLastPathComponent() }
      .filter { FileManager.default.fileExists(atPath: $0.appending(path: "Package.swift").path) }
      .map { $0.appending(path: "indexes").path }
    return [installed] + checkouts
  }

  /// Paths of all recipes by name; where two folders hold one name, the first counts.
  var recipes: [(name: String, path: String)] {
    var found: [String: String] = [:]
    for folder in folders.reversed() {
      for file in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where file.hasSuffix(".yaml") {
        found[(file as NSString).deletingPathExtension] = folder + "/" + file
      }
    }
    return found.sorted { $0.key < $1.key }.map { (name: $0.key, path: $0.value) }
  }

  /// - Parameter name: the name of a recipe, or the path of one (`*.yaml`).
  /// - Throws: `missingInput` that lists the recipes there are; `badData` for a recipe that cannot be read.
  func recipe(_ name: String) throws -> IndexRecipe {
    if name.hasSuffix(".yaml") { return try IndexRecipe(contentsOf: name) }
    guard let known = recipes.first(where: { $0.name == name }) else {
      throw Failure(
        .missingInput, "there is no recipe '\(name)' in \(folders.joined(separator: ", "))",
        cure: "Use \(recipes.map(\.name).joined(separator: ", ")), or name a file: --recipe my.yaml.")
    }
    return try IndexRecipe(contentsOf: known.path)
  }
}
