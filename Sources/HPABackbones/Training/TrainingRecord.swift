import Foundation
import HPACore

/// What a training did, as the checkpoint keeps it. No times and no paths stand here: the same training gives the same bytes.
public struct TrainingRecord: Sendable, Codable, Equatable {
  public struct Epoch: Sendable, Codable, Equatable {
    /// 1-based.
    public let number: Int
    public let learningRate: Double
    public let trainLoss: Double
    public let validationLoss: Double
  }

  public let configuration: TrainingConfiguration
  /// What else decides the outcome, by name: the images with their labels, the batch size, the first weights; nil in files of old versions.
  public let inputs: [String: String]?
  /// How the stem of the initial weights came to take four channels; nil where it did so already, or began at random with all the rest.
  public let stem: StemRule?
  public private(set) var epochs: [Epoch] = []
  /// The 1-based epoch whose weights were kept; nil before the first has ended.
  public private(set) var bestEpoch: Int?
  public let programVersion: String

  init(configuration: TrainingConfiguration, inputs: [String: String], stem: StemRule?, programVersion: String) {
    self.configuration = configuration
    self.inputs = inputs
    self.stem = stem
    self.programVersion = programVersion
  }

  /// The epoch whose weights were kept.
  public var best: Epoch? { epochs.first { $0.number == bestEpoch } }

  /// Whether `configuration.patience` has run out.
  public var hasStoppedEarly: Bool {
    guard let patience = configuration.patience, let bestEpoch else { return false }
    return epochs.count - bestEpoch >= patience
  }

  /// Whether no epoch is left to do.
  public var isFinished: Bool { epochs.count >= configuration.epochs || hasStoppedEarly }

  mutating func append(_ epoch: Epoch) {
    if epoch.validationLoss < best?.validationLoss ?? .infinity { bestEpoch = epoch.number }
    epochs.append(epoch)
  }

  /// What would be different in a training by `configuration` with `inputs`, a line each with both sides. Threads change the last digits
  /// only, so a finished training is the same with any number of them.
  ///
  /// - Parameter ignoresThreads: whether their number does not matter.
  public func differences(from configuration: TrainingConfiguration, _ inputs: [String: String], ignoresThreads: Bool = false) -> [String] {
    let names = Set((self.inputs ?? [:]).keys).union(inputs.keys).sorted()
    // Old files do not say what they were made from.
    let ofInputs = self.inputs.map { then in names.map { ($0, then[$0] ?? "none", inputs[$0] ?? "none") } } ?? []
    let ofSettings = zip(self.configuration.settings, configuration.settings).map { ($0.name, $0.value, $1.value) }
    return (ofSettings + ofInputs).filter { name, then, now in then != now && !(ignoresThreads && name == "threads") }
      .map { name, then, now in "\(name): \(then) then, \(now) now" }
  }
}

extension TrainingConfiguration {
  /// Every setting as text.
  public var settings: [(name: String, value: String)] { propertyTexts(of: self) }
}

/// The course of a training as CSV, with times; written anew after every epoch.
struct TrainingLog {
  private(set) var csv = "Epoch,LearningRate,TrainLoss,ValidationLoss,Seconds,WaitSeconds\n"

  init() {}

  /// Goes on after the lines of a stopped training.
  init(csv: String) { self.csv = csv }

  /// - Parameters:
  ///   - seconds: of the whole epoch.
  ///   - wait: of them, those spent waiting for images.
  mutating func append(_ epoch: TrainingRecord.Epoch, seconds: Double, wait: Double) {
    let times = [seconds, wait].map { String(format: "%.2f", $0) }
    csv += "\(epoch.number),\(epoch.learningRate),\(epoch.trainLoss),\(epoch.validationLoss),\(times.joined(separator: ","))\n"
  }
}
