import HPABackbones
import HPACore

/// A fold of a model, and whether a blend takes its test scores.
struct BlendFold: Encodable {
  let model: String
  let fold: Int
  /// The lowest of its training; nil where the checkpoint does not say it.
  let validationLoss: Double?
  let isChosen: Bool
}

extension ProjectFolder {
  /// The folds of all models in the blend, written to `results/blend_folds.csv` (schemas/blend_folds.table.json).
  ///
  /// Of each model those of the lowest validation losses are chosen; of equal ones the lower number.
  ///
  /// - Throws: `usage` where a model has fewer folds, `badData` where a loss is needed and its checkpoint has none.
  func chooseFolds(_ choice: FoldChoice) throws -> [BlendFold] {
    let members = configuration.blend.map(\.name).filter { $0 != ProjectConfiguration.stackMember }
    let folds = try members.flatMap { try foldsOf(try model($0), choice) }
    try FileBytes.write(
      CSVTable.line(["Model", "Fold", "ValidationLoss", "Chosen"])
        + folds.map {
          CSVTable.line([$0.model, String($0.fold), $0.validationLoss.map { "\($0)" } ?? "", $0.isChosen ? "yes" : "no"])
        }.joined(),
      to: result("blend_folds.csv"))
    return folds
  }

  private func foldsOf(_ model: ProjectConfiguration.Model, _ choice: FoldChoice) throws -> [BlendFold] {
    let losses = try model.folds.map { try Checkpoint.record(at: checkpoint(model.name, fold: $0))?.best?.validationLoss }
    let chosen = try chosenFolds(of: model, choice, losses: losses)
    return zip(model.folds, losses).map {
      BlendFold(model: model.name, fold: $0, validationLoss: $1, isChosen: chosen.contains($0))
    }
  }

  private func chosenFolds(of model: ProjectConfiguration.Model, _ choice: FoldChoice, losses: [Double?]) throws -> Set<Int> {
    guard case .best(let count) = choice else { return Set(model.folds) }
    guard count <= model.folds.count else {
      throw Failure(
        .usage, "'\(model.name)' has \(model.folds.count) folds, not \(count) to choose from",
        cure: "Use --folds best:\(model.folds.count) or less, or train more folds.")
    }
    let ranked = try zip(model.folds, losses).map { fold, loss in
      guard let loss else {
        throw Failure(
          .badData, "says no validation loss to choose it by", at: .file(checkpoint(model.name, fold: fold)), cure: "Use --folds all.")
      }
      return (loss, fold)
    }
    return Set(ranked.sorted(by: <).prefix(count).map(\.1))
  }
}
