import HPACore
import HPAIndex

extension ProjectFolder {
  /// The search that `hpa.yaml` describes, with what the command line says instead.
  ///
  /// - Throws: `missingInput` where there is no `search` section.
  func searchJob(
    amount: SearchJob.Amount?, minimumScore: Float?, knownPairs: String?, isScanned: Bool, standardisation: Standardisation?, index: String?
  ) throws -> SearchJob {
    let plan = try searchPlan()
    let recipe = standardisation ?? plan.standardisation == .none ? plan.index : nil
    return SearchJob(
      queries: reference(plan.queries, plan), gallery: try searchGallery(), amount: amount ?? .bestPairs(plan.top),
      minimumScore: minimumScore,
      knownPairs: knownPairs ?? plan.knownPairs.map(path), isScanned: isScanned, standardisation: standardisation ?? plan.standardisation,
      index: try index ?? recipe.map(self.index), out: matches)
  }

  private func reference(_ dataset: String, _ plan: ProjectConfiguration.SearchPlan) -> EmbeddingReference {
    EmbeddingReference(view(dataset, plan.model, fold: plan.fold), ids: nil, store: store)
  }

  /// The features that are searched.
  func searchGallery() throws -> EmbeddingReference {
    let plan = try searchPlan()
    return reference(plan.gallery, plan)
  }

  /// Where the index of a recipe lies, for the gallery that `hpa.yaml` searches.
  func index(_ recipe: String) throws -> String { path("indexes/\(try searchGallery().name).\(recipe).faiss") }

  func searchPlan() throws -> ProjectConfiguration.SearchPlan {
    guard let plan = configuration.search else {
      throw Failure(
        .missingInput, "there is no 'search' section", at: .file(path(Self.fileName)), cure: "Add 'search:' with 'model:' and 'gallery:'.")
    }
    return plan
  }

  /// Leaves the summary and the picture of a search beside its matches.
  func keep(_ matches: Matches, _ summary: SearchJob.Summary) throws {
    try FileBytes.write(json: summary, to: searchFile)
    try drawMatches(matches)
  }

  var matches: String { result("matches.csv") }
}
