public import HPACore

/// Which features of an image are honest: those by networks that had held it out when they were trained.
///
/// A network's features of images that it was trained on tell their labels better than those of any new image. A stacker that is trained
/// and judged on them learns to trust what no test image has. So an image keeps one block a model, by a fold that held it out, and
/// the other blocks are zero; a test image, which all networks held out, is scored once a fold and the scores are averaged, so that the
/// stacker sees the same kind of input in training, validation and test.
public struct HonestBlocks: Sendable {
  /// By model: the blocks of its folds.
  private let models: [[Int]]
  /// By block: the images that its network held out.
  private let heldOut: [Set<ImageID>]

  /// - Parameters:
  ///   - models: every block of the input once, by model.
  ///   - heldOut: by block.
  public init(models: [[Int]], heldOut: [[ImageID]]) {
    precondition(models.joined().sorted() == Array(heldOut.indices) && !models.contains { $0.isEmpty })
    self.models = models
    self.heldOut = heldOut.map(Set.init)
  }

  /// The blocks of each pass over a test image: one fold of every model, counted round where models differ in folds.
  public var passes: [[Int]] {
    (0..<(models.map(\.count).max() ?? 0)).map { pass in models.map { $0[pass % $0.count] } }
  }

  /// One block a model whose network held `id` out; nil where a model has none.
  ///
  /// - Parameter turn: which of several is taken, counted round.
  public func blocks(of id: ImageID, turn: Int) -> [Int]? {
    let chosen = models.compactMap { blocks -> Int? in
      let honest = blocks.filter { heldOut[$0].contains(id) }
      return honest.isEmpty ? nil : honest[turn % honest.count]
    }
    return chosen.count == models.count ? chosen : nil
  }

  /// Throws unless every block that a stacker is judged or used by is one that it was trained on.
  ///
  /// - Parameters:
  ///   - training: the blocks of its training images.
  ///   - validation: the blocks of its validation images.
  /// - Throws: `usage`, where the folds of the stacker are those of the networks; `badData` where no image was held out by a network.
  public func check(training: [[Int]], validation: [[Int]]) throws {
    let (seen, judged) = (Set(training.joined()), Set(validation.joined()))
    guard judged.isSubset(of: seen) else {
      throw Failure(
        .usage, "a fold of the stacker holds out all images that a network held out, so it would be judged by features it never saw",
        cure: "Divide the images for the stacker with another seed than for the networks: hpa-feat folds --seed 8, or stack.fold_seed.")
    }
    if let unused = heldOut.indices.first(where: { !seen.contains($0) }) {
      throw Failure(
        .badData, "no training image was held out by the network of block \(unused + 1) and by the other models",
        cure: "Leave the block out, or check the folds of the networks and the order of the blocks.")
    }
  }
}
