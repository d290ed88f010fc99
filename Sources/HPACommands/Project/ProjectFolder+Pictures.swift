import Foundation
import HPABackbones
import HPABlend
import HPACore
import HPAImages
import HPAIndex
import HPAPictures

extension ProjectFolder {
  /// The best matches side by side, as `results/matches.png`.
  func drawMatches(_ matches: Matches) throws {
    let plan = try searchPlan()
    let model = try model(plan.model)
    let (queries, gallery) = (try dataset(plan.queries), try dataset(plan.gallery))
    let known = try plan.knownPairs.map { try KnownPairs(contentsOf: path($0)) }
    let labels = try gallery.labels.map { _ in try self.labels(of: gallery) }
    let sources = (query: try images(of: queries, size: model.size), gallery: try images(of: gallery, size: model.size))
    let pairs = try matches.matches.prefix(12).map { match in
      MatchSheet.Pair(
        query: try thumbnail(match.query, sources.query), gallery: try thumbnail(match.gallery, sources.gallery), rank: match.rank,
        score: Double(match.score), labels: labels?[match.gallery] ?? LabelSet(),
        mark: known.map { $0.contains(match) ? .planted : .notPlanted })
    }
    guard !pairs.isEmpty else { return }
    let sheet = MatchSheet(
      title: "\(configuration.name): \(queries.name) images that lie in \(gallery.name)",
      subtitle: "The best of \(matches.matches.count) matches by cosine of \(plan.model)", pairs: Array(pairs))
    try sheet.picture.write(to: matchPicture)
  }

  var plots: PlotFolder { PlotFolder(path: result("plots")) }

  /// The losses of every trained model and fold; returns the files.
  @discardableResult
  func drawLearningCurves() throws -> [String] {
    let models = try configuration.models.map { model in
      let folds = try model.folds.compactMap { fold -> LineChart.LearningCurve? in
        let file = checkpoint(model.name, fold: fold)
        guard FileManager.default.fileExists(atPath: file), let record = try Checkpoint(file).record else { return nil }
        return .init(training: record.epochs.map(\.trainLoss), validation: record.epochs.map(\.validationLoss))
      }
      return (name: model.name, folds: folds)
    }.filter { !$0.folds.isEmpty }
    guard !models.isEmpty else { return [] }
    return try plots.write(
      LineChart.learningCurves(title: "\(configuration.name): learning curves", models: models).picture, as: "learning_curves")
  }

  /// F1 of the blend's held-out scores against the threshold of each class; returns the files.
  func drawF1Curves() throws -> [String] {
    let scores = try ClassScores(NamedRows(readingFrom: validationBlend), name: "\(validationBlend)_scores.npy")
    let curves = try F1Curve.all(scores: scores, truth: try labels(of: try dataset("train")))
    return try plots.write(
      curves.picture(
        title: "\(configuration.name): F1 of the blend against the threshold", images: scores.ids.count,
        thresholds: try Thresholds(contentsOf: thresholdsFile)),
      as: "f1_thresholds")
  }

  /// How similar the matches of the last search are; returns the files, none where there was no search.
  func drawSimilarities() throws -> [String] {
    guard FileManager.default.fileExists(atPath: matches) else { return [] }
    let plan = try searchPlan()
    let picture = try Matches(contentsOf: matches).similarityPicture(
      title: "\(configuration.name): \(plan.queries) matched with \(plan.gallery)",
      known: try plan.knownPairs.map { try KnownPairs(contentsOf: path($0)) })
    return try plots.write(picture, as: "similarities")
  }

  private func thumbnail(_ id: ImageID, _ source: ImageSource) throws -> MatchSheet.Thumbnail {
    let image = Composite.withYellow.image(of: try source.pixels(id))
    return MatchSheet.Thumbnail(id: id, image: RGBImage(width: image.width, height: image.height, pixels: image.bytes()))
  }
}
