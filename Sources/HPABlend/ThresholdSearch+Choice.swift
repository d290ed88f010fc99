import HPACore

extension ThresholdSearch {
  /// What was found for one class.
  public struct Choice: Sendable, Equatable, Encodable {
    /// What a reader must know before trusting a threshold.
    public enum Note: String, Sendable, Encodable {
      case tooFewPositives = "too few positives, default kept"
      case fewPositives = "few positives"
    }

    /// Both ends belong to it.
    public struct Interval: Sendable, Equatable, Encodable {
      public let low: Double
      public let high: Double
    }

    public let classID: Int
    public let threshold: Double
    /// Scored images above the threshold.
    public let predicted: Int
    /// Scored images that carry the class; nil, as both F1 are, without labels.
    public let positives: Int?
    /// F1 on the scored images at `threshold`.
    public let f1: Double?
    public let f1AtFallback: Double?
    public let note: Note?
    /// Of the thresholds that the rule finds on resamples.
    public internal(set) var thresholdInterval: Interval?
    /// Of the F1 that `threshold` has on resamples.
    public internal(set) var f1Interval: Interval?
  }
}

extension [ThresholdSearch.Choice] {
  /// Writes everything known about each choice (schemas/thresholds.md); what is not known stays empty.
  ///
  /// - Throws: `cannotCreate`, `inputOutput`.
  public func writeDetails(to path: String) throws {
    let header = [
      "class", "threshold", "name", "positives", "predicted", "f1", "f1_at_default", "threshold_low", "threshold_high", "f1_low", "f1_high",
      "note",
    ]
    let lines = map { choice in
      let numbers = [
        choice.f1, choice.f1AtFallback, choice.thresholdInterval?.low, choice.thresholdInterval?.high, choice.f1Interval?.low,
        choice.f1Interval?.high,
      ]
      return CSVTable.line(
        ["\(choice.classID)", "\(choice.threshold)", ProteinLocation.all[choice.classID].name]
          + [choice.positives.map(String.init) ?? "", "\(choice.predicted)"] + numbers.map { $0.map { "\($0)" } ?? "" }
          + [choice.note?.rawValue ?? ""])
    }
    try FileBytes.write(CSVTable.line(header) + lines.joined(), to: path)
  }
}
