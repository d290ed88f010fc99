public import HPACore

extension Folds {
  /// `Id,Fold` (kfold), or `Id,Split,Part` with one row a split and image, Part being `train` or `validation` (shuffle).
  public var csv: String {
    switch scheme {
    case .kfold:
      var foldOfRow = Array(repeating: 0, count: ids.count)
      for (fold, rows) in validationRows.enumerated() { for row in rows { foldOfRow[row] = fold } }
      return zip(ids, foldOfRow).reduce(into: CSVTable.line(["Id", "Fold"])) { $0 += CSVTable.line([$1.0.text, String($1.1)]) }
    case .shuffle:
      return (0..<count).reduce(into: CSVTable.line(["Id", "Split", "Part"])) { text, split in
        for (id, isValidation) in zip(ids, isValidation(fold: split)) {
          text += CSVTable.line([id.text, String(split), (isValidation ? Part.validation : .train).rawValue])
        }
      }
    }
  }

  /// - Throws: `cannotCreate`, `inputOutput`.
  public func write(to path: String) throws { try FileBytes.write(csv, to: path) }

  /// Reads a fold file of either form; the columns tell which.
  ///
  /// - Parameters:
  ///   - ids: the images that the file must divide, every one and no other.
  ///   - count: the number of folds expected, where it is known.
  /// - Throws: `missingInput`; `badData` with file and row for an unknown or repeated id, a fold that is no number or out of range,
  ///   a part of another name; `badData` with the file for a missing id or a fold whose training or validation part is empty.
  public static func read(_ path: String, for ids: [ImageID], count: Int? = nil) throws -> Folds {
    let table = try CSVTable(contentsOf: path)
    let scheme: Scheme = table.header.contains("Split") ? .shuffle : .kfold
    let validationRows =
      switch scheme {
      case .kfold: try readFolds(table, ids: ids, count: count)
      case .shuffle: try readSplits(table, ids: ids, count: count)
      }
    for (fold, rows) in validationRows.enumerated() where rows.isEmpty || rows.count == ids.count {
      throw Failure(.badData, "fold \(fold) has no \(rows.isEmpty ? "validation" : "training") images", at: .file(path), cure: remake)
    }
    return Folds(scheme: scheme, ids: ids, validationRows: validationRows)
  }

  private enum Part: String { case train, validation }

  private static let remake = "Make the fold file from the same label table: hpa-feat folds."

  /// A bound on what a damaged number in a file can make the reader allocate.
  private static let mostFolds = 1000

  private static func readFolds(_ table: CSVTable, ids: [ImageID], count: Int?) throws -> [[Int]] {
    let foldColumn = try table.column("Fold")
    var foldOfRow: [Int?] = Array(repeating: nil, count: ids.count)
    try forEachRow(of: table, ids: ids) { row, image, place in
      try set(&foldOfRow[image], to: try number(row[foldColumn], below: count ?? mostFolds, at: place), at: place)
    }
    let folds = try complete(foldOfRow, ids: ids, path: table.path)
    var rows = Array(repeating: [Int](), count: count ?? (folds.max() ?? -1) + 1)
    for (row, fold) in folds.enumerated() { rows[fold].append(row) }
    return rows
  }

  private static func readSplits(_ table: CSVTable, ids: [ImageID], count: Int?) throws -> [[Int]] {
    let (splitColumn, partColumn) = (try table.column("Split"), try table.column("Part"))
    var partOfRow: [[Part?]] = Array(repeating: Array(repeating: nil, count: ids.count), count: count ?? 0)
    try forEachRow(of: table, ids: ids) { row, image, place in
      let split = try number(row[splitColumn], below: count ?? mostFolds, at: place)
      guard let part = Part(rawValue: row[partColumn]) else {
        throw Failure(.badData, "'\(row[partColumn])' is no part", at: place, cure: "Write train or validation.")
      }
      while partOfRow.count <= split { partOfRow.append(Array(repeating: nil, count: ids.count)) }
      try set(&partOfRow[split][image], to: part, at: place)
    }
    return try partOfRow.enumerated().map { split, parts in
      let parts = try complete(parts, ids: ids, path: table.path, of: "split \(split)")
      return parts.indices.filter { parts[$0] == .validation }
    }
  }

  private static func forEachRow(of table: CSVTable, ids: [ImageID], _ body: (CSVTable.Row, Int, Failure.Place) throws -> Void) throws {
    let idColumn = try table.column("Id")
    let rowOfID = Dictionary(zip(ids, ids.indices), uniquingKeysWith: { first, _ in first })
    for row in table.rows {
      let place = Failure.Place.file(table.path, row: row.line, id: row[idColumn])
      guard let image = rowOfID[ImageID(row[idColumn])] else {
        throw Failure(.badData, "this id is not among the labelled images", at: place, cure: remake)
      }
      try body(row, image, place)
    }
  }

  private static func number(_ text: String, below limit: Int, at place: Failure.Place) throws -> Int {
    guard let number = Int(text), (0..<limit).contains(number) else {
      throw Failure(.badData, "'\(text)' is no fold", at: place, cure: "Folds are numbered 0 to \(limit - 1).")
    }
    return number
  }

  private static func set<Value>(_ slot: inout Value?, to value: Value, at place: Failure.Place) throws {
    guard slot == nil else { throw Failure(.badData, "this id stands twice", at: place, cure: "Keep one row for each id (and split).") }
    slot = value
  }

  private static func complete<Value>(_ values: [Value?], ids: [ImageID], path: String, of split: String? = nil) throws -> [Value] {
    if let missing = values.firstIndex(where: { $0 == nil }) {
      let others = values.count { $0 == nil } - 1
      let message = "no row for this id" + (split.map { " in \($0)" } ?? "") + (others > 0 ? ", nor for \(others) more" : "")
      throw Failure(.badData, message, at: .file(path, id: ids[missing].text), cure: remake)
    }
    return values.compactMap { $0 }
  }
}
