import Foundation
public import HPACore

/// A list of matches, as `matches.csv` holds it (schemas/matches.md).
public struct Matches: Sendable, Equatable {
  public private(set) var matches: [Match]
  /// Nil for a list that was read from a file.
  public let statistics: SearchStatistics?

  private static let columns = ["query", "gallery", "score", "rank"]

  public init(_ matches: [Match], statistics: SearchStatistics? = nil) {
    self.matches = matches
    self.statistics = statistics
  }

  /// Reads `query,gallery,score,rank`; further columns are ignored.
  ///
  /// - Throws: `missingInput`, or `badData` with file and row for an empty id, a score that is no finite number, or a rank below 1.
  public init(contentsOf path: String) throws {
    let table = try CSVTable(contentsOf: path)
    let columns = try Matches.columns.map(table.column)
    self.init(try table.rows.map { try Matches.match($0, columns, path: path) })
  }

  private static func match(_ row: CSVTable.Row, _ columns: [Int], path: String) throws -> Match {
    let fields = columns.map { row[$0] }
    let place = Failure.Place.file(path, row: row.line)
    guard !fields[0].isEmpty, !fields[1].isEmpty else {
      throw Failure(.badData, "an id is empty", at: place, cure: "Give both query and gallery.")
    }
    guard let score = Float(fields[2]), score.isFinite else {
      throw Failure(.badData, "score '\(fields[2])' is no number", at: place, cure: "Write a cosine, such as 0.98.")
    }
    guard let rank = Int(fields[3]), rank >= 1 else {
      throw Failure(.badData, "rank '\(fields[3])' is no number from 1", at: place, cure: "Count from 1.")
    }
    return Match(query: ImageID(fields[0]), gallery: ImageID(fields[1]), score: score, rank: rank)
  }

  /// Gives every query and every gallery image another name.
  public mutating func rename(queries: (ImageID) -> ImageID, gallery: (ImageID) -> ImageID) {
    for index in matches.indices {
      let match = matches[index]
      matches[index] = Match(query: queries(match.query), gallery: gallery(match.gallery), score: match.score, rank: match.rank)
    }
  }

  /// Writes the list; scores are the shortest decimals that give the same float32 back.
  ///
  /// - Throws: `cannotCreate`, `inputOutput`.
  public func write(to path: String) throws {
    try FileBytes.replace(path) { handle in
      try handle.write(contentsOf: Data(CSVTable.line(Matches.columns).utf8))
      let step = 1 << 14
      for start in stride(from: 0, to: matches.count, by: step) {
        try Interruption.check()
        let lines = matches[start..<min(start + step, matches.count)].map {
          CSVTable.line([$0.query.text, $0.gallery.text, "\($0.score)", "\($0.rank)"])
        }
        try handle.write(contentsOf: Data(lines.joined().utf8))
      }
    }
  }
}
