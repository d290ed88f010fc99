public import HPACore

/// A row that the leak step changed.
public struct LeakChange: Sendable, Equatable {
  public let id: ImageID
  public let before: LabelSet
  public let after: LabelSet
  /// The gallery images that the labels come from.
  public let sources: [LeakTable.Source]

  /// Writes `Id,Before,After,Gallery,Score`: one row a change; several gallery images and their scores are separated by spaces.
  ///
  /// - Throws: `cannotCreate`, `inputOutput`.
  public static func write(_ changes: [LeakChange], to path: String) throws {
    let lines = changes.map { change in
      CSVTable.line([
        change.id.text, change.before.description, change.after.description, change.sources.map(\.gallery.text).joined(separator: " "),
        change.sources.compactMap { $0.score.map { "\($0)" } }.joined(separator: " "),
      ])
    }
    try FileBytes.write(CSVTable.line(["Id", "Before", "After", "Gallery", "Score"]) + lines.joined(), to: path)
  }
}

extension LeakTable {
  /// Writes `Id,Gallery,Labels,Score`: every row of the gallery's labels for each test image whose rows disagree.
  ///
  /// - Throws: `cannotCreate`, `inputOutput`.
  public func writeConflicts(to path: String) throws {
    let lines = conflicts.flatMap { entry in
      entry.sources.flatMap { source in
        source.listings.map { listing in
          CSVTable.line([entry.test.text, listing.id.text, listing.labels.description, source.score.map { "\($0)" } ?? ""])
        }
      }
    }
    try FileBytes.write(CSVTable.line(["Id", "Gallery", "Labels", "Score"]) + lines.joined(), to: path)
  }

  /// Replaces the labels of every test image of the table, and returns the rows that are different now, in the submission's order.
  ///
  /// - Throws: `badData` with file and row for a test image that the submission does not hold (see `split(by:)`).
  public func applied(to submission: Submission) throws -> (submission: Submission, changes: [LeakChange]) {
    if let unknown = split(by: submission.ids).unknown.first {
      throw Failure(
        .badData, "the submission has no such image", at: .file(path, row: unknown.sources[0].row, id: unknown.test.text),
        cure: "Take the row out, or give the matches of the data set that is predicted.")
    }
    let entryOfID = Dictionary(uniqueKeysWithValues: entries.map { ($0.test, $0) })
    let labels = zip(submission.ids, submission.labels).map { entryOfID[$0]?.labels ?? $1 }
    let replaced = try Submission(ids: submission.ids, labels: labels)
    let changes = try replaced.differences(from: submission).map { difference in
      LeakChange(id: difference.id, before: difference.there, after: difference.here, sources: entryOfID[difference.id]?.sources ?? [])
    }
    return (replaced, changes)
  }
}
