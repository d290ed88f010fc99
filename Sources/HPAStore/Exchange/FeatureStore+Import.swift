import Foundation
public import HPACore

extension FeatureStore {
  /// Takes embeddings that another program made as a view of origin `import`, whose lineage holds the file's hash and what is declared about it.
  ///
  /// - Parameters:
  ///   - path: an `.npy` matrix with `idsPath` beside it, or an `.npz` that holds both.
  ///   - lineage: what is known about how they were made; `source` and its hash are filled in.
  /// - Throws: `badData` for a bad or unequal pair of files, or a view that exists with another lineage.
  public func importView(
    _ name: String, dataset: String, matrix path: String, ids idsPath: String?, lineage: Lineage, command: String,
    progress: ProgressLine? = nil
  ) throws -> ViewHeader {
    let rows = try FeatureStore.foreignRows(path, ids: idsPath)
    var lineage = lineage
    lineage.source = URL(filePath: path).lastPathComponent
    lineage.sourceSHA256 = try ContentHash.file(path)
    let header = ViewHeader(
      name: name, dataset: dataset, dimension: rows.matrix.columns, origin: .import, lineage: lineage, command: command)
    let writer = try beginView(header, expectedIDs: rows.ids)
    for start in stride(from: 0, to: rows.ids.count, by: FeatureStore.batch) {
      try Interruption.check()
      let range = start..<min(start + FeatureStore.batch, rows.ids.count)
      try writer.append(rows, range)
      progress?.advance(by: range.count)
    }
    progress?.finish()
    return try writer.finish()
  }

  private static func foreignRows(_ path: String, ids: String?) throws -> NamedRows<Float> {
    guard path.hasSuffix(".npz") else {
      guard let ids else {
        throw Failure(.usage, "a matrix needs its ids", at: .file(path), cure: "Add --ids FILE.csv, or give an .npz that holds both.")
      }
      return try NamedRows(ids: ImageID.list(contentsOf: ids), matrix: NumpyFile.read(path), path: path)
    }
    let archive = try NumpyArchive.read(path)
    guard let ids = try ids.map({ try ImageID.list(contentsOf: $0) }) ?? archive.ids else {
      throw Failure(
        .badData, "holds no array 'ids'", at: .file(path),
        cure: "Save them along: numpy.savez(path, features=F, ids=I), or add --ids FILE.csv.")
    }
    return try NamedRows(ids: ids, matrix: archive.features, path: path)
  }
}
