import Foundation
import HPACore
import HPADatasets

extension ProjectFolder {
  /// The project's own division of the training images, written to `results/folds.csv` the first time.
  ///
  /// - Throws: `badData` where the file holds other folds: checkpoints that were trained on those no longer fit.
  func makeFolds() throws -> Folds { try makeFolds(seed: configuration.folds.seed, file: folds) }

  /// The division that a model is trained on: the project's, or its own in `results/folds/MODEL.csv`.
  ///
  /// - Throws: `badData` where the file holds other folds.
  func makeFolds(for model: ProjectConfiguration.Model) throws -> Folds {
    try makeFolds(seed: model.foldSeed ?? configuration.folds.seed, file: foldFile(of: model))
  }

  /// Where the division of a model lies.
  func foldFile(of model: ProjectConfiguration.Model) -> String {
    [nil, configuration.folds.seed].contains(model.foldSeed) ? folds : result("folds/\(model.name).csv")
  }

  private func makeFolds(seed: Int, file: String) throws -> Folds {
    let plan = configuration.folds
    let table = try labels(of: try dataset("train"))
    let wanted = try stratified(table, count: plan.count, scheme: plan.scheme, seed: seed)
    guard FileManager.default.fileExists(atPath: file) else {
      try wanted.write(to: file)
      return wanted
    }
    guard try Folds.read(file, for: table.ids, count: plan.count) == wanted else {
      throw Failure(
        .badData, "holds other folds than \(Self.fileName) asks for; labels, groups, count, scheme or seed have changed", at: .file(file),
        cure: "Put the old values back, or delete this file together with checkpoints/, features.lmdb/ and results/.")
    }
    return wanted
  }

  /// A division that keeps the groups of `hpa.yaml` together.
  func stratified(_ table: LabelTable, count: Int, scheme: Folds.Scheme, seed: Int) throws -> Folds {
    try Folds.stratified(
      table, count: count, scheme: scheme, seed: UInt64(seed),
      groups: try configuration.folds.groups.map { try ImageGroups(contentsOf: path($0), for: table) } ?? ImageGroups())
  }
}
