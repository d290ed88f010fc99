import HPACore

extension ProjectConfiguration {
  /// The models so that each comes after the one that it starts from; of one model, only those that it needs.
  func trainingOrder(of model: Model?) -> [Model] {
    (model.map { [$0] } ?? models).reduce(into: []) { order, model in
      for link in Self.chain(of: model, in: models).reversed() where !order.contains(where: { $0.name == link.name }) { order.append(link) }
    }
  }

  /// Checks the models that start from others, and gives each the fold division of the one that it starts from: weights that have seen an
  /// image must not be judged by it.
  ///
  /// - Throws: `badData` with the line of what does not fit.
  static func withBases(_ models: [Model], folds plan: FoldPlan, in mapping: YAMLMapping) throws -> [Model] {
    var mapping = mapping
    return try models.map { model in
      guard let name = model.base else { return model }
      let entry = try mapping.requiredMapping(model.name)
      guard let base = models.first(where: { $0.name == name }) else {
        throw entry.failure("'\(name)' is no model", at: "from", cure: "The models are: \(models.map(\.name).joined(separator: ", ")).")
      }
      let chain = chain(of: model, in: models)
      guard let first = chain.last, first.base == nil || !models.contains(where: { $0.name == first.base }) else {
        throw entry.failure(
          "'\(model.name)' starts from itself: \((chain.map(\.name) + [chain.last?.base ?? ""]).joined(separator: " <- "))", at: "from",
          cure: "Let one of them start from 'init' or from nothing.")
      }
      guard base.backbone == model.backbone else {
        throw entry.failure(
          "'\(model.name)' is a \(model.backbone), '\(name)' a \(base.backbone)", at: "from", cure: "Name a model of the same backbone.")
      }
      if let fold = model.folds.first(where: { !base.folds.contains($0) }) {
        throw entry.failure("'\(name)' has no fold \(fold) to start from", at: "from", cure: "Its folds are: \(base.folds).")
      }
      let shared = first.foldSeed ?? plan.seed
      guard model.foldSeed ?? shared == shared else {
        throw entry.failure(
          "'\(model.name)' divides the images in another way than '\(name)', whose weights would have seen what it holds out",
          at: "fold_seed", cure: "Take it out, or write the same 'fold_seed' there.")
      }
      var model = model
      model.foldSeed = first.foldSeed
      return model
    }
  }

  /// A model, the one that it starts from, and so on; a circle ends before it closes.
  fileprivate static func chain(of model: Model, in models: [Model]) -> [Model] {
    var chain = [model]
    while let base = chain.last?.base, let next = models.first(where: { $0.name == base }), !chain.contains(where: { $0.name == base }) {
      chain.append(next)
    }
    return chain
  }
}
