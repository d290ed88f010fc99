import Foundation
import HPABackbones
import HPABlend
import HPACore
import HPADatasets
import HPAStacker
import HPAStore
import HPATorch

extension ProjectFolder {
  /// The features of images by one fold of a model, from the store.
  ///
  /// - Throws: `missingInput` where they were not extracted; `badData` where the view was made by another checkpoint than the one here.
  func features(of dataset: String, model: ProjectConfiguration.Model, fold: Int, in store: FeatureStore, ids: [ImageID]) throws -> Matrix<
    Float
  > {
    let requirement = ViewRequirement(
      checkpointSHA256: try ContentHash.file(checkpoint(model.name, fold: fold)), size: model.size)
    return try store.matrix(view(dataset, model.name, fold: fold), ids: ids, requiring: requirement).matrix
  }

  func openStore() throws -> FeatureStore {
    guard FileManager.default.fileExists(atPath: store) else {
      throw Failure(.missingInput, "there is no feature store yet", at: .file(store), cure: "Run: hpa-feat extract")
    }
    return try FeatureStore.reading(store)
  }

  /// Class scores of the test images: the mean over the chosen folds of a model, or the stacker's.
  func testScores(of member: String, folds: [BlendFold], in store: FeatureStore) throws -> NamedRows<Double> {
    if member == ProjectConfiguration.stackMember { return try stackScores("test") }
    let model = try model(member)
    let ids = try ids(of: try dataset("test"))
    var mean = ScoreMean()
    for fold in folds.filter({ $0.model == member && $0.isChosen }).map(\.fold) {
      let features = try features(of: "test", model: model, fold: fold, in: store, ids: ids)
      mean.add(try headScores(features, model: model, fold: fold), for: ids)
    }
    return try mean.mean(in: ids)
  }

  /// Class scores of training images by the folds that held them out; images that no trained fold held out are not there.
  func validationScores(of member: String, in store: FeatureStore) throws -> NamedRows<Double> {
    if member == ProjectConfiguration.stackMember { return try stackScores("validation") }
    let model = try model(member)
    let folds = try makeFolds(for: model)
    var mean = ScoreMean()
    for fold in model.folds {
      let held = folds.validation(fold: fold)
      let features = try features(of: "train", model: model, fold: fold, in: store, ids: held)
      mean.add(try headScores(features, model: model, fold: fold), for: held)
    }
    return try mean.mean(in: folds.ids)
  }

  private func headScores(_ features: Matrix<Float>, model: ProjectConfiguration.Model, fold: Int) throws -> Matrix<Double> {
    let scores = try HeadWeights(try SafetensorsFile(checkpoint(model.name, fold: fold))).scores(features)
    return Matrix(rows: scores.rows, columns: scores.columns, values: scores.values.map(Double.init))
  }

  var stackFolder: String { result("stack") }

  private func stackScores(_ part: String) throws -> NamedRows<Double> {
    guard FileManager.default.fileExists(atPath: StackSummary.path(in: stackFolder)) else {
      throw Failure(.missingInput, "there is no stacker yet", at: .file(stackFolder), cure: "Run: hpa-feat stack-train")
    }
    return try NamedRows(readingFrom: "\(stackFolder)/\(part)")
  }

  /// The stacker that `hpa.yaml` describes, over the features of all its models and their folds.
  ///
  /// - Parameter isOutOfFold: what the command line says instead of `hpa.yaml`.
  func stackJob(isOutOfFold: Bool?, _ adjust: (inout StackerConfiguration) throws -> Void) throws -> StackJob {
    guard let plan = configuration.stack else {
      throw Failure(.missingInput, "there is no 'stack' section", at: .file(path(Self.fileName)), cure: "Add 'stack: {}' for the defaults.")
    }
    var settings = plan.settings
    try adjust(&settings)
    let store = try openStore()
    let networks = try plan.models.map(model).flatMap { model in model.folds.map { (model: model, fold: $0) } }
    let images = { (dataset: String, ids: [ImageID]) in
      let blocks = try networks.map { try features(of: dataset, model: $0.model, fold: $0.fold, in: store, ids: ids) }
      return StackJob.Images(ids: ids, input: try StackerInput(joining: blocks))
    }
    let table = try labels(of: try dataset("train"))
    let folds = try makeFolds()
    let honest = HonestBlocks(
      models: plan.models.map { name in networks.indices.filter { networks[$0].model.name == name } },
      heldOut: try networks.map { try makeFolds(for: $0.model).validation(fold: $0.fold) })
    return StackJob(
      training: try images("train", table.ids), labels: table.labels, folds: folds,
      honest: .init(blocks: honest, folds: try stratified(table, count: max(2, folds.count), scheme: .kfold, seed: plan.foldSeed)),
      test: try images("test", try ids(of: try dataset("test"))), configuration: settings,
      variant: isOutOfFold ?? plan.isOutOfFold ? .outOfFold : .naive, out: stackFolder)
  }
}
