import Foundation
import HPACore
import HPADatasets

extension ProjectFolder {
  /// The folds that `hpa.yaml` asks for, written to `results/folds.csv` the first time.
  ///
  /// - Throws: `badData` where the file holds other folds: checkpoints that were trained on those no longer fit.
  func makeFolds() throws -> Folds {
    let plan = configuration.folds
    let table = try labels(of: try dataset("train"))
    let wanted = try stratified(table, count: plan.count, scheme: plan.scheme, seed: plan.seed)
    guard FileManager.default.fileExists(atPath: folds) else {
      try wanted.write(to: folds)
      return wanted
    }
    guard try Folds.read(folds, for: table.ids, count: plan.count) == wanted else {
      throw Failure(
        .badData, "holds other folds than \(Self.fileName) asks for; labels, groups, count, scheme or seed have changed", at: .file(folds),
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
