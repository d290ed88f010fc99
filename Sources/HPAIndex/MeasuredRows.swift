import HPACore

/// Feature rows and their lengths: what every score is made of.
struct MeasuredRows: Sendable {
  let ids: [ImageID]
  /// The rows as given.
  let matrix: Matrix<Float>
  /// The length of every row, in float64.
  let norms: [Double]

  var count: Int { matrix.rows }
  var dimension: Int { matrix.columns }

  /// - Throws: `badData` that names the first row whose length is zero or not finite; `path` is the file the message points at.
  init(_ rows: NamedRows<Float>, path: String?, threads: Int = Parallel.availableThreads) throws {
    let matrix = rows.matrix
    guard matrix.rows > 0, matrix.columns > 0 else {
      throw Failure(
        .badData, "\(matrix.rows) x \(matrix.columns) features: there is nothing to search", at: .init(path: path),
        cure: "Give a matrix with at least one row.")
    }
    ids = rows.ids
    self.matrix = matrix
    norms = try MeasuredRows.lengths(of: matrix, threads: threads)
    if let row = norms.firstIndex(where: { !$0.isFinite || $0 == 0 }) {
      throw Failure(
        .badData, norms[row] == 0 ? "every feature is zero, so no cosine exists" : "a feature is NaN or infinite",
        at: .init(path: path, row: row + 1, id: ids[row].text), cure: "Extract this image again, or leave its row out.")
    }
  }

  private static func lengths(of matrix: Matrix<Float>, threads: Int) throws -> [Double] {
    let step = 4096
    let blocks = stride(from: 0, to: matrix.rows, by: step).map { $0..<min($0 + step, matrix.rows) }
    return try Parallel.map(count: blocks.count, threads: threads) { number in
      matrix.values.withUnsafeBufferPointer { values in
        blocks[number].map { row in
          let vector = UnsafeBufferPointer(rebasing: values[row * matrix.columns..<(row + 1) * matrix.columns])
          return dotProduct(vector, vector).squareRoot()
        }
      }
    }.flatMap { $0 }
  }

  /// Rows divided by their lengths and rounded to float32: (rows.count, dimension).
  func unitVectors(_ rows: some Collection<Int>) -> [Float] {
    [Float](unsafeUninitializedCapacity: rows.count * dimension) { unit, initialized in
      matrix.values.withUnsafeBufferPointer { values in
        for (place, row) in rows.enumerated() {
          let inverse = 1 / norms[row]
          for column in 0..<dimension { unit[place * dimension + column] = Float(Double(values[row * dimension + column]) * inverse) }
        }
      }
      initialized = rows.count * dimension
    }
  }

  /// The cosine of a row of these and a row of others: everything in float64; a score is this, rounded to float32.
  func cosine(_ row: Int, _ others: MeasuredRows, _ other: Int) -> Double {
    let product = withRow(row) { left in others.withRow(other) { right in dotProduct(left, right) } }
    return product / (norms[row] * others.norms[other])
  }

  /// Gives the row as it was given.
  func withRow<Result>(_ row: Int, _ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
    try matrix.values.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[row * dimension..<(row + 1) * dimension])) }
  }
}

/// The inner product in float64, always added in the same order: eight interleaved sums, then those eight pairwise, then the remainder.
///
/// The product of two float32 numbers is exact in float64, so equal rows give equal results wherever they stand.
func dotProduct(_ left: UnsafeBufferPointer<Float>, _ right: UnsafeBufferPointer<Float>) -> Double {
  let lanes = 8
  let whole = left.count / lanes * lanes
  let (leftBytes, rightBytes) = (UnsafeRawBufferPointer(left), UnsafeRawBufferPointer(right))
  var sums = SIMD8<Double>()
  for start in stride(from: 0, to: whole, by: lanes) {
    let offset = start * MemoryLayout<Float>.size
    sums +=
      SIMD8<Double>(leftBytes.loadUnaligned(fromByteOffset: offset, as: SIMD8<Float>.self))
      * SIMD8<Double>(rightBytes.loadUnaligned(fromByteOffset: offset, as: SIMD8<Float>.self))
  }
  let four = sums.lowHalf + sums.highHalf
  let two = four.lowHalf + four.highHalf
  var sum = two.x + two.y
  for index in whole..<left.count { sum += Double(left[index]) * Double(right[index]) }
  return sum
}
