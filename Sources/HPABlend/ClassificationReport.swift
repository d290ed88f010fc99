public import HPACore

/// Precision, recall and F1 of each class, and macro F1, the score of the challenge.
///
/// The convention is scikit-learn's `f1_score(average="macro", zero_division=0)` over 28 columns: a class that nobody carries and nobody
/// predicts counts 0. So where a set lacks classes, even a perfect prediction stays below 1; `macroF1OfPresentClasses` leaves them out.
public struct ClassificationReport: Sendable, Equatable, Encodable {
  public struct Row: Sendable, Equatable, Encodable {
    public let classID: Int
    public let name: String
    /// Images that carry the class.
    public let support: Int
    /// Images that the class was predicted for.
    public let predicted: Int
    public let truePositives: Int
    /// TP / (TP + FP), 0 where nothing is predicted.
    public let precision: Double
    /// TP / (TP + FN), 0 where nothing is true.
    public let recall: Double
    public let f1: Double
  }

  public let images: Int
  /// One row a class, by class id.
  public let classes: [Row]
  /// The mean F1 of all 28 classes.
  public let macroF1: Double
  /// The mean F1 of the classes that at least one image carries.
  public let macroF1OfPresentClasses: Double
  public let bestConstant: ConstantPrediction

  /// - Parameters:
  ///   - truth: the labels of the predicted images; rows of other images are ignored.
  /// - Throws: `badData` that names the first predicted id without labels, or where there is no image at all.
  public init(of predicted: Submission, truth: LabelTable) throws {
    guard !predicted.ids.isEmpty else { throw Failure(.badData, "no images to evaluate", cure: "Give at least one id with labels.") }
    self.init(pairs: Array(zip(try truth.labels(for: predicted.ids), predicted.labels)))
  }

  private init(pairs: [(truth: LabelSet, predicted: LabelSet)]) {
    images = pairs.count
    classes = ProteinLocation.all.map { location in
      let support = pairs.count { $0.truth.contains(location.id) }
      let predicted = pairs.count { $0.predicted.contains(location.id) }
      let hits = pairs.count { $0.truth.contains(location.id) && $0.predicted.contains(location.id) }
      return Row(
        classID: location.id, name: location.name, support: support, predicted: predicted, truePositives: hits,
        precision: F1.ratio(hits, predicted), recall: F1.ratio(hits, support),
        f1: F1.of(hits: hits, predicted: predicted, positives: support))
    }
    let present = classes.filter { $0.support > 0 }
    macroF1 = Self.mean(classes.map(\.f1))
    macroF1OfPresentClasses = Self.mean(present.map(\.f1))
    bestConstant = ConstantPrediction(images: images, support: classes.map(\.support))
  }

  private static func mean(_ values: [Double]) -> Double { values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count) }
}

/// The label set that, predicted for every image alike, has the highest macro F1: what a network must beat.
///
/// F1 of always predicting a class that a share p of images carries is 2p / (1 + p) > 0, so the best set is every class present.
public struct ConstantPrediction: Sendable, Equatable, Encodable {
  public let labels: LabelSet
  /// Over all 28 classes.
  public let macroF1: Double

  init(images: Int, support: [Int]) {
    labels = LabelSet(support.indices.filter { support[$0] > 0 })
    macroF1 = support.map { F1.of(hits: $0, predicted: images, positives: $0) }.reduce(0, +) / Double(support.count)
  }

  private enum CodingKeys: String, CodingKey { case labels, macroF1 }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(labels.ids, forKey: .labels)
    try container.encode(macroF1, forKey: .macroF1)
  }
}
