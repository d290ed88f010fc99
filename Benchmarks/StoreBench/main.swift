/// One timed piece of work on a feature store; `Benchmarks/store.py` runs it, a process for each, and puts its JSON into a table.
import Foundation
import HPACore
import HPAStore

private let view = "bench"
private let batch = 4096

private func seconds(_ body: () throws -> Void) rethrows -> Double {
  let clock = ContinuousClock()
  return try clock.measure(body).seconds
}

private func best(of runs: Int, _ body: () throws -> Void) rethrows -> Double {
  try (0..<runs).map { _ in try seconds(body) }.min() ?? 0
}

/// Copies as many bytes as the matrix has from one resident array to another, or to one that is new each time, with all processors.
private func copyBandwidth(bytes: Int, isNew: Bool) throws -> Double {
  let threads = Parallel.availableThreads
  let (source, target) = (
    UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 4096), UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 4096)
  )
  defer {
    source.deallocate()
    target.deallocate()
  }
  memset(source, 1, bytes)
  memset(target, 2, bytes)
  let share = bytes / threads
  let time = try best(of: 5) {
    let fresh = isNew ? UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 1 << 21) : nil
    defer { fresh?.deallocate() }
    if let fresh { madvise(fresh, bytes, Int32(MADV_HUGEPAGE)) }
    nonisolated(unsafe) let (from, to) = (source, fresh ?? target)
    _ = try Parallel.map(count: threads, threads: threads) { index in memcpy(to + index * share, from + index * share, share) == nil }
  }
  return Double(bytes) / time
}

private func write(_ store: String, _ rows: NamedRows<Float>, part: Range<Int>) throws -> Double {
  let header = ViewHeader(
    name: view, dataset: "bench", dimension: rows.matrix.columns, origin: .import,
    lineage: Lineage(declaredOrigin: "noise", source: "bench", sourceSHA256: String(repeating: "0", count: 64), programVersion: "bench"),
    command: "store-bench")
  let ids = Array(rows.ids[part])
  return try seconds {
    let writer = try FeatureStore(store, mode: .readWrite).beginView(header, expectedIDs: rows.ids, part: ids)
    for start in stride(from: part.lowerBound, to: part.upperBound, by: batch) {
      let range = start..<min(start + batch, part.upperBound)
      try writer.append(rows, range)
    }
    _ = try writer.finish()
  }
}

private func measure(_ arguments: [String]) throws -> [String: Double] {
  func load() throws -> NamedRows<Float> {
    try NamedRows(ids: ImageID.list(contentsOf: arguments[3]), matrix: NumpyFile.read(arguments[2]), path: arguments[2])
  }
  switch arguments[0] {
  case "copy":
    let bytes = Int(arguments[1]) ?? 0
    return [
      "bytes_per_second": try copyBandwidth(bytes: bytes, isNew: false),
      "new_bytes_per_second": try copyBandwidth(bytes: bytes, isNew: true),
    ]
  case "write":
    let rows = try load()
    return ["seconds": try write(arguments[1], rows, part: rows.ids.indices)]
  case "shards":
    let rows = try load()
    let half = rows.ids.count / 2
    return ["seconds": try write(arguments[1] + "-0", rows, part: 0..<half) + write(arguments[1] + "-1", rows, part: half..<rows.ids.count)]
  case "verify":
    let store = try FeatureStore(arguments[1])
    return ["seconds": try best(of: 3) { guard try store.verify(view).isSound else { throw Failure(.badData, "unsound") } }]
  case "scan":
    let store = try FeatureStore(arguments[1])
    var sum: Float = 0
    let first = try seconds { sum += try store.values(view)[0, 0] }
    let scan = try best(of: 5) { sum += try store.values(view)[0, 0] }
    var matrix = try store.values(view)
    let resident = try best(of: 5) { try store.values(view, into: &matrix) }
    let named = try best(of: 3) { sum += try store.matrix(view).matrix[0, 0] }
    guard sum.isFinite else { throw Failure(.badData, "no numbers") }
    return ["seconds": scan, "resident_seconds": resident, "first_seconds": first, "with_ids_seconds": named]
  case "random":
    let store = try FeatureStore(arguments[1])
    let ids = try ImageID.list(contentsOf: arguments[2])
    return ["seconds": try best(of: 3) { _ = try store.matrix(view, ids: ids) }]
  case "merge":
    let store = try FeatureStore(arguments[1], mode: .readWrite)
    return ["seconds": try seconds { _ = try store.merge(from: Array(arguments[2...])) }]
  default:
    throw Failure(.usage, "store-bench copy|write|shards|verify|scan|random|merge")
  }
}

do {
  let result = try measure(Array(CommandLine.arguments.dropFirst()))
  print(String(decoding: try JSONSerialization.data(withJSONObject: result, options: .sortedKeys), as: UTF8.self))
} catch {
  FileHandle.standardError.write(Data("store-bench: \(error)\n".utf8))
  exit(1)
}
