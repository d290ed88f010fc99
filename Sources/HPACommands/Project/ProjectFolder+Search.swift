import HPACore
import HPAIndex

extension ProjectFolder {
  /// The search that `hpa.yaml` describes, with what the command line says instead.
  ///
  /// - Throws: `missingInput` where there is no `search` section.
  func searchJob(
    amount: SearchJob.Amount?, minimumScore: Float?, knownPairs: String?, isScanned: Bool, standardisation: Standardisation?
  ) throws -> SearchJob {
    let plan = try searchPlan()
    let reference = { (dataset: String) in EmbeddingReference(view(dataset, plan.model, fold: plan.fold), ids: nil, store: store) }
    return SearchJob(
      queries: reference(plan.queries), gallery: reference(plan.gallery), amount: amount ?? .bestPairs(plan.top),
      minimumScore: minimumScore,
      knownPairs: knownPairs ?? plan.knownPairs.map(path), isScanned: isScanned, standardisation: standardisation ?? plan.standardisation,
      out: matches)
  }

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
