import HPACore

/// One threshold for each of the 28 classes; a label is given where score > threshold.
public struct Thresholds: Sendable, Equatable {
  /// The threshold that the team gives every class that is not searched.
  public static let `default` = 0.15

  /// 28 finite values, by class id.
  public let values: [Double]

  /// The same threshold for every class.
  public init(repeating value: Double = Thresholds.default) {
    values = Array(repeating: value, count: ProteinLocation.count)
  }

  /// - Throws: `badData` for another number of values than 28, or one that is not finite.
  public init(_ values: [Double]) throws {
    guard values.count == ProteinLocation.count, values.allSatisfy(\.isFinite) else {
      throw Failure(
        .badData, "\(values.count) thresholds, \(values.count { !$0.isFinite }) of them not finite",
        cure: "Give one finite threshold for each of the \(ProteinLocation.count) classes.")
    }
    self.values = values
  }

  public subscript(classID: Int) -> Double { values[classID] }
}

extension Thresholds {
  /// Reads `class,threshold`: every class id from 0 to 27 once, in any order.
  ///
  /// - Throws: `missingInput`; `badData` with file and row for an unknown, repeated or missing class, or a threshold that is no finite number.
  public init(contentsOf path: String) throws {
    let table = try CSVTable(contentsOf: path)
    let (classColumn, thresholdColumn) = (try table.column("class"), try table.column("threshold"))
    var found: [Double?] = Array(repeating: nil, count: ProteinLocation.count)
    for row in table.rows {
      guard let id = Int(row[classColumn]), found.indices.contains(id) else {
        throw Failure(
          .badData, "'\(row[classColumn])' is no class", at: .file(path, row: row.line),
          cure: "Classes are 0 to \(ProteinLocation.count - 1).")
      }
      guard let value = Double(row[thresholdColumn]), value.isFinite else {
        throw Failure(
          .badData, "'\(row[thresholdColumn])' is no threshold", at: .file(path, row: row.line), cure: "Write a number such as 0.15.")
      }
      guard found[id] == nil else {
        throw Failure(.badData, "class \(id) stands twice", at: .file(path, row: row.line), cure: "Keep one row for each class.")
      }
      found[id] = value
    }
    let missing = found.indices.filter { found[$0] == nil }
    guard missing.isEmpty else {
      throw Failure(
        .badData, "no threshold for class \(missing.map(String.init).joined(separator: ", "))", at: .file(path),
        cure: "Add a row for each of them, such as \(missing[0]),\(Thresholds.default).")
    }
    values = found.compactMap { $0 }
  }

  /// Writes `class,threshold`; a threshold is printed with the digits that read back to the same float64.
  ///
  /// - Throws: `cannotCreate`, `inputOutput`.
  public func write(to path: String) throws {
    let lines = values.enumerated().map { CSVTable.line(["\($0.offset)", "\($0.element)"]) }
    try FileBytes.write(CSVTable.line(["class", "threshold"]) + lines.joined(), to: path)
  }
}
