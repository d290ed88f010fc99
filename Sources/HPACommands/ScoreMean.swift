import HPACore

/// Class scores of images, averaged over the networks that gave one.
struct ScoreMean {
  private var sums: [ImageID: [Double]] = [:]
  private var counts: [ImageID: Int] = [:]

  mutating func add(_ scores: Matrix<Double>, for ids: [ImageID]) {
    for (row, id) in ids.enumerated() {
      sums[id] = sums[id].map { sum in zip(sum, scores[row: row]).map(+) } ?? Array(scores[row: row])
      counts[id, default: 0] += 1
    }
  }

  /// The means of those `ids` that have a score, in that order.
  func mean(in ids: [ImageID]) throws -> NamedRows<Double> {
    let scored = ids.filter { sums[$0] != nil }
    let values = scored.flatMap { id in (sums[id] ?? []).map { $0 / Double(counts[id] ?? 1) } }
    return try NamedRows(ids: scored, matrix: Matrix(rows: scored.count, columns: ProteinLocation.count, values: values))
  }
}

extension NamedRows where Scalar == Double {
  /// Writes `STEM_scores.npy` and `STEM_ids.csv`.
  func write(to stem: String) throws {
    try FileBytes.write((["Id"] + ids.map(\.text)).map { CSVTable.line([$0]) }.joined(), to: stem + "_ids.csv")
    try NumpyFile.write(matrix, to: stem + "_scores.npy")
  }

  /// Reads what `write` wrote.
  init(readingFrom stem: String) throws {
    try self.init(
      ids: try ImageID.list(contentsOf: stem + "_ids.csv"), matrix: try NumpyFile.read(stem + "_scores.npy"), path: stem + "_ids.csv")
  }
}
