public import HPACore

extension Folds {
  /// How far the class counts of the validation parts are from their shares, in images, over all classes and folds.
  public struct Evenness: Sendable, Equatable, Encodable {
    public let largestDeviation: Double
    public let meanDeviation: Double
  }

  /// - Parameters:
  ///   - table: the labels of all images.
  ///   - share: of the images of each class that a validation part should hold: 1/count of `kfold`, the validation fraction of `shuffle`.
  /// - Throws: `badData` for an image without labels.
  public func evenness(_ table: LabelTable, share: Double) throws -> Evenness {
    let all = Self.classCounts(try table.labels(for: ids))
    let deviations = try (0..<count).flatMap { fold in
      zip(all, Self.classCounts(try table.labels(for: validation(fold: fold)))).map { abs(Double($1) - share * Double($0)) }
    }
    return Evenness(largestDeviation: deviations.max() ?? 0, meanDeviation: deviations.reduce(0, +) / Double(max(deviations.count, 1)))
  }

  private static func classCounts(_ labels: [LabelSet]) -> [Int] {
    var counts = Array(repeating: 0, count: ProteinLocation.count)
    for set in labels { for id in set.ids { counts[id] += 1 } }
    return counts
  }
}
