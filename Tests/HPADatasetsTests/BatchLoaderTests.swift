import Foundation
import HPACore
import HPADatasets
import HPATestSupport
import Synchronization
import Testing

private let size = 6

private func ids(_ count: Int) -> [ImageID] { (0..<count).map { ImageID("image-\($0)") } }

/// Pixels that only the id decides.
@Sendable private func picture(_ id: ImageID) -> PixelStack {
  var generator = SeededGenerator(seed: 1, stream: id.text)
  return PixelStack(height: size, width: size, pixels: (0..<4 * size * size).map { _ in UInt8(generator.index(below: 256)) })
}

private func all(_ loader: BatchLoader) throws -> [PixelBatch] {
  var batches: [PixelBatch] = []
  while let batch = try loader.next() { batches.append(batch) }
  return batches
}

@Suite(.timeLimit(.minutes(1))) struct BatchLoaderTests {
  @Test(arguments: [1, 2, 4, 64], [1, 3]) func `batches come in order with the same bytes for any number of threads`(
    threads: Int, prefetch: Int
  ) throws {
    let ids = ids(23)
    let labels = ids.indices.map { LabelSet([$0 % 28]) }
    let options = BatchLoader.Options(batchSize: 5, size: size, threads: threads, prefetch: prefetch)
    let loader = try BatchLoader(ids: ids, labels: labels, options: options, augmentation: .init(seed: 3, epoch: 1), pixels: picture)
    let batches = try all(loader)
    #expect(batches.map(\.ids.count) == [5, 5, 5, 5, 3])
    #expect(batches.flatMap(\.ids) == ids)
    #expect(batches.flatMap(\.labels) == labels)
    let expected = ids.enumerated().flatMap { sample, id in
      Augmentation.drawn(seed: 3, epoch: 1, sample: sample).applied(to: picture(id)).pixels
    }
    #expect(batches.flatMap(\.pixels) == expected)
    #expect(try loader.next() == nil)
  }

  @Test(arguments: [(10, 5, 2), (9, 5, 1), (4, 5, 0), (0, 5, 0)]) func `a last short batch is dropped where asked`(
    count: Int, batch: Int, expected: Int
  ) throws {
    let loader = try BatchLoader(
      ids: ids(count), options: .init(batchSize: batch, size: size, threads: 2, dropsLast: true), pixels: picture)
    #expect(loader.batchCount == expected)
    let batches = try all(loader)
    #expect(batches.count == expected && batches.allSatisfy { $0.ids.count == batch && $0.labels.isEmpty })
  }

  @Test func `threads run ahead by the prefetch and no further`() throws {
    let begun = Atomic<Int>(0)
    let reached = DispatchSemaphore(value: 0)
    let options = BatchLoader.Options(batchSize: 4, size: size, threads: 3, prefetch: 2)
    let loader = try BatchLoader(ids: ids(40), options: options) { id in
      if begun.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue % 8 == 0 { reached.signal() }
      return picture(id)
    }
    // With nobody taking batches, two of four images are made; then the threads sleep.
    reached.wait()
    var batches = [try #require(try loader.next()), try #require(try loader.next())]
    // Two batches taken make room for two more.
    reached.wait()
    #expect(begun.load(ordering: .sequentiallyConsistent) == 16)
    batches += try all(loader)
    #expect(batches.flatMap(\.ids) == ids(40))
  }

  @Test(arguments: [1, 2, 4]) func `the first failure surfaces with its id after the batches before it`(threads: Int) throws {
    let loader = try BatchLoader(ids: ids(30), options: .init(batchSize: 4, size: size, threads: threads, prefetch: 3)) { id in
      if ["image-9", "image-10", "image-21"].contains(id) { throw Failure(.badData, "broken", at: .file("/images/\(id)_red.png")) }
      return picture(id)
    }
    #expect(try loader.next()?.ids == Array(ids(4)))
    #expect(try loader.next()?.ids == Array(ids(8)[4...]))
    for _ in 0..<2 {
      let failure = try #require(throws: Failure.self) { try loader.next() }
      #expect(failure.place == .file("/images/image-9_red.png", id: "image-9"))
    }
  }

  @Test func `an error of another kind, and pixels of another shape, become failures with the id`() throws {
    struct Odd: Error {}
    let throwing = try BatchLoader(ids: ids(1), options: .init(batchSize: 1, size: size)) { _ in throw Odd() }
    #expect(try #require(throws: Failure.self) { try throwing.next() }.place.id == "image-0")
    let wrong = try BatchLoader(ids: ids(1), options: .init(batchSize: 1, size: size + 1), pixels: picture)
    let failure = try #require(throws: Failure.self) { try wrong.next() }
    #expect(failure.place.id == "image-0" && failure.message.contains("4 x 6 x 6, not 4 x 7 x 7"))
  }

  @Test(arguments: [1, 2, 4]) func `skipped images are listed, and ids, labels and pixels still line up`(threads: Int) throws {
    let broken: Set<ImageID> = ["image-1", "image-4", "image-5", "image-6", "image-7", "image-10"]
    let ids = ids(11)
    let labels = ids.indices.map { LabelSet([$0]) }
    let options = BatchLoader.Options(batchSize: 4, size: size, threads: threads, unreadable: .skip)
    let loader = try BatchLoader(ids: ids, labels: labels, options: options) { id in
      if broken.contains(id) { throw Failure(.missingInput, "no such file", at: .file("\(id)_red.png")) }
      return picture(id)
    }
    let batches = try all(loader)
    #expect(batches.map { $0.ids.map(\.text) } == [["image-0", "image-2", "image-3"], ["image-8", "image-9"]])
    #expect(batches.flatMap(\.labels) == [[0], [2], [3], [8], [9]])
    for batch in batches { #expect(batch.pixels == batch.ids.flatMap { picture($0).pixels }) }
    #expect(loader.rejects.map(\.id) == ids.filter { broken.contains($0) })
    #expect(Reject.csv(loader.rejects).hasPrefix("Id,Reason\nimage-1,image-1_red.png: no such file\n"))
  }

  @Test func `skip passes over unreadable images only, not over other failures`() throws {
    let loader = try BatchLoader(ids: ids(3), options: .init(batchSize: 1, size: size, unreadable: .skip)) { _ in
      throw Failure(.interrupted, "interrupted")
    }
    #expect(try #require(throws: Failure.self) { try loader.next() }.kind == .interrupted)
    #expect(loader.rejects.isEmpty)
  }

  @Test(arguments: [1, 4]) func `a loader dropped early ends its threads`(threads: Int) throws {
    /// Lives as long as a thread holds the closure that holds it.
    final class Witness: Sendable {
      let decoding = Atomic<Int>(0)
      let gone: DispatchSemaphore

      init(gone: DispatchSemaphore) { self.gone = gone }
      deinit { gone.signal() }
    }
    for taken in 0..<3 {
      let gone = DispatchSemaphore(value: 0)
      do {
        let witness = Witness(gone: gone)
        do {
          let loader = try BatchLoader(ids: ids(1000), options: .init(batchSize: 2, size: size, threads: threads, prefetch: 2)) { id in
            witness.decoding.add(1, ordering: .sequentiallyConsistent)
            defer { witness.decoding.subtract(1, ordering: .sequentiallyConsistent) }
            return picture(id)
          }
          for _ in 0..<taken { _ = try loader.next() }
        }
        #expect(witness.decoding.load(ordering: .sequentiallyConsistent) == 0)
      }
      gone.wait()
    }
  }

  @Test func `time spent waiting is counted`() throws {
    let gate = DispatchSemaphore(value: 0)
    let loader = try BatchLoader(ids: ids(1), options: .init(batchSize: 1, size: size, threads: 1)) { id in
      gate.wait()
      return picture(id)
    }
    #expect(loader.secondsWaited == 0)
    gate.signal()
    _ = try loader.next()
    #expect(loader.secondsWaited > 0)
  }

  @Test(arguments: [(0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 0, 1), (1, 1, 1, 0)])
  func `options below 1 are refused`(batch: Int, size: Int, threads: Int, prefetch: Int) {
    let options = BatchLoader.Options(batchSize: batch, size: size, threads: threads, prefetch: prefetch)
    #expect(throws: Failure.self) { try BatchLoader(ids: ["a"], options: options, pixels: picture) }
  }

  @Test func `labels that do not match the ids are refused`() {
    #expect(throws: Failure.self) {
      try BatchLoader(ids: ["a", "b"], labels: [[0]], options: .init(batchSize: 1, size: size), pixels: picture)
    }
  }

  @Test(arguments: [(1, 16), (4, 16), (16, 2), (64, 1)])
  func `batches run ahead far enough to give every thread an image`(batch: Int, threads: Int) {
    let options = BatchLoader.Options(batchSize: batch, size: size, threads: threads)
    #expect(options.prefetch >= 2 && options.prefetch * batch > threads)
  }
}
