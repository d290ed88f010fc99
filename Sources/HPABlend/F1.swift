/// F1 = 2 TP / (2 TP + FP + FN): the harmonic mean of precision and recall, 0 where nothing is true and nothing predicted.
enum F1 {
  /// - Parameters:
  ///   - hits: true positives.
  ///   - predicted: true and false positives.
  ///   - positives: true positives and false negatives.
  static func of(hits: Int, predicted: Int, positives: Int) -> Double { ratio(2 * hits, predicted + positives) }

  static func ratio(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }
}
