import Foundation
import HPABackbones
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

  /// The losses of every trained model and fold, as `results/learning_curves.png`.
  func drawLearningCurves() throws {
    let curves = try configuration.models.flatMap { model in
      try model.folds.compactMap { fold -> (name: String, training: [Double], validation: [Double])? in
        let file = checkpoint(model.name, fold: fold)
        guard FileManager.default.fileExists(atPath: file), let record = try Checkpoint(file).record else { return nil }
        return ("\(model.name) fold \(fold)", record.epochs.map(\.trainLoss), record.epochs.map(\.validationLoss))
      }
    }
    guard !curves.isEmpty else { return }
    try LineChart.learningCurves(title: "\(configuration.name): learning curves", models: curves).picture.write(to: curvePicture)
  }

  private func thumbnail(_ id: ImageID, _ source: ImageSource) throws -> MatchSheet.Thumbnail {
    let image = Composite.withYellow.image(of: try source.pixels(id))
    return MatchSheet.Thumbnail(id: id, image: RGBImage(width: image.width, height: image.height, pixels: image.bytes()))
  }
}
