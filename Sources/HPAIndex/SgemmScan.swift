import COpenBLAS
import HPACore

/// The part of a search that is only about speed: approximate scores of all pairs, tile by tile, and a sieve over them.
///
/// An approximate score is the float32 inner product of the unit vectors that UnitRows rounded. Let u = 2^-24 and d the dimension.
/// - Rounding: a unit vector differs from the true one by at most u in length (each component has a relative error of at most u), so the
///   exact product of two rounded ones differs from the cosine by at most 2u + u^2.
/// - Summing d products in float32, in any order, fused or not, adds at most g(d) (1 + u)^2 with g(d) = d u / (1 - d u)
///   (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1; Cauchy-Schwarz bounds the sum of absolute products).
/// - The score that counts is the float64 cosine rounded to float32: u / 2, and at most 2 d 2^-53 for the float64 sums.
/// - Products and components that underflow, or are flushed to zero, add at most 3 d 2^-126.
/// Together that is less than (d + 4) u / (1 - (d + 4) u) = `errorBound` for every d below 2^20.
///
/// So a pair whose approximate score is more than `errorBound` below a query's k-th best score cannot be, or tie with, one of its k best.
/// Everything else is scored exactly, which makes the answer independent of the BLAS, the tiles and the threads.
struct SgemmScan: Sendable {
  /// How many queries and gallery rows go through one matrix product.
  struct Tile: Sendable {
    var queries = 256
    var gallery = 1024
  }

  let queries: UnitRows
  let gallery: UnitRows
  let tile: Tile

  static func errorBound(dimension: Int) -> Float {
    let term = Double(dimension + 4) * 0x1p-24
    return Float(term / (1 - term)).nextUp
  }

  /// Calls `visit` with each pair whose approximate score is no lower than what `floor` says about its query at that time.
  ///
  /// - Parameters:
  ///   - block: rows of `queries`, at most `tile.queries`.
  ///   - first: the gallery row that the scan begins with.
  ///   - floor: by query row; asked again after every visit, so it may rise.
  func scan(
    _ block: Range<Int>, from first: Int = 0, floor: (Int) -> Float, visit: (_ query: Int, _ gallery: Int) throws -> Void
  ) throws {
    let width = min(tile.gallery, gallery.count)
    try withUnsafeTemporaryAllocation(of: Float.self, capacity: block.count * width) { scores in
      for start in stride(from: first, to: gallery.count, by: width) {
        try Interruption.check()
        let columns = start..<min(start + width, gallery.count)
        multiply(block, columns, into: scores)
        for (line, query) in block.enumerated() {
          let row = UnsafeBufferPointer(rebasing: scores[line * columns.count..<(line + 1) * columns.count])
          try sieve(row, floor: { floor(query) }, visit: { try visit(query, columns.lowerBound + $0) })
        }
      }
    }
  }

  private func multiply(_ block: Range<Int>, _ columns: Range<Int>, into scores: UnsafeMutableBufferPointer<Float>) {
    let dimension = queries.dimension
    queries.unit.withUnsafeBufferPointer { left in
      gallery.unit.withUnsafeBufferPointer { right in
        cblas_sgemm(
          CblasRowMajor, CblasNoTrans, CblasTrans, blasint(block.count), blasint(columns.count), blasint(dimension), 1,
          left.baseAddress.map { $0 + block.lowerBound * dimension }, blasint(dimension),
          right.baseAddress.map { $0 + columns.lowerBound * dimension }, blasint(dimension), 0, scores.baseAddress, blasint(columns.count))
      }
    }
  }

  /// Few scores pass, so sixteen at a time are compared before any is looked at alone.
  @inline(__always)
  private func sieve(_ scores: UnsafeBufferPointer<Float>, floor: () -> Float, visit: (Int) throws -> Void) rethrows {
    let lanes = 16
    let whole = scores.count / lanes * lanes
    let bytes = UnsafeRawBufferPointer(scores)
    var least = floor()
    func look(_ index: Int) throws {
      guard scores[index] >= least else { return }
      try visit(index)
      least = floor()
    }
    for start in stride(from: 0, to: whole, by: lanes) {
      let group = bytes.loadUnaligned(fromByteOffset: start * MemoryLayout<Float>.size, as: SIMD16<Float>.self)
      guard any(group .>= least) else { continue }
      for index in start..<start + lanes { try look(index) }
    }
    for index in whole..<scores.count { try look(index) }
  }
}
