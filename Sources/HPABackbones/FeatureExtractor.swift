public import HPACore
public import HPATorch

/// A trained network that is only used: images in, features and scores out.
public final class FeatureExtractor {
  public struct Output: Sendable {
    /// (N x 128), before the ReLU.
    public let features: Matrix<Float>
    /// (N x 28), after the sigmoid.
    public let scores: Matrix<Float>
  }

  public let size: Int
  private let network: Network
  private let device: Device
  private let mode: ForwardMode

  /// - Throws: `badData` for weights that do not fit the network, `unavailable` for a device that is not there.
  public init(_ checkpoint: Checkpoint, device: Device = .cpu, precision: Precision = .float32, threads: Int = Parallel.availableThreads)
    throws
  {
    try device.requirePresence()
    try TorchLibrary.setThreads(threads)
    size = checkpoint.size
    self.device = device
    mode = Network.inference(precision)
    network = try Network(checkpoint.backbone, seed: 0, device: device)
    try network.store.load(checkpoint.file)
  }

  /// - Throws: `badData` that names the first image whose features are not finite.
  public func extract(_ batch: PixelBatch) throws -> Output {
    try network.backbone.requireSize(batch.size)
    return try Scope.inference {
      let pixels = try Tensor(batch.pixels, shape: [batch.ids.count, Network.channels, batch.size, batch.size], device: device)
      let output = try network(pixels, mode)
      let features = Matrix(rows: batch.ids.count, columns: Network.featureCount, values: try output.features.floats())
      if let row = features.firstRowNotFinite {
        throw Failure(
          .badData, "the network gives features that are not finite", at: .id(batch.ids[row]), cure: "Check the checkpoint's weights.")
      }
      let scores = Matrix(rows: batch.ids.count, columns: ProteinLocation.count, values: try output.logits.sigmoid().floats())
      return Output(features: features, scores: scores)
    }
  }
}
