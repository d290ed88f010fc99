import HPACore

/// How far the choice of images moves thresholds and F1: the percentile bootstrap (Efron 1979), images drawn with replacement.
///
/// Resample r draws from a stream of its own (`bootstrap/r`), so the intervals depend on the seed only, not on threads.
public struct ThresholdBootstrap: Sendable {
  public let resamples: Int
  public let confidence: Double
  public let seed: UInt64

  /// - Throws: `usage` for a confidence outside of (0, 1), or so few resamples that less than one lies beyond either end.
  public init(resamples: Int, confidence: Double = 0.95, seed: UInt64 = 0) throws {
    guard confidence > 0, confidence < 1 else {
      throw Failure(.usage, "--confidence \(confidence) is no confidence", cure: "Use a share between 0 and 1, such as 0.95.")
    }
    let least = (2 / (1 - confidence)).rounded(.up)
    guard Double(resamples) >= least else {
      throw Failure(
        .usage, "\(resamples) resamples are too few for a confidence of \(confidence)",
        cure: least < 1e9 ? "Use --bootstrap \(Int(least)) or more; 1000 is usual." : "Use a lower --confidence.")
    }
    (self.resamples, self.confidence, self.seed) = (resamples, confidence, seed)
  }

  /// How often each image is drawn.
  func draws(resample: Int, images: Int) -> [UInt16] {
    var generator = SeededGenerator(seed: seed, stream: "bootstrap/\(resample)")
    var draws = Array(repeating: UInt16(0), count: images)
    for _ in 0..<images { draws[generator.index(below: images)] += 1 }
    return draws
  }

  /// The middle `confidence` of the values; ends between two values are interpolated, as `numpy.quantile` does.
  func interval(of values: [Double]) -> ThresholdSearch.Choice.Interval {
    let sorted = values.sorted()
    func quantile(_ share: Double) -> Double {
      let place = share * Double(sorted.count - 1)
      let low = Int(place)
      let high = min(low + 1, sorted.count - 1)
      return sorted[low] + (sorted[high] - sorted[low]) * (place - Double(low))
    }
    return .init(low: quantile((1 - confidence) / 2), high: quantile((1 + confidence) / 2))
  }
}
