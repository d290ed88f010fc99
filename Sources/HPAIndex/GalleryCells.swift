import COpenBLAS
import HPACore

/// A gallery parted into cells of rows that lie close together, by k-means on a sample (Lloyd 1982).
///
/// The cells decide how fast a search is, never what it finds: rows are coded relative to the centre of their cell, which makes codes of
/// alike rows precise, and cells that are too far from a query need no scan.
struct GalleryCells: Sendable {
  /// (cells, dimension).
  let centres: [Float]
  let dimension: Int
  /// The rows of every cell, those nearest to its centre first.
  let members: [[Int32]]

  var count: Int { members.count }

  func centre(_ cell: Int) -> ArraySlice<Float> { centres[cell * dimension..<(cell + 1) * dimension] }

  /// More cells would cost more to make than they save.
  static func sensibleCount(rows: Int, queries: Int) -> Int { max(1, min(rows / 3072, queries / 64, 256)) }

  init(of rows: MeasuredRows, count: Int, threads: Int) throws {
    dimension = rows.dimension
    centres = try GalleryCells.centres(of: rows, count: count, threads: threads)
    let places = try GalleryCells.nearest(of: rows, centres: centres, threads: threads)
    var cells = Array(repeating: [(row: Int32, closeness: Float)](), count: count)
    for (row, place) in places.enumerated() { cells[Int(place.cell)].append((Int32(row), place.closeness)) }
    let unsorted = cells
    members = try Parallel.map(count: count, threads: threads) { cell in
      unsorted[cell].sorted { ($1.closeness, $0.row) < ($0.closeness, $1.row) }.map(\.row)
    }
  }

  /// A row's cell, and half the square of how much nearer than the origin its centre is, less a constant.
  struct Place: Sendable {
    var cell: Int32
    var closeness: Float
  }

  /// The cell of every row of others.
  func nearest(of rows: MeasuredRows, threads: Int) throws -> [Int32] {
    try GalleryCells.nearest(of: rows, centres: centres, threads: threads).map(\.cell)
  }

  private static func centres(of rows: MeasuredRows, count: Int, threads: Int) throws -> [Float] {
    let size = min(rows.count, 32 * count)
    let drawn = (0..<size).map { $0 * rows.count / size }
    let sample = rows.unitVectors(drawn)
    var centres = seeds(of: sample, count: count, dimension: rows.dimension)
    for _ in 0..<(count == 1 ? 1 : 4) {
      let cells = try nearest(to: centres, sample, dimension: rows.dimension, threads: threads).map(\.cell)
      centres = means(of: sample, cells: cells, replacing: centres, dimension: rows.dimension)
    }
    return centres
  }

  /// Rows far from each other: each is drawn with a chance that grows with its squared distance to those before (Arthur, Vassilvitskii 2007).
  private static func seeds(of sample: [Float], count: Int, dimension: Int) -> [Float] {
    sample.withUnsafeBufferPointer { sample in
      func row(_ index: Int) -> UnsafeBufferPointer<Float> { .init(rebasing: sample[index * dimension..<(index + 1) * dimension]) }
      var generator = SeededGenerator(seed: 0, stream: "cells")
      var distances = Array(repeating: Double.infinity, count: sample.count / dimension)
      var seeds = Array(row(0))
      while seeds.count < count * dimension {
        let last = seeds.suffix(dimension).withUnsafeBufferPointer { last in
          distances.indices.map { max(0, 1 - dotProduct(row($0), last)) }
        }
        var total = 0.0
        for (index, distance) in last.enumerated() {
          distances[index] = min(distances[index], distance)
          total += distances[index]
        }
        var left = generator.uniform() * total
        let drawn = distances.firstIndex { distance in
          left -= distance
          return left < 0
        }
        seeds += row(drawn ?? 0)
      }
      return seeds
    }
  }

  /// The mean of every cell; one without rows keeps its centre.
  private static func means(of sample: [Float], cells: [Int32], replacing centres: [Float], dimension: Int) -> [Float] {
    var sums = Array(repeating: 0.0, count: centres.count)
    var counts = Array(repeating: 0, count: centres.count / dimension)
    for (row, cell) in cells.enumerated() {
      counts[Int(cell)] += 1
      for column in 0..<dimension { sums[Int(cell) * dimension + column] += Double(sample[row * dimension + column]) }
    }
    return centres.indices.map { index in
      let count = counts[index / dimension]
      return count > 0 ? Float(sums[index] / Double(count)) : centres[index]
    }
  }

  private static func nearest(of rows: MeasuredRows, centres: [Float], threads: Int) throws -> [Place] {
    let step = 1024
    let blocks = stride(from: 0, to: rows.count, by: step).map { $0..<min($0 + step, rows.count) }
    return try Parallel.map(count: blocks.count, threads: threads) { number in
      try Interruption.check()
      return nearest(to: centres, rows.unitVectors(blocks[number])[...], dimension: rows.dimension)
    }.flatMap { $0 }
  }

  private static func nearest(to centres: [Float], _ unit: [Float], dimension: Int, threads: Int) throws -> [Place] {
    let step = 1024 * dimension
    let blocks = stride(from: 0, to: unit.count, by: step).map { $0..<min($0 + step, unit.count) }
    return try Parallel.map(count: blocks.count, threads: threads) { nearest(to: centres, unit[blocks[$0]], dimension: dimension) }
      .flatMap { $0 }
  }

  /// The nearest centre c of a unit vector g has the largest g . c - |c|^2 / 2.
  private static func nearest(to centres: [Float], _ unit: ArraySlice<Float>, dimension: Int) -> [Place] {
    let (rows, count) = (unit.count / dimension, centres.count / dimension)
    let halves = (0..<count).map { cell in
      centres[cell * dimension..<(cell + 1) * dimension].reduce(Float(0)) { $0 + $1 * $1 } / 2
    }
    return withUnsafeTemporaryAllocation(of: Float.self, capacity: rows * count) { products in
      unit.withUnsafeBufferPointer { unit in
        cblas_sgemm(
          CblasRowMajor, CblasNoTrans, CblasTrans, blasint(rows), blasint(count), blasint(dimension), 1, unit.baseAddress,
          blasint(dimension), centres, blasint(dimension), 0, products.baseAddress, blasint(count))
      }
      return (0..<rows).map { row in
        var best = Place(cell: 0, closeness: -.infinity)
        for cell in 0..<count {
          let closeness = products[row * count + cell] - halves[cell]
          if closeness > best.closeness { best = Place(cell: Int32(cell), closeness: closeness) }
        }
        return best
      }
    }
  }
}
