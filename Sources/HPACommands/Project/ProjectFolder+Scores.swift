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

  /// Class scores of the test images: the mean over the folds of a model, or the stacker's.
  func testScores(of member: String, in store: FeatureStore) throws -> NamedRows<Double> {
    if member == ProjectConfiguration.stackMember { return try stackScores("test") }
    let model = try model(member)
    let ids = try ids(of: try dataset("test"))
    var mean = ScoreMean()
    for fold in model.folds {
      let features = try features(of: "test", model: model, fold: fold, in: store, ids: ids)
      mean.add(try headScores(features, model: model, fold: fold), for: ids)
    }
    return try mean.mean(in: ids)
  }

  /// Class scores of training images by the folds that held them out; images that no trained fold held out are not there.
  func validationScores(of member: String, in store: FeatureStore) throws -> NamedRows<Double> {
    if member == ProjectConfiguration.stackMember { return try stackScores("validation") }
    let model = try model(member)
    let folds = try makeFolds()
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
    guard FileManager.default.fileExists(atPath: stackFolder + "/stack.json") else {
      throw Failure(.missingInput, "there is no stacker yet", at: .file(stackFolder), cure: "Run: hpa-feat stack-train")
    }
    return try NamedRows(readingFrom: "\(stackFolder)/\(part)")
  }

  /// The stacker that `hpa.yaml` describes, over the features of all its models and their folds.
  func stackJob(_ adjust: (inout StackerConfiguration) -> Void) throws -> StackJob {
    guard let plan = configuration.stack else {
      throw Failure(.missingInput, "there is no 'stack' section", at: .file(path(Self.fileName)), cure: "Add 'stack: {}' for the defaults.")
    }
    var settings = StackerConfiguration()
    (settings.width, settings.epochs, settings.batchSize) = (plan.width, plan.epochs, plan.batch)
    (settings.learningRate, settings.seed, settings.loss) = (plan.learningRate, UInt64(plan.seed), plan.loss)
    adjust(&settings)
    let store = try openStore()
    let models = try plan.models.map(model)
    let table = try labels(of: try dataset("train"))
    let testIDs = try ids(of: try dataset("test"))
    let input = { (dataset: String, ids: [ImageID]) in
      let blocks = try models.flatMap { model in
        try model.folds.map { try features(of: dataset, model: model, fold: $0, in: store, ids: ids) }
      }
      return try StackerInput.concatenate(blocks, normalization: settings.normalization)
    }
    return StackJob(
      ids: table.ids, features: try input("train", table.ids), labels: table.labels, folds: try makeFolds(),
      test: StackJob.Test(ids: testIDs, features: try input("test", testIDs)), configuration: settings, out: stackFolder)
  }
}
