import CLMDB
public import HPACore

extension FeatureStore {
  /// The vectors of `ids` in that order, or of all images in key order. Every checksum is verified.
  ///
  /// - Throws: `missingInput` for an unknown view; `badData` for a view that is not complete (unless `allowIncomplete`), ids without a vector (how
  ///   many, and the first), or a damaged record.
  public func matrix(_ name: String, ids: [ImageID]? = nil, allowIncomplete: Bool = false) throws -> NamedRows<Float> {
    let view = try view(name)
    if !allowIncomplete { try checkComplete(view.header) }
    return try environment.read { transaction in
      if let ids { return try self.rows(of: ids, view, transaction) }
      return try self.allRows(view, transaction)
    }
  }

  /// The vector of one image.
  ///
  /// - Throws: `missingInput` for an unknown view; `badData` where the image has no vector, or a damaged one.
  public func vector(_ id: ImageID, in name: String) throws -> [Float] {
    try matrix(name, ids: [id], allowIncomplete: true).matrix.values
  }

  private func checkComplete(_ header: ViewHeader) throws {
    guard header.state == .writing else { return }
    throw Failure(
      .badData, "view '\(header.name)' is not complete", at: .file(path),
      cure: "Run the command that makes it again (\(header.command)), or take what is there with --allow-incomplete.")
  }

  private func allRows(_ view: View, _ transaction: borrowing Transaction) throws -> NamedRows<Float> {
    var (ids, values): ([ImageID], [Float]) = ([], [])
    let count = try transaction.count(view.database)
    ids.reserveCapacity(count)
    values.reserveCapacity(count * view.header.dimension)
    try transaction.forEach(view.database) { key, record in
      try self.check(key, record, view.header)
      ids.append(ImageID(String(decoding: key, as: UTF8.self)))
      values.appendFloats(of: record)
    }
    return try NamedRows(ids: ids, matrix: Matrix(rows: ids.count, columns: view.header.dimension, values: values))
  }

  private func rows(of ids: [ImageID], _ view: View, _ transaction: borrowing Transaction) throws -> NamedRows<Float> {
    var values: [Float] = []
    values.reserveCapacity(ids.count * view.header.dimension)
    var missing: [ImageID] = []
    for id in ids {
      let key = try id.key()
      guard let record = try transaction.get(view.database, key) else {
        missing.append(id)
        continue
      }
      try key.withUnsafeBytes { try self.check($0, record, view.header) }
      values.appendFloats(of: record)
    }
    if let first = missing.first {
      throw Failure(
        .badData, "view '\(view.header.name)' has no vector for \(missing.count) of \(ids.count) ids, the first is \(first)",
        at: .file(path, id: first.text),
        cure: "Extract these images, or take the ids out of the list.")
    }
    return try NamedRows(ids: ids, matrix: Matrix(rows: ids.count, columns: view.header.dimension, values: values))
  }

  func check(_ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer, _ header: ViewHeader) throws {
    guard let defect = FeatureRecord.defect(key: key, record: record, dimension: header.dimension) else { return }
    throw Failure(
      .badData, "a record of view '\(header.name)' is damaged: \(defect.rawValue)",
      at: .file(path, id: String(decoding: key, as: UTF8.self)),
      cure:
        "Take out what is damaged with hpa-feat store verify --repair --store \(path) --view \(header.name), then run the command that made the view again."
    )
  }
}

extension [Float] {
  /// Appends the vector of a record; records are not aligned for Float.
  mutating func appendFloats(of record: UnsafeRawBufferPointer) {
    let floats = FeatureRecord.floats(record)
    let start = count
    append(contentsOf: repeatElement(0, count: floats.count / MemoryLayout<Float>.size))
    withUnsafeMutableBytes { UnsafeMutableRawBufferPointer(rebasing: $0[(start * MemoryLayout<Float>.size)...]).copyMemory(from: floats) }
  }
}
