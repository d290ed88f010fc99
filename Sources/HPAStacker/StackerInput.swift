public import HPACore

/// The concatenated features that the stacker reads: thirty blocks of 128 make 3840 columns.
///
/// Source: the vpp team's second stage; the order of the blocks is the order in which they are given.
public enum StackerInput {
  /// Which lengths are brought to one.
  public struct Normalization: Sendable, Equatable, Codable {
    /// Every block of a row, before it is concatenated.
    public var ofBlocks: Bool
    /// Every whole row, after that.
    public var ofRows: Bool

    public init(ofBlocks: Bool = true, ofRows: Bool = true) {
      self.ofBlocks = ofBlocks
      self.ofRows = ofRows
    }
  }

  /// Puts blocks of equal height side by side: n matrices (N, d) give (N, n * d).
  ///
  /// A row of zeros stays zero, as in `torch.nn.functional.normalize`.
  /// - Throws: `badData` where blocks differ in height or there is none.
  public static func concatenate(_ blocks: [Matrix<Float>], normalization: Normalization = .init()) throws -> Matrix<Float> {
    guard let first = blocks.first else {
      throw Failure(.badData, "there are no features to concatenate", cure: "Name at least one model under 'stack.models'.")
    }
    if let odd = blocks.first(where: { $0.rows != first.rows }) {
      throw Failure(
        .badData, "blocks of \(first.rows) and \(odd.rows) rows do not stand side by side", cure: "Extract every block for the same ids.")
    }
    let columns = blocks.reduce(0) { $0 + $1.columns }
    var values: [Float] = []
    values.reserveCapacity(first.rows * columns)
    for row in 0..<first.rows {
      for block in blocks {
        let scale = normalization.ofBlocks ? inverseLength(block[row: row]) : 1
        values += block[row: row].map { $0 * scale }
      }
      guard normalization.ofRows else { continue }
      let range = row * columns..<(row + 1) * columns
      let scale = inverseLength(values[range])
      for index in range { values[index] *= scale }
    }
    return Matrix(rows: first.rows, columns: columns, values: values)
  }

  private static func inverseLength(_ values: ArraySlice<Float>) -> Float {
    let length = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    return Float(1 / max(length, 1e-12))
  }
}
