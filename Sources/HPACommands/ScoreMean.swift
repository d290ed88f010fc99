import Foundation
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

extension FileBytes {
  /// Writes indented JSON with sorted keys.
  static func write(json value: some Encodable, to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try write(String(decoding: try encoder.encode(value), as: UTF8.self) + "\n", to: path)
  }

  /// - Throws: `missingInput`, or `badData` where the file is not what `Value` says.
  static func read<Value: Decodable>(json path: String, as: Value.Type = Value.self) throws -> Value {
    let bytes = try read(path)
    do {
      return try JSONDecoder().decode(Value.self, from: Data(bytes))
    } catch {
      throw Failure(
        .badData, "is not the JSON that hpa-feat writes: \(error)", at: .file(path), cure: "Delete it and run the verb that wrote it again."
      )
    }
  }
}
