public import HPACore
import Foundation

/// Batches of images in a fixed order, decoded and augmented by threads that run ahead of the consumer.
///
/// Batch b holds samples b * batchSize to (b + 1) * batchSize - 1, whatever the number of threads. At most `prefetch` batches are decoded or
/// being decoded at a time, so memory is bounded by (prefetch + the one in use) * batchSize * 4 * size * size bytes, and by one image a thread.
/// Letting go of the loader ends its threads; that waits for the images being decoded at that moment.
public final class BatchLoader: PixelBatchSource, Sendable {
  public struct Options: Sendable {
    public var batchSize: Int
    /// Side of the square images.
    public var size: Int
    public var threads: Int
    /// Batches that threads run ahead of the consumer.
    public var prefetch: Int
    /// A last batch of fewer samples is left out (training: batch normalisation wants no batch of one).
    public var dropsLast: Bool
    public var unreadable: Unreadable

    /// - Parameter prefetch: nil takes as many batches as give every thread an image, and two at least.
    public init(
      batchSize: Int, size: Int, threads: Int = Parallel.availableThreads, prefetch: Int? = nil, dropsLast: Bool = false,
      unreadable: Unreadable = .fail
    ) {
      self.batchSize = batchSize
      self.size = size
      self.threads = threads
      self.prefetch = prefetch ?? max(2, 1 + threads / max(1, batchSize))
      self.dropsLast = dropsLast
      self.unreadable = unreadable
    }
  }

  /// What becomes of an image that cannot be read (`--on-error`).
  public enum Unreadable: String, CaseIterable, Sendable {
    /// `next` throws, after the batches before it.
    case fail
    /// The image is left out of its batch and stands in `rejects`; a batch can so be smaller, and an empty one is passed over.
    case skip
  }

  /// Makes the augmentations of one epoch; each sample has its own, by its position in the list.
  public struct EpochAugmentation: Sendable {
    public var seed: UInt64
    public var epoch: Int

    public init(seed: UInt64, epoch: Int) {
      self.seed = seed
      self.epoch = epoch
    }
  }

  private let pipeline: BatchPipeline

  /// - Parameters:
  ///   - ids: the samples, in order; an id may stand more than once.
  ///   - labels: one set a sample, or none at all.
  ///   - pixels: gives the (4, size, size) pixels of an image; called on several threads at once.
  /// - Throws: `usage` for a batch size, size, number of threads or prefetch below 1, or labels that do not match the ids.
  public init(
    ids: [ImageID], labels: [LabelSet] = [], options: Options, augmentation: EpochAugmentation? = nil,
    pixels: @escaping @Sendable (ImageID) throws -> PixelStack
  ) throws {
    for (name, value) in [
      ("batch size", options.batchSize), ("size", options.size), ("number of threads", options.threads), ("prefetch", options.prefetch),
    ]
    where value < 1 {
      throw Failure(.usage, "a \(name) of \(value)", cure: "Give 1 or more.")
    }
    guard labels.isEmpty || labels.count == ids.count else { throw Failure(.usage, "\(labels.count) label sets for \(ids.count) images") }
    pipeline = BatchPipeline(ids: ids, labels: labels, options: options, augmentation: augmentation, pixels: pixels)
    pipeline.start()
  }

  deinit { pipeline.stop() }

  /// The batches that there are; with `skip`, fewer may come.
  public var batchCount: Int { pipeline.batchCount }

  /// The next batch, or nil after the last.
  ///
  /// - Throws: the first failure in sample order, with the id of its image, again at every later call; `interrupted`.
  public func next() throws -> PixelBatch? {
    while true {
      try Interruption.check()
      guard let batch = try pipeline.next() else { return nil }
      if !batch.ids.isEmpty { return batch }
    }
  }

  /// The images left out of the batches handed out so far, in sample order.
  public var rejects: [Reject] { pipeline.rejects }

  /// The time that `next` has waited for images; near 0 where the network is never starved.
  public var secondsWaited: Double { pipeline.secondsWaited }
}
