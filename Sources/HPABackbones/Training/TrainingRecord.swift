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
  /// How the stem of the initial weights came to take four channels; nil where it did so already, or began at random with all the rest.
  public let stem: StemRule?
  public internal(set) var epochs: [Epoch] = []
  /// The 1-based epoch whose weights were kept; nil before the first has ended.
  public internal(set) var bestEpoch: Int?
  public let programVersion: String

  init(configuration: TrainingConfiguration, stem: StemRule?, programVersion: String) {
    self.configuration = configuration
    self.stem = stem
    self.programVersion = programVersion
  }
}

/// The course of a training as CSV, with times; written anew after every epoch.
struct TrainingLog {
  private let path: String?
  private var lines = ["Epoch,LearningRate,TrainLoss,ValidationLoss,Seconds,WaitSeconds"]

  init(path: String?) { self.path = path }

  /// - Parameters:
  ///   - seconds: of the whole epoch.
  ///   - wait: of them, those spent waiting for images.
  mutating func append(_ epoch: TrainingRecord.Epoch, seconds: Double, wait: Double) throws {
    let times = [seconds, wait].map { String(format: "%.2f", $0) }
    lines.append("\(epoch.number),\(epoch.learningRate),\(epoch.trainLoss),\(epoch.validationLoss),\(times.joined(separator: ","))")
    guard let path else { return }
    try FileBytes.write(lines.joined(separator: "\n") + "\n", to: path)
  }
}
