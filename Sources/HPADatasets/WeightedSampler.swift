public import HPACore

/// How much each of the 28 classes counts when images are drawn for training.
public struct ClassWeights: Sendable, Equatable {
  /// 28 weights, by class id.
  public let values: [Double]

  /// - Throws: `usage` unless there are 28 weights, finite, none below 0 and one above it.
  public init(_ values: [Double]) throws {
    let cure = "Give \(ProteinLocation.count) weights, one a class, none below 0."
    guard values.count == ProteinLocation.count else { throw Failure(.usage, "\(values.count) class weights", cure: cure) }
    if let wrong = values.firstIndex(where: { !$0.isFinite || $0 < 0 }) {
      throw Failure(.usage, "class \(wrong) has the weight \(values[wrong])", cure: cure)
    }
    guard values.contains(where: { $0 > 0 }) else { throw Failure(.usage, "all class weights are 0", cure: cure) }
    self.values = values
  }

  private init(trusted values: [Double]) { self.values = values }

  /// The weights that team vpp published (HPAIC 2018).
  public static let published = ClassWeights(trusted: [
    1.0, 5.97, 2.89, 5.75, 4.64, 4.27, 5.46, 3.2, 14.48, 14.84, 15.14, 6.92, 6.86, 8.12, 6.32, 19.24, 8.48, 11.93, 7.32, 5.48, 11.99, 2.39,
    6.3, 3.0,
    12.06, 1.0, 10.39, 16.5,
  ])

  public static let uniform = ClassWeights(trusted: Array(repeating: 1, count: ProteinLocation.count))

  /// The inverse of each class's frequency, 1 for the most frequent; a class without images weighs as much as the rarest.
  public static func balanced(for statistics: LabelStatistics) -> ClassWeights {
    let most = Double(statistics.classes.map(\.images).max() ?? 0)
    let rarest = statistics.classes.map(\.images).filter { $0 > 0 }.min() ?? 1
    return ClassWeights(trusted: statistics.classes.map { max(most, 1) / Double($0.images == 0 ? rarest : $0.images) })
  }

  /// The largest weight among the classes of an image; an image without a label has the smallest weight of all.
  public func weight(of labels: LabelSet) -> Double {
    labels.ids.map { values[$0] }.max() ?? values.min() ?? 0
  }
}

/// Draws images with replacement, each as often as the weight of its classes asks.
public struct WeightedSampler: Sendable {
  /// Sums of the weights up to and with each image.
  private let cumulative: [Double]
  private let seed: UInt64

  /// - Throws: `usage` where no image has a weight above 0.
  public init(labels: [LabelSet], weights: ClassWeights = .published, seed: UInt64) throws {
    var sum = 0.0
    cumulative = labels.map { set in
      sum += weights.weight(of: set)
      return sum
    }
    guard sum > 0 else {
      throw Failure(.usage, "no image has a weight above 0", cure: "Give training images, and a weight to one of their classes.")
    }
    self.seed = seed
  }

  /// How often an image that is drawn carries each of the 28 classes.
  public func classFrequencies(labels: [LabelSet]) -> [Double] {
    var sums = Array(repeating: 0.0, count: ProteinLocation.count)
    var before = 0.0
    for (row, set) in labels.enumerated() {
      for id in set.ids { sums[id] += cumulative[row] - before }
      before = cumulative[row]
    }
    return sums.map { $0 / before }
  }

  /// The positions in `labels` of the images of one epoch; each epoch has draws of its own, whatever was drawn before.
  ///
  /// - Parameter epoch: 0-based.
  public func draw(_ count: Int, epoch: Int = 0) -> [Int] {
    var generator = SeededGenerator(seed: seed, stream: "sampler/\(epoch)")
    return (0..<count).map { _ in draw(using: &generator) }
  }

  private func draw(using generator: inout SeededGenerator) -> Int {
    let total = cumulative[cumulative.count - 1]
    let target = generator.uniform() * total
    var (low, high) = (0, cumulative.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if cumulative[middle] > target { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
