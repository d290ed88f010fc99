/// Images with their labels, in the order of the file that named them.
public struct LabelTable: Sendable, Equatable {
  public private(set) var ids: [ImageID]
  public private(set) var labels: [LabelSet]
  private var rowOfID: [ImageID: Int]

  /// - Throws: `badData` where an id stands twice.
  public init(ids: [ImageID], labels: [LabelSet]) throws {
    precondition(ids.count == labels.count)
    self.ids = ids
    self.labels = labels
    rowOfID = Dictionary(minimumCapacity: ids.count)
    for (row, id) in ids.enumerated() where rowOfID.updateValue(row, forKey: id) != nil {
      throw Failure(.badData, "id \(id) stands twice in the label table", at: .id(id), cure: "Keep one row for each id.")
    }
  }

  public var count: Int { ids.count }

  public func row(of id: ImageID) -> Int? { rowOfID[id] }
  public subscript(id: ImageID) -> LabelSet? { rowOfID[id].map { labels[$0] } }

  /// The labels of `ids`, in that order.
  ///
  /// - Throws: `badData` that names the first id without a row; `path` is the file the message points at.
  public func labels(for ids: [ImageID], path: String? = nil) throws -> [LabelSet] {
    try ids.map { id in
      guard let labels = self[id] else {
        throw Failure(
          .badData, "no label row for this id", at: .init(path: path, id: id.text),
          cure: "Add the id to the label table, or take it out of the ids file.")
      }
      return labels
    }
  }

  /// Reads `Id,Target` (`train.csv`, HPAv18 lists) or `Id,Predicted`; further columns are ignored.
  ///
  /// - Throws: `missingInput`, or `badData` with file and row for a bad class id or a repeated id.
  public init(contentsOf path: String) throws {
    let table = try CSVTable(contentsOf: path)
    let idColumn = try table.column("Id")
    let targetColumn = try table.column(anyOf: ["Target", "Predicted"])
    var ids: [ImageID] = []
    var labels: [LabelSet] = []
    var seen: [ImageID: Int] = [:]
    for row in table.rows {
      let id = ImageID(row[idColumn])
      guard !id.text.isEmpty else {
        throw Failure(.badData, "the id is empty", at: .file(path, row: row.line), cure: "Give every row an id.")
      }
      if let earlier = seen.updateValue(row.line, forKey: id) {
        throw Failure(
          .badData, "id \(id) stands here and in row \(earlier)", at: .file(path, row: row.line), cure: "Keep one row for each id.")
      }
      guard let set = LabelSet(parsing: row[targetColumn]) else {
        throw Failure(
          .badData, "'\(row[targetColumn])' is no list of classes", at: .file(path, row: row.line, id: id.text),
          cure: "Write class ids 0 to 27 separated by spaces, for example '16 0'.")
      }
      ids.append(id)
      labels.append(set)
    }
    try self.init(ids: ids, labels: labels)
  }
}

extension ImageID {
  /// Reads the ids of a CSV whose first column is `Id`, in file order.
  ///
  /// - Throws: `missingInput`, or `badData` with file and row for another first column, an empty or a repeated id.
  public static func list(contentsOf path: String) throws -> [ImageID] {
    let table = try CSVTable(contentsOf: path)
    guard table.header.first == "Id" else {
      throw Failure(
        .badData, "the first column is '\(table.header.first ?? "")', not 'Id'", at: .file(path, row: 1),
        cure: "Give the file a header line whose first column is Id.")
    }
    var seen: [ImageID: Int] = [:]
    return try table.rows.map { row in
      let id = ImageID(row[0])
      guard !id.text.isEmpty else {
        throw Failure(.badData, "the id is empty", at: .file(path, row: row.line), cure: "Give every row an id.")
      }
      if let earlier = seen.updateValue(row.line, forKey: id) {
        throw Failure(
          .badData, "id \(id) stands here and in row \(earlier)", at: .file(path, row: row.line), cure: "Keep one row for each id.")
      }
      return id
    }
  }
}
