import CLMDB
import Foundation
public import HPACore
import Synchronization

/// Fills one view. What a batch has appended is safe from that moment; a program that was stopped goes on with what is missing.
public final class ViewWriter: Sendable {
  /// What became of the rows of a batch.
  public struct Appended: Sendable, Equatable {
    public let written: Int
    /// Rows whose id had a sound vector already; it was left as it is.
    public let kept: Int
  }

  public let store: FeatureStore
  public let header: ViewHeader
  /// The ids that had no sound vector when the view was begun, in the order they were given.
  public let missing: [ImageID]
  private let part: [ImageID]
  private let allowed: Set<ImageID>
  let databases: (headers: MDB_dbi, vectors: MDB_dbi)

  fileprivate init(
    store: FeatureStore, header: ViewHeader, part: [ImageID], expected: [ImageID], databases: (headers: MDB_dbi, vectors: MDB_dbi)
  ) throws {
    self.store = store
    self.header = header
    self.part = part
    self.databases = databases
    allowed = Set(expected)
    missing = try store.read(header.name) { header, tree in
      guard tree.count > 0 else { return part }
      return try part.filter { id in
        let key = try id.key()
        guard let record = try tree.get(key) else { return true }
        return key.withUnsafeBytes { FeatureRecord.defect(key: $0, record: record, dimension: header.dimension) } != nil
      }
    }
  }

  /// Stores a batch in one transaction.
  ///
  /// - Parameter range: which of the rows; all by default.
  /// - Throws: `badData` for an id outside the view's list, another number of features, or a NaN or infinite one: then nothing of the batch is
  ///   stored. `inputOutput` where the disk is full.
  @discardableResult
  public func append(_ rows: NamedRows<Float>, _ range: Range<Int>? = nil) throws -> Appended {
    let range = range ?? rows.ids.indices
    let vectors = try vectors(of: rows, range)
    // In key order, so that one page after the other is filled.
    let order = range.sorted { rows.ids[$0] < rows.ids[$1] }
    let bytes = FeatureRecord.bytes(dimension: header.dimension)
    return try store.environment.write { transaction in
      var written = 0
      for row in order {
        let key = try rows.ids[row].key()
        let isWritten = try transaction.append(databases.vectors, key, bytes: bytes) { place in
          FeatureRecord.encode(vectors[row - range.lowerBound], key: key, into: place)
        }
        if !isWritten {
          guard try !store.isSound(key, in: databases.vectors, dimension: header.dimension, transaction) else { continue }
          try transaction.put(databases.vectors, key, bytes: bytes) { place in
            FeatureRecord.encode(vectors[row - range.lowerBound], key: key, into: place)
          }
        }
        written += 1
      }
      return Appended(written: written, kept: range.count - written)
    }
  }

  /// The rows of a range, checked.
  private func vectors(of rows: NamedRows<Float>, _ range: Range<Int>) throws -> [ArraySlice<Float>] {
    guard rows.matrix.columns == header.dimension else {
      throw Failure(
        .badData, "\(rows.matrix.columns) features for view '\(header.name)', which has \(header.dimension)", at: .file(store.path))
    }
    if let stranger = rows.ids[range].first(where: { !allowed.contains($0) }) {
      throw Failure(
        .badData, "the id is not in the list of view '\(header.name)'", at: .file(store.path, id: stranger.text),
        cure: "Begin the view with all its ids.")
    }
    return try range.map { row in
      let vector = rows.matrix[row: row]
      guard vector.allSatisfy({ $0.isFinite }) else {
        throw Failure(
          .badData, "a feature is NaN or infinite", at: .file(store.path, id: rows.ids[row].text),
          cure: "Look at the image and the checkpoint; --on-error skip leaves such images out.")
      }
      return vector
    }
  }

  /// Marks the view complete where every id of its list is there. A writer of one part leaves it in state `writing` until the other parts are there.
  ///
  /// - Throws: `badData` that names the first id of this writer's part that is still missing.
  public func finish() throws -> ViewHeader {
    try store.environment.write { transaction in
      let settled = try store.settleState(of: header.name, databases.vectors, databases.headers, transaction)
      guard settled.state != .complete else { return settled }
      let missing = try part.filter { try transaction.get(databases.vectors, try $0.key()) == nil }
      if let first = missing.first {
        throw Failure(
          .badData, "view '\(header.name)' still misses \(missing.count) of \(part.count) ids, the first is \(first)",
          at: .file(store.path, id: first.text),
          cure: "Run the same command again; it does what is missing.")
      }
      return settled
    }
  }
}

extension FeatureStore {
  /// Begins a view, or goes on with one that was begun with the same lineage.
  ///
  /// - Parameters:
  ///   - expectedIDs: every id of the view; they fix `count` and the ids' hash.
  ///   - part: the ids that this program will bring, where several share the work; all of them by default.
  /// - Throws: `badData` where the view exists with another lineage (both sides are listed), or for a repeated, empty or overlong id; `usage` for a
  ///   name or a dimension that no view can have.
  public func beginView(_ header: ViewHeader, expectedIDs: [ImageID], part: [ImageID]? = nil) throws -> ViewWriter {
    try checkWritable()
    let wanted = try prepared(header, expectedIDs: expectedIDs)
    let databases = (headers: try headersDatabase(), vectors: try vectorsDatabase(header.name))
    let begun = try environment.write { transaction in try self.begin(wanted, in: databases.headers, transaction) }
    let writer = try ViewWriter(store: self, header: begun, part: part ?? expectedIDs, expected: expectedIDs, databases: databases)
    if !writer.missing.isEmpty, begun.state == .complete {
      try environment.write { transaction in _ = try self.settle(.writing, of: header.name, databases.headers, transaction) }
    }
    return writer
  }

  /// The header with what follows from its ids.
  func prepared(_ header: ViewHeader, expectedIDs: [ImageID]) throws -> ViewHeader {
    guard ViewHeader.isValid(name: header.name) else {
      throw Failure(
        .usage, "'\(header.name)' is no name for a view",
        cure: "Use up to 200 letters, digits and . _ @ + -, such as --view hpav18@inceptionv4_800_f0.")
    }
    guard ViewHeader.dimensions.contains(header.dimension) else {
      throw Failure(.usage, "view '\(header.name)' has \(header.dimension) features an image")
    }
    for id in expectedIDs { try id.checkKey() }
    let sorted = expectedIDs.sorted()
    for (id, next) in zip(sorted, sorted.dropFirst()) where id == next {
      throw Failure(.badData, "the id stands twice in the list of view '\(header.name)'", at: .id(id), cure: "Keep one row for each id.")
    }
    var prepared = header
    prepared.count = expectedIDs.count
    prepared.lineage.idsSHA256 = ContentHash.sortedIDs(sorted)
    prepared.created = FeatureStore.now()
    return prepared
  }

  private func begin(_ wanted: ViewHeader, in headers: MDB_dbi, _ transaction: borrowing Transaction) throws -> ViewHeader {
    guard let stored = try storedHeader(wanted.name, in: headers, transaction) else { return try put(wanted, in: headers, transaction) }
    try checkSameLineage(stored, wanted)
    return stored
  }

  func checkSameLineage(_ stored: ViewHeader, _ wanted: ViewHeader, of other: String? = nil) throws {
    let differences = stored.differences(from: wanted)
    guard !differences.isEmpty else { return }
    throw Failure(
      .badData,
      "view '\(stored.name)' was made in another way\(other.map { " than that in \($0)" } ?? ""):\n    "
        + differences.map(\.description).joined(separator: "\n    "),
      at: .file(path), cure: "Give another --view NAME, or remove it: hpa-feat store drop --store \(path) --view \(stored.name).")
  }

  func isSound(_ key: [UInt8], in vectors: MDB_dbi, dimension: Int, _ transaction: borrowing Transaction) throws -> Bool {
    guard let record = try transaction.get(vectors, key) else { return false }
    return key.withUnsafeBytes { FeatureRecord.defect(key: $0, record: record, dimension: dimension) } == nil
  }

  /// Sets the state that the stored ids call for.
  func settleState(of name: String, _ vectors: MDB_dbi, _ headers: MDB_dbi, _ transaction: borrowing Transaction) throws -> ViewHeader {
    var ids = IDsHash()
    try transaction.forEach(vectors) { key, _ in ids.add(key) }
    let stored = try storedHeader(name, in: headers, transaction)
    let isComplete = stored?.lineage.idsSHA256 == ids.hexadecimal()
    return try settle(isComplete ? .complete : .writing, of: name, headers, transaction)
  }

  private func settle(_ state: ViewHeader.State, of name: String, _ headers: MDB_dbi, _ transaction: borrowing Transaction) throws
    -> ViewHeader
  {
    guard var header = try storedHeader(name, in: headers, transaction) else {
      throw Failure(.unavailable, "view '\(name)' was dropped while it was written", at: .file(path), cure: "Run the same command again.")
    }
    guard header.state != state else { return header }
    header.state = state
    header.finished = state == .complete ? FeatureStore.now() : nil
    return try put(header, in: headers, transaction)
  }
}
