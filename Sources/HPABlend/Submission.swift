public import HPACore

/// The predicted labels of images in a fixed order: `Id,Predicted`.
public struct Submission: Sendable, Equatable {
  private let table: LabelTable

  public var ids: [ImageID] { table.ids }
  public var labels: [LabelSet] { table.labels }
  public subscript(id: ImageID) -> LabelSet? { table[id] }

  /// - Throws: `badData` where an id stands twice.
  public init(ids: [ImageID], labels: [LabelSet]) throws { table = try LabelTable(ids: ids, labels: labels) }

  /// Labels every image by its scores: those strictly above the threshold of their class, or else the class of the highest score
  /// (the lowest class id of a tie), so that no image goes without a label.
  public init(scores: ClassScores, thresholds: Thresholds) throws {
    try self.init(ids: scores.ids, labels: scores.ids.indices.map { Self.labels(of: scores.matrix[row: $0], thresholds: thresholds) })
  }

  private static func labels(of scores: ArraySlice<Double>, thresholds: Thresholds) -> LabelSet {
    let above = zip(0..., zip(scores, thresholds.values)).filter { $1.0 > $1.1 }.map(\.0)
    if !above.isEmpty { return LabelSet(above) }
    let best = scores.indices.reduce(scores.startIndex) { scores[$1] > scores[$0] ? $1 : $0 }
    return [best - scores.startIndex]
  }

  /// The same predictions with their rows in the order of `wanted`, as a sample submission keeps.
  ///
  /// - Throws: `badData` that names the first id which only one of the two holds.
  public func ordered(as wanted: [ImageID], of path: String) throws -> Submission {
    let ordered = try Submission(
      ids: wanted,
      labels: wanted.map { id in
        guard let labels = self[id] else {
          throw Failure(.badData, "no prediction for this id", at: .file(path, id: id.text), cure: "Make scores for every id of this file.")
        }
        return labels
      })
    if let extra = ids.first(where: { ordered[$0] == nil }) {
      throw Failure(
        .badData, "an image that was predicted is not listed", at: .file(path, id: extra.text),
        cure: "Make scores for the ids of this file only.")
    }
    return ordered
  }
}

extension Submission {
  /// Reads `Id,Predicted` (or `Id,Target`, which makes any label table a submission); LF or CRLF, labels in any order.
  ///
  /// - Throws: `missingInput`, `badData` with file and row.
  public init(contentsOf path: String) throws { table = try LabelTable(contentsOf: path) }

  /// Writes `Id,Predicted` with labels ascending and LF line ends.
  ///
  /// - Throws: `cannotCreate`, `inputOutput`.
  public func write(to path: String) throws {
    let lines = zip(ids, labels).map { CSVTable.line([$0.text, $1.description]) }
    try FileBytes.write(CSVTable.line(["Id", "Predicted"]) + lines.joined(), to: path)
  }
}

extension Submission {
  /// An image that two submissions label differently.
  public struct Difference: Sendable, Equatable {
    public let id: ImageID
    public let here: LabelSet
    public let there: LabelSet
  }

  /// The images with different labels, in the order of this submission; the order of rows and labels in a file does not matter.
  ///
  /// - Throws: `badData` that names the first id which only one of the two holds.
  public func differences(from other: Submission, named path: String = "the other submission") throws -> [Difference] {
    let there = try other.ordered(as: ids, of: path).labels
    return zip(ids, zip(labels, there)).filter { $1.0 != $1.1 }.map { Difference(id: $0, here: $1.0, there: $1.1) }
  }
}
