import HPACore
import Foundation

/// The threads behind a `BatchLoader`, and the batches between them and the consumer.
///
/// Threads keep this object alive, not the loader, so that dropping the loader can end them.
final class BatchPipeline: Sendable {
  private enum Outcome {
    case image(PixelStack)
    case reject(Reject)
    case failure(Failure)
  }

  /// A batch of which some outcomes are there, each in its place.
  private struct Unfinished {
    var outcomes: [Outcome?]
    var missing: Int

    init(count: Int) {
      outcomes = Array(repeating: nil, count: count)
      missing = count
    }

    mutating func set(_ outcome: Outcome, at place: Int) {
      outcomes[place] = outcome
      missing -= 1
    }
  }

  private struct State {
    var nextSample = 0
    /// Samples from here on are not begun: the end of the list, or of the first batch with a failure.
    var endOfSamples: Int
    var unfinished: [Int: Unfinished] = [:]
    var finished: [Int: Result<(batch: PixelBatch, rejects: [Reject]), Failure>] = [:]
    var handedOut = 0
    var failure: Failure?
    var rejects: [Reject] = []
    var secondsWaited = 0.0
    var runningThreads = 0
    var isStopped = false
  }

  let batchCount: Int
  private let ids: [ImageID]
  private let labels: [LabelSet]
  private let options: BatchLoader.Options
  private let augmentation: BatchLoader.EpochAugmentation?
  private let pixels: @Sendable (ImageID) throws -> PixelStack
  private let monitor: Monitor<State>

  init(
    ids: [ImageID], labels: [LabelSet], options: BatchLoader.Options, augmentation: BatchLoader.EpochAugmentation?,
    pixels: @escaping @Sendable (ImageID) throws -> PixelStack
  ) {
    self.ids = ids
    self.labels = labels
    self.options = options
    self.augmentation = augmentation
    self.pixels = pixels
    batchCount = options.dropsLast ? ids.count / options.batchSize : (ids.count + options.batchSize - 1) / options.batchSize
    monitor = Monitor(State(endOfSamples: min(ids.count, batchCount * options.batchSize)))
  }

  // MARK: The consumer's side

  func start() {
    let threads = min(options.threads, ids.count)
    monitor.change { $0.runningThreads = threads }
    for number in 0..<threads {
      let thread = Thread { self.work() }
      thread.name = "images \(number)"
      thread.start()
    }
  }

  /// Returns once no thread runs any more.
  func stop() {
    monitor.change { $0.isStopped = true }
    monitor.wait(until: { $0.runningThreads == 0 }, then: { _ in })
  }

  /// The next batch, perhaps empty; nil after the last.
  func next() throws -> PixelBatch? {
    let started = ContinuousClock.now
    return try monitor.wait(until: { $0.failure != nil || $0.handedOut == batchCount || $0.finished[$0.handedOut] != nil }) { state in
      state.secondsWaited += (ContinuousClock.now - started).seconds
      if let failure = state.failure { throw failure }
      switch state.finished.removeValue(forKey: state.handedOut) {
      case nil: return nil
      case .failure(let failure):
        state.failure = failure
        throw failure
      case .success(let (batch, rejects)):
        state.handedOut += 1
        state.rejects += rejects
        return batch
      }
    }
  }

  var rejects: [Reject] { monitor.change { $0.rejects } }
  var secondsWaited: Double { monitor.change { $0.secondsWaited } }

  // MARK: The threads' side

  private func work() {
    while let sample = nextSample() {
      let outcome = load(sample)
      if let (batch, outcomes) = finish(sample, outcome) {
        let result = assemble(batch, outcomes)
        monitor.change { $0.finished[batch] = result }
      }
    }
    monitor.change { $0.runningThreads -= 1 }
  }

  /// Waits until there is room ahead of the consumer; nil when no sample is left.
  private func nextSample() -> Int? {
    monitor.wait(until: { state in
      state.isStopped || state.nextSample >= state.endOfSamples || state.nextSample / options.batchSize < state.handedOut + options.prefetch
    }) { state in
      guard !state.isStopped, state.nextSample < state.endOfSamples else { return nil }
      defer { state.nextSample += 1 }
      return state.nextSample
    }
  }

  private func load(_ sample: Int) -> Outcome {
    let id = ids[sample]
    do {
      let stack = try pixels(id)
      guard stack.channels == 4, stack.height == options.size, stack.width == options.size else {
        throw Failure(
          .badData, "the pixels are \(stack.channels) x \(stack.height) x \(stack.width), not 4 x \(options.size) x \(options.size)",
          at: .id(id),
          cure: "Give all four stains, resized to \(options.size).")
      }
      guard let augmentation else { return .image(stack) }
      return .image(Augmentation.drawn(seed: augmentation.seed, epoch: augmentation.epoch, sample: sample).applied(to: stack))
    } catch {
      let failure = named(error, id)
      let isUnreadable = [.badData, .missingInput, .inputOutput].contains(failure.kind)
      return options.unreadable == .skip && isUnreadable
        ? .reject(Reject(id: id, reason: (failure.place.path.map { "\($0): " } ?? "") + failure.message)) : .failure(failure)
    }
  }

  private func named(_ error: any Error, _ id: ImageID) -> Failure {
    var failure = error as? Failure ?? Failure(.badData, "\(error)")
    failure.place.id = failure.place.id ?? id.text
    return failure
  }

  /// Puts an outcome in its place; returns the whole batch where it was the last one missing.
  private func finish(_ sample: Int, _ outcome: Outcome) -> (batch: Int, outcomes: [Outcome])? {
    let (batch, place) = sample.quotientAndRemainder(dividingBy: options.batchSize)
    let samples = batch * options.batchSize..<min((batch + 1) * options.batchSize, ids.count)
    return monitor.change { state in
      if case .failure = outcome { state.endOfSamples = min(state.endOfSamples, samples.upperBound) }
      state.unfinished[batch, default: Unfinished(count: samples.count)].set(outcome, at: place)
      guard let whole = state.unfinished[batch], whole.missing == 0 else { return nil }
      state.unfinished[batch] = nil
      return (batch, whole.outcomes.compactMap { $0 })
    }
  }

  private func assemble(_ batch: Int, _ outcomes: [Outcome]) -> Result<(batch: PixelBatch, rejects: [Reject]), Failure> {
    var samples: [Int] = []
    var bytes: [UInt8] = []
    var rejects: [Reject] = []
    bytes.reserveCapacity(outcomes.count * 4 * options.size * options.size)
    for (sample, outcome) in zip(batch * options.batchSize..<ids.count, outcomes) {
      switch outcome {
      case .image(let stack):
        samples.append(sample)
        bytes += stack.pixels
      case .reject(let reject): rejects.append(reject)
      case .failure(let failure): return .failure(failure)
      }
    }
    let sets = labels.isEmpty ? [] : samples.map { labels[$0] }
    return .success((PixelBatch(ids: samples.map { ids[$0] }, size: options.size, pixels: bytes, labels: sets), rejects))
  }
}
