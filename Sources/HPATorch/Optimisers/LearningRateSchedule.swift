import Foundation

/// The learning rate of each epoch.
public enum LearningRateSchedule: Sendable, Equatable, Codable {
  case constant
  /// torch.optim.lr_scheduler.StepLR: times `gamma` after every `epochs` epochs.
  case step(epochs: Int, gamma: Double)
  /// torch.optim.lr_scheduler.ExponentialLR: times `gamma` after every epoch.
  case exponential(gamma: Double)

  /// The ways to name a schedule by a word.
  public enum Form: String, Sendable, CaseIterable {
    case step, exponential, constant
  }

  /// - Parameter epoch: 0-based.
  public func learningRate(initial: Double, epoch: Int) -> Double {
    switch self {
    case .constant: initial
    case .step(let epochs, let gamma): initial * pow(gamma, Double(epoch / max(epochs, 1)))
    case .exponential(let gamma): initial * pow(gamma, Double(epoch))
    }
  }
}
