import HPACore

/// Feature rows beside their unit vectors: what matrix products and Faiss read.
struct UnitRows: Sendable {
  let rows: MeasuredRows
  /// The rows divided by their length and rounded to float32.
  let unit: [Float]

  var ids: [ImageID] { rows.ids }
  var matrix: Matrix<Float> { rows.matrix }
  var count: Int { rows.count }
  var dimension: Int { rows.dimension }

  init(_ rows: MeasuredRows) {
    self.rows = rows
    unit = rows.unitVectors(0..<rows.count)
  }

  /// - Throws: as `MeasuredRows`.
  init(_ rows: NamedRows<Float>, path: String?) throws { self.init(try MeasuredRows(rows, path: path)) }

  func cosine(_ row: Int, _ others: UnitRows, _ other: Int) -> Double { rows.cosine(row, others.rows, other) }
}
