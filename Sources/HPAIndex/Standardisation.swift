public import HPACore

/// What is done to features before cosines are taken. The search afterwards is exact over the features that come out.
public enum Standardisation: String, Sendable, CaseIterable {
  case none
  /// Every dimension of both sides less the gallery's mean, divided by the gallery's deviation.
  case gallery
  /// As `gallery`, but each side by its own mean and deviation: for sides that were taken or served in different ways.
  case each
  /// All directions of the gallery made equally long (`Whitening`).
  case whiten

  /// - Throws: `badData` for sides of different dimension, or a side that it cannot be taken from: fewer than two rows, NaN, all rows alike.
  public func applied(
    queries: NamedRows<Float>, gallery: NamedRows<Float>, queryPath: String? = nil, galleryPath: String? = nil
  ) throws -> (queries: NamedRows<Float>, gallery: NamedRows<Float>) {
    guard self != .none else { return (queries, gallery) }
    guard queries.matrix.columns == gallery.matrix.columns else {
      throw Failure(
        .badData, "queries have \(queries.matrix.columns) features, the gallery has \(gallery.matrix.columns)", at: .init(path: queryPath),
        cure: "Search with features of the same checkpoint.")
    }
    if self == .whiten {
      let whitening = try Whitening(gallery: gallery.matrix, path: galleryPath)
      return (try whitening.applied(to: queries, path: queryPath), try whitening.applied(to: gallery, path: galleryPath))
    }
    let scale = try DimensionScale(of: gallery.matrix, path: galleryPath)
    let own = self == .each ? try DimensionScale(of: queries.matrix, path: queryPath) : scale
    return (try own.applied(to: queries), try scale.applied(to: gallery))
  }
}

/// Mean and deviation (of all rows, not of a sample) of every dimension, in float64. A dimension that does not vary becomes 0.
struct DimensionScale {
  private let mean: [Double]
  private let inverse: [Double]

  /// - Throws: `badData` where there are fewer than two rows, one that is not finite, or rows that are all alike.
  init(of matrix: Matrix<Float>, path: String?) throws {
    guard matrix.rows >= 2 else {
      throw Failure(.badData, "\(matrix.rows) rows are too few to standardise by", at: .init(path: path), cure: "Leave --standardise out.")
    }
    if let row = matrix.firstRowNotFinite { throw Failure(.badData, "holds NaN or infinity", at: .init(path: path, row: row + 1)) }
    let mean = Whitening.mean(of: matrix)
    var squares = Array(repeating: 0.0, count: matrix.columns)
    for row in 0..<matrix.rows {
      for (column, value) in matrix[row: row].enumerated() {
        let distance = Double(value) - mean[column]
        squares[column] += distance * distance
      }
    }
    guard squares.contains(where: { $0 > 0 }) else {
      throw Failure(.badData, "all rows are alike", at: .init(path: path), cure: "Leave --standardise out.")
    }
    inverse = squares.map { $0 > 0 ? 1 / ($0 / Double(matrix.rows)).squareRoot() : 0 }
    self.mean = mean
  }

  func applied(to rows: NamedRows<Float>) throws -> NamedRows<Float> {
    var rows = rows
    let columns = rows.matrix.columns
    for index in rows.matrix.values.indices {
      let column = index % columns
      rows.matrix.values[index] = Float((Double(rows.matrix.values[index]) - mean[column]) * inverse[column])
    }
    return rows
  }
}
