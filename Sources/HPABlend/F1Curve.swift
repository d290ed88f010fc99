public import HPACore

/// F1 of one class against the threshold, exactly: a staircase that changes at the scores alone.
public struct F1Curve: Sendable, Equatable {
  public let classID: Int
  /// Images that carry the class.
  public let positives: Int
  /// The different scores, ascending.
  public let scores: [Double]
  /// Element i is F1 where the images of `scores[i]` and above are labelled, which thresholds from `scores[i - 1]` to below `scores[i]` do;
  /// the first labels every image, and the last (one more than there are scores) none.
  public let values: [Double]

  /// F1 of score > `threshold`.
  public func value(at threshold: Double) -> Double {
    var (low, high) = (0, scores.count)
    while low < high {
      let middle = (low + high) / 2
      if scores[middle] <= threshold { low = middle + 1 } else { high = middle }
    }
    return values[low]
  }

  /// The curve of every class, by class id.
  ///
  /// - Parameter truth: the labels of the scored images; rows of other images are ignored.
  /// - Throws: `badData` that names the first id without labels.
  public static func all(scores: ClassScores, truth: LabelTable) throws -> [F1Curve] {
    let labels = try truth.labels(for: scores.ids)
    return ProteinLocation.all.map { location in
      F1Curve(
        classID: location.id, scores: scores.ids.indices.map { scores.matrix[$0, location.id] },
        isPositive: labels.map { $0.contains(location.id) })
    }
  }

  private init(classID: Int, scores all: [Double], isPositive: [Bool]) {
    self.classID = classID
    positives = isPositive.count { $0 }
    let order = all.indices.sorted { all[$0] > all[$1] }
    var (scores, values, hits) = ([Double](), [0.0], 0)
    for (rank, index) in order.enumerated() {
      if isPositive[index] { hits += 1 }
      if rank + 1 < order.count, all[order[rank + 1]] == all[index] { continue }
      scores.append(all[index])
      values.append(F1.of(hits: hits, predicted: rank + 1, positives: positives))
    }
    (self.scores, self.values) = (scores.reversed(), values.reversed())
  }
}
