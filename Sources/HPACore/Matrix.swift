/// A dense row-major matrix; one row an image.
public struct Matrix<Scalar: BinaryFloatingPoint & Sendable>: Sendable {
  public let rows: Int
  public let columns: Int
  /// rows * columns values, row by row.
  public var values: [Scalar]

  /// - Precondition: `values.count == rows * columns`.
  public init(rows: Int, columns: Int, values: [Scalar]) {
    precondition(values.count == rows * columns, "\(values.count) values do not fill \(rows) x \(columns)")
    self.rows = rows
    self.columns = columns
    self.values = values
  }

  public init(repeating value: Scalar = 0, rows: Int, columns: Int) {
    self.init(rows: rows, columns: columns, values: Array(repeating: value, count: rows * columns))
  }

  public subscript(row: Int, column: Int) -> Scalar {
    get { values[row * columns + column] }
    set { values[row * columns + column] = newValue }
  }

  public subscript(row row: Int) -> ArraySlice<Scalar> { values[row * columns..<(row + 1) * columns] }

  /// The rows at `indices`, in that order.
  public func selecting(rows indices: [Int]) -> Matrix {
    var selected: [Scalar] = []
    selected.reserveCapacity(indices.count * columns)
    for index in indices { selected += self[row: index] }
    return Matrix(rows: indices.count, columns: columns, values: selected)
  }

  /// The first row that holds a NaN or an infinity.
  public var firstRowNotFinite: Int? { values.firstIndex { !$0.isFinite }.map { $0 / max(columns, 1) } }
}

extension Matrix: Equatable {}

/// A matrix whose rows are named: features (N x 128) or class scores (N x 28) of images.
public struct NamedRows<Scalar: BinaryFloatingPoint & Sendable>: Sendable {
  public let ids: [ImageID]
  public var matrix: Matrix<Scalar>

  /// - Throws: `badData` where the numbers of ids and rows differ; `path` is the file the message points at.
  public init(ids: [ImageID], matrix: Matrix<Scalar>, path: String? = nil) throws {
    guard ids.count == matrix.rows else {
      throw Failure(
        .badData, "\(matrix.rows) rows for \(ids.count) ids", at: .init(path: path),
        cure: "Give the ids file that was written together with the matrix.")
    }
    self.ids = ids
    self.matrix = matrix
  }

  /// The rows of `wanted`, in that order.
  ///
  /// - Throws: `badData` that names the first id without a row.
  public func rows(of wanted: [ImageID], path: String? = nil) throws -> Matrix<Scalar> {
    if wanted == ids { return matrix }
    let rowOfID = Dictionary(zip(ids, ids.indices), uniquingKeysWith: { first, _ in first })
    return matrix.selecting(
      rows: try wanted.map { id in
        guard let row = rowOfID[id] else {
          throw Failure(
            .badData, "no row for this id", at: .init(path: path, id: id.text), cure: "Make the matrix for these ids, or leave the id out.")
        }
        return row
      })
  }
}
