import COpenBLAS
public import HPACore

/// Makes all directions of a gallery equally long before cosines are taken (PCA whitening; Jegou and Chum 2012).
///
/// Features of a classifier lie close to a few directions, those of its classes, and images of one class then have cosines near 1 whatever
/// else they show. After whitening, what tells the images of a class apart counts as much.
public struct Whitening: Sendable {
  /// Directions whose variance is below this share of the largest are left out: they hold rounding errors.
  static let smallestShare = 1e-10

  private let mean: [Double]
  /// One row a direction, divided by its standard deviation.
  private let directions: [[Double]]

  /// How many directions are kept.
  public var dimension: Int { directions.count }

  /// - Throws: `badData` where the gallery has fewer than two rows, a row that is not finite, or rows that are all alike.
  public init(gallery: Matrix<Float>, path: String? = nil) throws {
    guard gallery.rows >= 2 else {
      throw Failure(.badData, "\(gallery.rows) rows are too few to whiten by", at: .init(path: path), cure: "Leave --whiten out.")
    }
    if let row = gallery.firstRowNotFinite { throw Failure(.badData, "holds NaN or infinity", at: .init(path: path, row: row + 1)) }
    let mean = Whitening.mean(of: gallery)
    let (values, vectors) = try Whitening.eigenvectors(of: Whitening.covariance(of: gallery, mean: mean), order: gallery.columns)
    let largest = values.last ?? 0
    guard largest > 0 else { throw Failure(.badData, "all rows are alike", at: .init(path: path), cure: "Leave --whiten out.") }
    directions = values.indices.filter { values[$0] > Whitening.smallestShare * largest }.map { index in
      let deviation = values[index].squareRoot()
      return (0..<gallery.columns).map { vectors[index * gallery.columns + $0] / deviation }
    }
    self.mean = mean
  }

  /// The rows in the whitened directions: (N, columns) to (N, dimension).
  ///
  /// - Throws: `badData` for another number of columns.
  public func applied(to rows: NamedRows<Float>, path: String? = nil) throws -> NamedRows<Float> {
    guard rows.matrix.columns == mean.count else {
      throw Failure(
        .badData, "queries have \(rows.matrix.columns) features, the gallery has \(mean.count)", at: .init(path: path),
        cure: "Search with features of the same checkpoint.")
    }
    var values: [Float] = []
    values.reserveCapacity(rows.matrix.rows * dimension)
    for row in 0..<rows.matrix.rows {
      let centred = zip(rows.matrix[row: row], mean).map { Double($0) - $1 }
      for direction in directions { values.append(Float(zip(direction, centred).reduce(0) { $0 + $1.0 * $1.1 })) }
    }
    return try NamedRows(ids: rows.ids, matrix: Matrix(rows: rows.matrix.rows, columns: dimension, values: values))
  }

  static func mean(of matrix: Matrix<Float>) -> [Double] {
    var sums = Array(repeating: 0.0, count: matrix.columns)
    for row in 0..<matrix.rows { for (column, value) in matrix[row: row].enumerated() { sums[column] += Double(value) } }
    return sums.map { $0 / Double(matrix.rows) }
  }

  /// (columns, columns), symmetric; the lower triangle is enough for LAPACK, which counts by columns.
  private static func covariance(of matrix: Matrix<Float>, mean: [Double]) -> [Double] {
    let columns = matrix.columns
    var sums = Array(repeating: 0.0, count: columns * columns)
    for row in 0..<matrix.rows {
      let centred = zip(matrix[row: row], mean).map { Double($0) - $1 }
      for first in 0..<columns { for second in first..<columns { sums[first * columns + second] += centred[first] * centred[second] } }
    }
    return sums.map { $0 / Double(matrix.rows) }
  }

  /// Eigenvalues, ascending, and one eigenvector after the other.
  private static func eigenvectors(of matrix: [Double], order: Int) throws -> (values: [Double], vectors: [Double]) {
    // One thread: the sums of several would be added in another order.
    openblas_set_num_threads(1)
    var vectors = matrix
    var values = Array(repeating: 0.0, count: order)
    var count = Int32(order)
    var workCount = Int32(max(1, 34 * order))
    var work = Array(repeating: 0.0, count: Int(workCount))
    var info: Int32 = 0
    dsyev_("V", "L", &count, &vectors, &count, &values, &work, &workCount, &info)
    guard info == 0 else { throw Failure(.software, "the eigenvectors of the gallery could not be found (LAPACK \(info))") }
    return (values, vectors)
  }
}
