/// The HPAIC team's ways of training, by the size of the images.
///
/// All share SGD with momentum 0.9, weight decay 1e-4 and a learning rate that falls to a tenth every 6 epochs.
public enum TrainingPreset: String, Sendable, CaseIterable {
  /// From ImageNet weights: learning rate 0.05, 25 epochs.
  case seed512 = "seed-512"
  /// From the model of 512 pixels: learning rate 0.01, up to 20 epochs, ended by 6 without a lower validation loss.
  case seed650 = "seed-650"
  /// The same at 800 pixels.
  case seed800 = "seed-800"

  public var size: Int {
    switch self {
    case .seed512: 512
    case .seed650: 650
    case .seed800: 800
    }
  }

  /// Whether a model of 512 pixels comes first.
  public var isSecondStage: Bool { self != .seed512 }

  /// Sets what differs from the defaults, which are those of 512 pixels.
  public func apply(to configuration: inout TrainingConfiguration) {
    guard isSecondStage else { return }
    configuration.learningRate = 0.01
    // The team stopped by eye, at 12 to 20; here a whole step of the learning rate that brought nothing ends it.
    (configuration.epochs, configuration.patience) = (20, 6)
  }
}
