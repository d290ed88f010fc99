public import HPACore

/// Scores of images for the 28 classes, checked once: as many rows as ids, 28 columns, every value finite, no id twice.
public struct ClassScores: Sendable {
  public let ids: [ImageID]
  /// (ids.count, 28), float64.
  public let matrix: Matrix<Double>
  /// What the scores are called in messages: a path, or the name of a view.
  public let name: String

  /// - Throws: `badData` that names the matrix, and the row and id where one is to blame.
  public init(ids: [ImageID], matrix: Matrix<Double>, name: String) throws {
    let rows = try NamedRows(ids: ids, matrix: matrix, path: name)
    try self.init(rows, name: name)
  }

  /// - Throws: `badData` that names the matrix, and the row and id where one is to blame.
  public init(_ rows: NamedRows<Double>, name: String) throws {
    guard rows.matrix.columns == ProteinLocation.count else {
      throw Failure(
        .badData, "has \(rows.matrix.columns) columns, not one for each of the \(ProteinLocation.count) classes", at: .file(name),
        cure: "Give the class scores of the head (predict, stack-train), not features.")
    }
    if let row = rows.matrix.firstRowNotFinite {
      throw Failure(
        .badData, "row \(row + 1) of the matrix holds NaN or an infinity", at: .file(name, row: row + 1, id: rows.ids[row].text),
        cure: "Make these scores again; a network that gives NaN has diverged.")
    }
    var seen: Set<ImageID> = []
    if let row = rows.ids.firstIndex(where: { !seen.insert($0).inserted }) {
      throw Failure(
        .badData, "the id stands twice", at: .file(name, row: row + 1, id: rows.ids[row].text), cure: "Keep one row for each id.")
    }
    ids = rows.ids
    matrix = rows.matrix
    self.name = name
  }

  /// Reads an `.npy` matrix (float32 or float64) whose rows are `ids`.
  ///
  /// - Throws: `missingInput`, `badData`.
  public init(contentsOf path: String, ids: [ImageID]) throws {
    try self.init(ids: ids, matrix: try NumpyFile.read(path), name: path)
  }

  /// The same scores with their rows in the order of `wanted`.
  ///
  /// - Throws: `badData` where the two do not hold the same ids.
  public func ordered(as wanted: [ImageID], of other: String) throws -> ClassScores {
    if wanted == ids { return self }
    let matrix = try NamedRows(ids: ids, matrix: matrix).rows(of: wanted, path: name)
    let wantedSet = Set(wanted)
    if let extra = ids.first(where: { !wantedSet.contains($0) }) {
      throw Failure(.badData, "the id is not in \(other)", at: .file(name, id: extra.text), cure: "Make both for the same ids.")
    }
    return try ClassScores(ids: wanted, matrix: matrix, name: name)
  }
}
