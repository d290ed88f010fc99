import HPACore

/// The weighted mean of score matrices: sum of weight * score, over the sum of weights.
public enum Blend {
  /// One score matrix and its weight; only the ratio of weights matters.
  public struct Member: Sendable {
    public let scores: ClassScores
    public let weight: Double

    public init(_ scores: ClassScores, weight: Double) {
      self.scores = scores
      self.weight = weight
    }
  }

  /// Blends in float64, members added in the order given, so that the result is the same to the last bit every time.
  ///
  /// Rows stand in the order of the first member; other members may hold the same ids in another order.
  ///
  /// - Throws: `usage` for no member, a weight that is negative or not finite, or weights that are all 0;
  ///   `badData` that names the member and the id where members differ in ids.
  public static func mean(of members: [Member], name: String = "blend") throws -> ClassScores {
    guard let first = members.first else {
      throw Failure(.usage, "nothing to blend", cure: "Name the score files: --member scores.npy=31 --member others.npy=11.")
    }
    let total = try totalWeight(of: members)
    var sum = Matrix<Double>(rows: first.scores.matrix.rows, columns: ProteinLocation.count)
    for member in members {
      let matrix = try member.scores.ordered(as: first.scores.ids, of: first.scores.name).matrix
      for index in sum.values.indices { sum.values[index] += member.weight * matrix.values[index] }
    }
    for index in sum.values.indices { sum.values[index] /= total }
    return try ClassScores(ids: first.scores.ids, matrix: sum, name: name)
  }

  private static func totalWeight(of members: [Member]) throws -> Double {
    let cure = "Give each member a weight of 0 or more, at least one above 0: --member scores.npy=31."
    for member in members where !(member.weight >= 0 && member.weight.isFinite) {
      throw Failure(.usage, "the weight \(member.weight) is no weight", at: .file(member.scores.name), cure: cure)
    }
    let total = members.reduce(0) { $0 + $1.weight }
    guard total > 0, total.isFinite else { throw Failure(.usage, "the weights sum to \(total)", cure: cure) }
    return total
  }
}
