import CLMDB
import Foundation
public import HPACore

/// What `merge` did to one view.
public struct MergeReport: Sendable, Equatable {
  public let view: String
  public let added: Int
  /// Vectors that were there already, bit by bit the same.
  public let duplicates: Int
  public let state: ViewHeader.State
}

extension FeatureStore {
  private static let batch = 4096

  /// Writes a view as a matrix file and an ids file (`Id`), in key order or in that of `ids`; `ids` must all be there.
  ///
  /// - Throws: as `matrix`; `cannotCreate`, `inputOutput`.
  public func export(_ name: String, matrix: String, ids idsPath: String, ids: [ImageID]? = nil, allowIncomplete: Bool = false) throws {
    let rows = try self.matrix(name, ids: ids, allowIncomplete: allowIncomplete)
    try FileBytes.write("Id\n" + rows.ids.map { CSVTable.line([$0.text]) }.joined(), to: idsPath)
    try NumpyFile.write(rows.matrix, to: matrix)
  }

  /// Writes a view as CSV: `Id,f0,f1,...`, numbers as the shortest decimals that give the same float32 back.
  public func exportCSV(_ name: String, to path: String, ids: [ImageID]? = nil, allowIncomplete: Bool = false) throws {
    let rows = try matrix(name, ids: ids, allowIncomplete: allowIncomplete)
    try FileBytes.replace(path) { handle in
      try handle.write(contentsOf: Data(CSVTable.line(["Id"] + (0..<rows.matrix.columns).map { "f\($0)" }).utf8))
      for start in stride(from: 0, to: rows.ids.count, by: FeatureStore.batch) {
        try Interruption.check()
        let lines = (start..<min(start + FeatureStore.batch, rows.ids.count)).map { row in
          CSVTable.line([rows.ids[row].text] + rows.matrix[row: row].map { "\($0)" })
        }
        try handle.write(contentsOf: Data(lines.joined().utf8))
      }
    }
  }

  /// Takes embeddings that another program made as a view of origin `import`, whose lineage holds the matrix file's hash.
  ///
  /// - Parameters:
  ///   - lineage: what is known about how they were made; `source` and its hash are filled in.
  /// - Throws: `badData` for a bad or unequal pair of files, or a view that exists with another lineage.
  public func importView(
    _ name: String, dataset: String, matrix path: String, ids idsPath: String, lineage: Lineage, command: String,
    progress: ProgressLine? = nil
  ) throws -> ViewHeader {
    let rows = try NamedRows(ids: ImageID.list(contentsOf: idsPath), matrix: NumpyFile.read(path, as: Float.self), path: path)
    var lineage = lineage
    lineage.source = URL(filePath: path).lastPathComponent
    lineage.sourceSHA256 = try ContentHash.file(path)
    let header = ViewHeader(
      name: name, dataset: dataset, dimension: rows.matrix.columns, origin: .import, lineage: lineage, command: command)
    let writer = try beginView(header, expectedIDs: rows.ids)
    for start in stride(from: 0, to: rows.ids.count, by: FeatureStore.batch) {
      try Interruption.check()
      let range = start..<min(start + FeatureStore.batch, rows.ids.count)
      try writer.append(NamedRows(ids: Array(rows.ids[range]), matrix: rows.matrix.selecting(rows: Array(range))))
      progress?.advance(by: range.count)
    }
    progress?.finish()
    return try writer.finish()
  }

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
        let report = try merge(try source.view(name), of: source, progress: progress)
        let (added, duplicates) = (reports[name]?.added ?? 0, reports[name]?.duplicates ?? 0)
        reports[name] = MergeReport(
          view: name, added: added + report.added, duplicates: duplicates + report.duplicates, state: report.state)
      }
    }
    progress?.finish()
    return reports.values.sorted { $0.view.utf8.lexicographicallyPrecedes($1.view.utf8) }
  }

  private func merge(_ view: View, of source: FeatureStore, progress: ProgressLine?) throws -> MergeReport {
    let headers = try headersDatabase()
    let vectors = try requiredDatabase(FeatureStore.databaseName(view.header.name))
    try environment.write { transaction in
      if let stored = try self.storedHeader(view.header.name, in: headers, transaction) {
        return try self.checkSameLineage(stored, view.header, of: source.path)
      }
      var header = view.header
      header.state = .writing
      _ = try self.put(header, in: headers, transaction)
    }
    var (added, duplicates) = (0, 0)
    var batch: [(key: [UInt8], record: [UInt8])] = []
    func flush() throws {
      try Interruption.check()
      let written = try self.insert(batch, vectors, view: view, of: source)
      (added, duplicates) = (added + written, duplicates + batch.count - written)
      progress?.advance(by: batch.count)
      batch.removeAll(keepingCapacity: true)
    }
    try source.environment.read { transaction in
      try transaction.forEach(view.database) { key, record in
        try source.check(key, record, view.header)
        batch.append((Array(key), Array(record)))
        if batch.count == FeatureStore.batch { try flush() }
      }
      try flush()
    }
    let state = try environment.write { try self.settleState(of: view.header.name, vectors, headers, $0).state }
    return MergeReport(view: view.header.name, added: added, duplicates: duplicates, state: state)
  }

  /// Returns how many records were new.
  private func insert(_ batch: [(key: [UInt8], record: [UInt8])], _ vectors: MDB_dbi, view: View, of source: FeatureStore) throws -> Int {
    try environment.write { transaction in
      var written = 0
      for (key, record) in batch {
        if let present = try transaction.get(vectors, key) {
          guard present.elementsEqual(record) else {
            throw Failure(
              .badData, "view '\(view.header.name)' has another vector for this id in \(source.path)",
              at: .file(path, id: String(decoding: key, as: UTF8.self)),
              cure: "Verify both stores (hpa-feat store verify); one of them is wrong.")
          }
        } else {
          try transaction.put(vectors, key, record)
          written += 1
        }
      }
      return written
    }
  }
}
