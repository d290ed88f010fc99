public import HPACore

/// Features of images by several networks side by side: thirty blocks of 128 make 3840 columns.
///
/// Source: the vpp team's second stage; the order of the blocks is the order in which they are given.
public struct StackerInput: Sendable {
  /// Which lengths are brought to one.
  public struct Normalization: Sendable, Equatable, Codable {
    /// Every block of a row, before the blocks stand side by side.
    public var ofBlocks: Bool
    /// Every whole row, after that.
    public var ofRows: Bool

    public init(ofBlocks: Bool = true, ofRows: Bool = true) {
      self.ofBlocks = ofBlocks
      self.ofRows = ofRows
    }
  }

  /// How many numbers a network gives an image.
  public static let featureWidth = 128

  /// The columns of each block.
  public let widths: [Int]
  /// (N, columns), as extracted.
  private let matrix: Matrix<Float>

  public var rows: Int { matrix.rows }
  public var columns: Int { matrix.columns }

  /// Puts matrices of equal height side by side: n matrices (N, d) give (N, n * d).
  ///
  /// - Parameter blockWidth: the columns of a block inside of the matrices; by default 128 where that divides the columns of a matrix, which
  ///   is one block otherwise.
  /// - Throws: `badData` where there is no matrix, or where matrices differ in height or hold a part of a block.
  public init(joining matrices: [Matrix<Float>], blockWidth: Int? = nil) throws {
    guard let first = matrices.first else {
      throw Failure(.badData, "there are no features to concatenate", cure: "Name at least one model under 'stack.models'.")
    }
    if let odd = matrices.first(where: { $0.rows != first.rows }) {
      throw Failure(
        .badData, "blocks of \(first.rows) and \(odd.rows) rows do not stand side by side", cure: "Extract every block for the same ids.")
    }
    widths = try matrices.flatMap { try Self.widths(in: $0.columns, blockWidth: blockWidth) }
    let columns = widths.reduce(0, +)
    guard matrices.count > 1 else {
      matrix = first
      return
    }
    var values: [Float] = []
    values.reserveCapacity(first.rows * columns)
    for row in 0..<first.rows { for matrix in matrices { values += matrix[row: row] } }
    matrix = Matrix(rows: first.rows, columns: columns, values: values)
  }

  private init(matrix: Matrix<Float>, widths: [Int]) {
    self.matrix = matrix
    self.widths = widths
  }

  /// The same features in blocks of `widths`.
  ///
  /// - Throws: `badData` for another number of columns.
  public func divided(into widths: [Int]) throws -> StackerInput {
    guard widths.reduce(0, +) == columns else {
      throw Failure(
        .badData, "the stacker reads \(widths.reduce(0, +)) columns, not \(columns)",
        cure: "Give the features of the same models and folds, in the same order.")
    }
    return StackerInput(matrix: matrix, widths: widths)
  }

  private static func widths(in columns: Int, blockWidth: Int?) throws -> [Int] {
    let width = blockWidth ?? (columns % featureWidth == 0 ? featureWidth : columns)
    guard width > 0, columns > 0, columns % width == 0 else {
      throw Failure(.badData, "\(columns) columns are no blocks of \(width)", cure: "Give the features of a network another --block-width.")
    }
    return Array(repeating: width, count: columns / width)
  }

  /// The rows as the network reads them: (rows.count, columns), the blocks that a row does not keep all zero.
  ///
  /// A block of zeros stays zero, as in `torch.nn.functional.normalize`.
  /// - Parameter kept: the blocks of each row of the result; all of them by default.
  public func features(rows: [Int], normalization: Normalization = .init(), kept: [[Int]]? = nil) -> Matrix<Float> {
    let every = Array(widths.indices)
    let starts = widths.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
    var values = Array(repeating: Float(0), count: rows.count * columns)
    for (place, row) in rows.enumerated() {
      let (source, target) = (row * columns, place * columns)
      for block in kept?[place] ?? every {
        let range = starts[block]..<starts[block + 1]
        let scale = normalization.ofBlocks ? Self.inverseLength(matrix.values[source + range.lowerBound..<source + range.upperBound]) : 1
        for column in range { values[target + column] = matrix.values[source + column] * scale }
      }
      guard normalization.ofRows else { continue }
      let scale = Self.inverseLength(values[target..<target + columns])
      for column in 0..<columns { values[target + column] *= scale }
    }
    return Matrix(rows: rows.count, columns: columns, values: values)
  }

  private static func inverseLength(_ values: ArraySlice<Float>) -> Float {
    let length = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    return Float(1 / max(length, 1e-12))
  }
}

/// How the input of a stacker is laid out.
public struct StackerLayout: Sendable, Codable, Equatable {
  /// The columns of each block.
  public let widths: [Int]
  /// Empty: an image is scored once, by all blocks. Else it is scored once for each list of blocks, the others zero, and the mean counts.
  public let passes: [[Int]]

  public init(widths: [Int], passes: [[Int]] = []) {
    self.widths = widths
    self.passes = passes
  }

  public var columns: Int { widths.reduce(0, +) }

  /// False for what no stacker writes.
  var isValid: Bool {
    !widths.isEmpty && widths.allSatisfy { (1...1 << 20).contains($0) } && passes.joined().allSatisfy(widths.indices.contains)
  }
}
