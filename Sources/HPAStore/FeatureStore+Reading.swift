import CLMDB
import Foundation
public import HPACore

extension FeatureStore {
  /// The vectors of `ids` in that order, or of all images in key order. Every checksum is verified.
  ///
  /// - Throws: `missingInput` for an unknown view; `badData` for a view that was made in another way than `requirement` says (with both sides) or is
  ///   not complete (unless `allowIncomplete`), ids without a vector (how many, and the first), or a damaged record.
  public func matrix(
    _ name: String, ids: [ImageID]? = nil, requiring requirement: ViewRequirement = ViewRequirement(), allowIncomplete: Bool = false
  ) throws -> NamedRows<Float> {
    try read(name) { header, tree in
      try requirement.check(header, path: path)
      if !allowIncomplete { try self.checkComplete(header) }
      if let ids { return try NamedRows(ids: ids, matrix: try self.rows(of: ids, header, tree)) }
      let scan = try ViewScan(header, tree)
      return try NamedRows(ids: try FeatureStore.ids(scan), matrix: try self.rows(scan))
    }
  }

  /// The vectors of all images in key order, without the ids: as fast as the memory.
  ///
  /// - Throws: as `matrix`.
  public func values(_ name: String, allowIncomplete: Bool = false) throws -> Matrix<Float> {
    try read(name) { header, tree in
      if !allowIncomplete { try self.checkComplete(header) }
      return try self.rows(try ViewScan(header, tree))
    }
  }

  /// The same into a matrix that is there already: no memory is asked for, which takes longer than the copying.
  ///
  /// - Throws: as `matrix`; `usage` where the matrix has another shape. What it holds then is not told.
  public func values(_ name: String, into matrix: inout Matrix<Float>, allowIncomplete: Bool = false) throws {
    try read(name) { header, tree in
      if !allowIncomplete { try self.checkComplete(header) }
      guard matrix.rows == tree.count, matrix.columns == header.dimension else {
        throw Failure(
          .usage, "view '\(name)' has \(tree.count) x \(header.dimension) values, the matrix \(matrix.rows) x \(matrix.columns)",
          at: .file(path))
      }
      let scan = try ViewScan(header, tree)
      try matrix.values.withUnsafeMutableBytes { bytes in
        try self.fill(RowTarget(start: bytes.baseAddress, rowBytes: header.dimension * MemoryLayout<Float>.size), scan)
      }
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

  /// Looked at before memory is asked for: a header may claim any dimension.
  private func checkRoom(_ header: ViewHeader, _ tree: Tree) throws {
    guard tree.count <= tree.pages.count * tree.pages.pageSize / FeatureRecord.bytes(dimension: header.dimension) else {
      throw Failure(
        .badData, "view '\(header.name)' has \(tree.count) vectors of \(header.dimension) numbers by its header, more than the file holds",
        at: .file(path), cure: "Drop the view, and run the command that makes it again: \(header.command)")
    }
  }

  private static func ids(_ scan: ViewScan) throws -> [ImageID] {
    try scan.map { part in
      var ids: [ImageID] = []
      ids.reserveCapacity(part.rows.count)
      try scan.forEach(in: part) { _, key, _ in ids.append(ImageID(String(decoding: key, as: UTF8.self))) }
      return ids
    }.flatMap { $0 }
  }

  private func rows(_ scan: ViewScan) throws -> Matrix<Float> {
    try checkRoom(scan.header, scan.tree)
    return try FeatureStore.matrix(rows: scan.tree.count, columns: scan.header.dimension) { try self.fill($0, scan) }
  }

  private func fill(_ target: RowTarget, _ scan: ViewScan) throws {
    _ = try scan.map { part in
      try scan.forEach(in: part) { row, key, record in
        try self.check(key, record, scan.header)
        target.set(row, FeatureRecord.floats(record))
      }
      hpa_finish_streaming()
    }
  }

  private func rows(of ids: [ImageID], _ header: ViewHeader, _ tree: Tree) throws -> Matrix<Float> {
    try checkRoom(header, tree)
    let records = try self.records(of: ids, tree)
    let missing = ids.indices.filter { records[$0] == nil }
    if let first = missing.first {
      throw Failure(
        .badData, "view '\(header.name)' has no vector for \(missing.count) of \(ids.count) ids, the first is \(ids[first])",
        at: .file(path, id: ids[first].text), cure: "Extract these images, or take the ids out of the list.")
    }
    return try FeatureStore.matrix(rows: ids.count, columns: header.dimension) { target in
      for (row, record) in records.enumerated() {
        guard let record else { continue }
        try self.check(record.key, record.value, header)
        target.set(row, FeatureRecord.floats(record.value))
      }
      hpa_finish_streaming()
    }
  }

  /// A record as it lies in the file.
  private struct Found: @unchecked Sendable {
    let key: UnsafeRawBufferPointer
    let value: UnsafeRawBufferPointer
  }

  private func records(of ids: [ImageID], _ tree: Tree) throws -> [Found?] {
    let part = 4096
    return try Parallel.map(count: (ids.count + part - 1) / part, threads: Parallel.availableThreads) { index in
      try Interruption.check()
      return try ids[index * part..<min((index + 1) * part, ids.count)].map { id in
        try id.key().withUnsafeBytes { try tree.find($0) }.map { Found(key: $0.node.key, value: try tree.value($0.node, page: $0.page)) }
      }
    }.flatMap { $0 }
  }

  @inline(__always)
  func check(_ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer, _ header: borrowing ViewHeader) throws {
    guard let defect = FeatureRecord.defect(key: key, record: record, dimension: header.dimension) else { return }
    throw damaged(key, defect, header)
  }

  private func damaged(_ key: UnsafeRawBufferPointer, _ defect: FeatureRecord.Defect, _ header: borrowing ViewHeader) -> Failure {
    Failure(
      .badData, "a record of view '\(header.name)' is damaged: \(defect.rawValue)",
      at: .file(path, id: String(decoding: key, as: UTF8.self)),
      cure:
        "Take out what is damaged with hpa-feat store repair --store \(path) --view \(header.name), then run the command that made the view again."
    )
  }
}

/// Rows of a matrix that is being filled, by several threads at once where each has its own rows.
private struct RowTarget: @unchecked Sendable {
  let start: UnsafeMutableRawPointer?
  let rowBytes: Int

  @inline(__always)
  func set(_ row: Int, _ floats: UnsafeRawBufferPointer) {
    guard let start, let source = floats.baseAddress else { return }
    hpa_copy_streaming(start + row * rowBytes, source, rowBytes)
  }
}

extension FeatureStore {
  /// A matrix of which `fill` writes every row.
  private static func matrix(rows: Int, columns: Int, _ fill: (RowTarget) throws -> Void) throws -> Matrix<Float> {
    let values = try [Float](unsafeUninitializedCapacity: rows * columns) { buffer, initialized in
      // Fewer page faults: they cost more than the copying.
      madviseHuge(UnsafeMutableRawBufferPointer(buffer))
      try fill(RowTarget(start: buffer.baseAddress.map { UnsafeMutableRawPointer($0) }, rowBytes: columns * MemoryLayout<Float>.size))
      initialized = rows * columns
    }
    return Matrix(rows: rows, columns: columns, values: values)
  }

  private static func madviseHuge(_ memory: UnsafeMutableRawBufferPointer) {
    guard let start = memory.baseAddress else { return }
    let page = 4096
    let skipped = (page - Int(bitPattern: start) % page) % page
    guard memory.count > 1 << 22 else { return }
    madvise(start + skipped, (memory.count - skipped) / page * page, MADV_HUGEPAGE)
  }
}
