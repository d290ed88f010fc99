public import HPACore

/// Images that belong together (duplicates of each other), so that a division of the data must not part them.
///
/// Links are transitive: a-b and b-c make one group of three (disjoint sets, Tarjan 1975).
public struct ImageGroups: Sendable {
  private var parent: [ImageID: ImageID] = [:]

  public init() {}

  public mutating func link(_ first: ImageID, _ second: ImageID) {
    let (left, right) = (root(of: first), root(of: second))
    parent[max(left, right)] = min(left, right)
    parent[min(left, right)] = min(left, right)
  }

  /// The smallest id of the group that `id` belongs to; an id without a link is a group by itself.
  public mutating func root(of id: ImageID) -> ImageID {
    var top = id
    while let above = parent[top], above != top { top = above }
    var current = id
    while current != top, let above = parent[current] {
      parent[current] = top
      current = above
    }
    return top
  }

  /// The linked ids that `table` does not hold, ascending. They still join others, and a caller should name their number.
  public func idsOutside(_ table: LabelTable) -> [ImageID] { parent.keys.filter { table.row(of: $0) == nil }.sorted() }
}

extension ImageGroups {
  /// Reads a CSV whose first two columns link ids, under any header: pairs (`a,b`), or ids with the name of their group (`Id,Group`).
  ///
  /// - Throws: `missingInput`; `badData` with file and row for an empty field, for fewer than two columns, or where no id at all is in `table`.
  public init(contentsOf path: String, for table: LabelTable) throws {
    let pairs = try CSVTable(contentsOf: path)
    guard pairs.header.count >= 2 else {
      throw Failure(
        .badData, "has \(pairs.header.count) column", at: .file(path, row: 1), cure: "Give two columns of ids, such as query,gallery.")
    }
    for row in pairs.rows {
      guard !row[0].isEmpty, !row[1].isEmpty else {
        throw Failure(.badData, "an id is empty", at: .file(path, row: row.line), cure: "Give both ids of the pair, or take the row out.")
      }
      link(ImageID(row[0]), ImageID(row[1]))
    }
    guard parent.isEmpty || parent.keys.contains(where: { table.row(of: $0) != nil }) else {
      throw Failure(
        .badData, "none of its \(parent.count) ids is in the label table", at: .file(path),
        cure: "Write ids as they stand in the label table, in the first two columns.")
    }
  }
}
