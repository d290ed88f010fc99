public import HPACore

extension LeakTable {
  /// Reads either form of leak table, told apart by the column `Extra` of the published one.
  ///
  /// - Parameters:
  ///   - labels: the labels of the gallery, without which `matches.csv` says nothing.
  ///   - minimumScore: as in `init(matches:labels:minimumScore:)`.
  /// - Throws: as the two below; `usage` for `matches.csv` without labels, and for labels or a score beside a published table, which
  ///   would change nothing.
  public init(contentsOf path: String, labels: LabelTable? = nil, minimumScore: Double? = nil) throws {
    if try CSVTable(contentsOf: path).header.contains("Extra") {
      guard labels == nil, minimumScore == nil else {
        throw Failure(
          .usage, "a published leak table carries its own labels and no scores", at: .file(path),
          cure: "Leave --gallery-labels and --min-score out.")
      }
      try self.init(published: path)
    } else if let labels {
      try self.init(matches: path, labels: labels, minimumScore: minimumScore ?? -.infinity)
    } else {
      throw Failure(
        .usage, "matches carry no labels", at: .file(path), cure: "Add --gallery-labels FILE.csv (Id,Target) for the gallery.")
    }
  }

  /// Reads `leak_test_matches.csv` as published: `Extra` (gallery image), `Test`, `Target` (labels to take over); other columns are not used.
  ///
  /// - Throws: `missingInput`; `badData` with file and row for an empty id or a `Target` that holds no class.
  public init(published path: String) throws {
    let table = try CSVTable(contentsOf: path)
    let (extra, test, target) = (try table.column("Extra"), try table.column("Test"), try table.column("Target"))
    let rows = try table.rows.map { row in
      let ids = try Self.ids(in: row, columns: [test, extra], path: path)
      guard let labels = LabelSet(parsing: row[target]), !labels.isEmpty else {
        throw Failure(
          .badData, "'\(row[target])' is no list of classes", at: .file(path, row: row.line, id: ids[0].text),
          cure: "Write class ids 0 to 27 separated by spaces, for example '16 0'.")
      }
      return (ids[0], Source(gallery: ids[1], labels: labels, score: nil, row: row.line, listings: [Listing(id: ids[1], labels: labels)]))
    }
    self.init(path: path, rows: rows)
  }

  /// Reads `matches.csv` of `search` (`query,gallery,score,rank`) and takes the labels of each gallery image from `labels`.
  ///
  /// Where the gallery lists one image under several genes (`ENSG..._antibody_plate_well_position`), the labels of all its rows are united.
  ///
  /// - Parameter minimumScore: rows below it are no leak and are left out.
  /// - Throws: `missingInput`; `badData` with file and row for an empty id, a score that is no finite number, or a gallery image
  ///   without labels.
  public init(matches path: String, labels: LabelTable, minimumScore: Double = -.infinity) throws {
    let table = try CSVTable(contentsOf: path)
    let (query, gallery, score) = (try table.column("query"), try table.column("gallery"), try table.column("score"))
    let united = UnitedLabels(labels)
    let rows = try table.rows.compactMap { row -> (ImageID, Source)? in
      let ids = try Self.ids(in: row, columns: [query, gallery], path: path)
      guard let score = Double(row[score]), score.isFinite else {
        throw Failure(
          .badData, "'\(row[score])' is no score", at: .file(path, row: row.line, id: ids[0].text),
          cure: "Write the matches again with: search.")
      }
      guard score >= minimumScore else { return nil }
      let listings = united[ids[1]]
      let found = listings.reduce(LabelSet()) { $0.union($1.labels) }
      guard !found.isEmpty else {
        throw Failure(
          .badData, "the gallery image \(ids[1]) has no labels", at: .file(path, row: row.line, id: ids[0].text),
          cure: "Give the label table of the gallery that was searched.")
      }
      return (ids[0], Source(gallery: ids[1], labels: found, score: score, row: row.line, listings: listings))
    }
    self.init(path: path, rows: rows)
  }

  private static func ids(in row: CSVTable.Row, columns: [Int], path: String) throws -> [ImageID] {
    try columns.map { column in
      guard !row[column].isEmpty else {
        throw Failure(.badData, "an id is empty", at: .file(path, row: row.line), cure: "Give both images of a match.")
      }
      return ImageID(row[column])
    }
  }
}

/// The rows of a label table by image, whatever gene it is listed under.
private struct UnitedLabels {
  private var listings: [Substring: [LeakTable.Listing]] = [:]

  init(_ table: LabelTable) {
    for (id, labels) in zip(table.ids, table.labels) { listings[Self.image(id), default: []].append(.init(id: id, labels: labels)) }
  }

  subscript(id: ImageID) -> [LeakTable.Listing] { listings[Self.image(id)] ?? [] }

  /// The id without its gene: `ENSG00000124593_31240_1645_E5_34` and `31240_1645_E5_34` are one image.
  private static func image(_ id: ImageID) -> Substring {
    guard id.text.hasPrefix("ENSG"), let end = id.text.firstIndex(of: "_") else { return id.text[...] }
    return id.text[id.text.index(after: end)...]
  }
}
