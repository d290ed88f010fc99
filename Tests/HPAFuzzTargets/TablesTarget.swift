import HPABlend
import HPACore
import HPADatasets
import HPAIndex

extension FuzzTarget {
  /// Every reader of a CSV with known columns. Each reads every input; what one refuses, the next may take.
  static let tables = FuzzTarget("tables", longestInput: 8 << 10, largestAllocation: 8) { input in
    let path = try input.file()
    let known = try LabelTable(ids: ["a", "b", "c", "d"], labels: [[0], [1, 2], [], [27]])
    try refusing { _ = try ImageID.list(contentsOf: path) }
    try refusing { try checkLabels(path, in: input) }
    try refusing { _ = try Folds.read(path, for: known.ids) }
    try refusing { _ = try Folds.read(path, for: known.ids, count: 3) }
    try refusing { _ = try ImageGroups(contentsOf: path, for: known) }
    try refusing { try checkThresholds(path, in: input) }
    try refusing { try checkMatches(path, in: input) }
    try refusing { _ = try LeakTable(published: path) }
    try refusing { _ = try LeakTable(matches: path, labels: known) }
    try refusing { _ = try Submission(contentsOf: path) }
  }

  private static func checkLabels(_ path: String, in input: Input) throws {
    let submission = try Submission(contentsOf: path)
    let copy = input.folder.path("copy")
    try submission.write(to: copy)
    try require(try reread { try Submission(contentsOf: copy) } == submission, "labels changed when they were written")
  }

  private static func checkThresholds(_ path: String, in input: Input) throws {
    let thresholds = try Thresholds(contentsOf: path)
    let copy = input.folder.path("copy")
    try thresholds.write(to: copy)
    try require(try reread { try Thresholds(contentsOf: copy) } == thresholds, "thresholds changed when they were written")
  }

  private static func checkMatches(_ path: String, in input: Input) throws {
    let matches = try Matches(contentsOf: path)
    let copy = input.folder.path("copy")
    try matches.write(to: copy)
    try require(try reread { try Matches(contentsOf: copy) } == matches, "matches changed when they were written")
  }
}
