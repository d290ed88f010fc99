import CLMDB
public import HPACore

/// What `merge` did to one view.
public struct MergeReport: Codable, Sendable, Equatable {
  public let view: String
  public let added: Int
  /// Vectors that were there already, bit by bit the same.
  public let duplicates: Int
  public let state: ViewHeader.State
}

extension FeatureStore {
  static let batch = 4096

  /// Brings the views of other stores (shards of one extraction, say) into this one.
  ///
  /// - Parameter names: which views; nil takes all.
  /// - Throws: `badData` where lineages differ, a record is damaged, or one id has two different vectors; what was brought before stays.
  public func merge(from paths: [String], views names: [String]? = nil, progress: ProgressLine? = nil) throws -> [MergeReport] {
    try checkWritable()
    var reports: [String: MergeReport] = [:]
    for path in paths {
      let source = try FeatureStore(path)
      guard source.environment !== environment else {
        throw Failure(.usage, "a store cannot be merged into itself", at: .file(path), cure: "Give another --store.")
      }
      for name in try names ?? source.views().map(\.name) {
        let report = try source.read(name) { try self.merge($0, $1, of: source, progress: progress) }
        let (added, duplicates) = (reports[name]?.added ?? 0, reports[name]?.duplicates ?? 0)
        reports[name] = MergeReport(
          view: name, added: added + report.added, duplicates: duplicates + report.duplicates, state: report.state)
      }
    }
    progress?.finish()
    return reports.values.sorted { $0.view.utf8.lexicographicallyPrecedes($1.view.utf8) }
  }

  private func merge(_ header: ViewHeader, _ tree: Tree, of source: FeatureStore, progress: ProgressLine?) throws -> MergeReport {
    let writing = try begin(copying: header, of: source.path)
    let (headers, vectors) = (writing.headers, writing.vectors)
    var (added, duplicates) = (0, 0)
    let scan = try ViewScan(header, tree)
    var batch = RecordBatch()
    func flush() throws {
      try Interruption.check()
      let written = try self.insert(batch, vectors, view: header.name, of: source.path)
      (added, duplicates) = (added + written, duplicates + batch.count - written)
      progress?.advance(by: batch.count)
      batch.removeAll()
    }
    try scan.forEach { _, key, record in
      try source.check(key, record, header)
      batch.append(key, record)
      if batch.count == FeatureStore.batch { try flush() }
    }
    try flush()
    let state = try environment.write { try self.settleState(of: header.name, vectors, headers, $0).state }
    return MergeReport(view: header.name, added: added, duplicates: duplicates, state: state)
  }

  /// Makes a view with another one's header, in state `writing`, or takes the one that is there.
  ///
  /// - Throws: `badData` where that has another lineage.
  func begin(copying header: ViewHeader, of path: String) throws -> (headers: MDB_dbi, vectors: MDB_dbi) {
    let (headers, vectors) = (try headersDatabase(), try vectorsDatabase(header.name))
    try environment.write { transaction in
      if let stored = try self.storedHeader(header.name, in: headers, transaction) {
        return try self.checkSameLineage(stored, header, of: path)
      }
      var header = header
      (header.state, header.finished) = (.writing, nil)
      _ = try self.put(header, in: headers, transaction)
    }
    return (headers, vectors)
  }

  /// Returns how many records were new.
  func insert(_ batch: RecordBatch, _ vectors: MDB_dbi, view: String, of source: String) throws -> Int {
    try environment.write { transaction in
      var written = 0
      try batch.forEach { key, record in
        if try transaction.append(vectors, key, bytes: record.count, { $0.copyMemory(from: record) }) { return written += 1 }
        guard let present = try transaction.get(vectors, key) else {
          try transaction.put(vectors, key, bytes: record.count) { $0.copyMemory(from: record) }
          return written += 1
        }
        guard present.elementsEqual(record) else {
          throw Failure(
            .badData, "view '\(view)' has another vector for this id in \(source)",
            at: .file(path, id: String(decoding: key, as: UTF8.self)),
            cure: "Verify both stores (hpa-feat store verify); one of them is wrong.")
        }
      }
      return written
    }
  }
}

/// Records where they lie in another store, whose snapshot is held meanwhile.
struct RecordBatch {
  private var records: [(key: UnsafeRawBufferPointer, record: UnsafeRawBufferPointer)] = []

  var count: Int { records.count }

  mutating func append(_ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer) { records.append((key, record)) }
  mutating func removeAll() { records.removeAll(keepingCapacity: true) }

  func forEach(_ body: (_ key: [UInt8], _ record: UnsafeRawBufferPointer) throws -> Void) throws {
    for (key, record) in records { try body(Array(key), record) }
  }
}
