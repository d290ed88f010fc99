import HPACore

extension FuzzTarget {
  /// Law: the fields of what was read, written and read again are the same, byte for byte.
  static let csv = FuzzTarget("csv", longestInput: 8 << 10, largestAllocation: 8) { input in
    let table = try CSVTable(bytes: input.bytes, path: "input")
    let lines = [table.header] + table.rows.map(\.fields)
    // The byte order mark is skipped at the start of a file, so that a header that begins with one keeps its own.
    let text = "\u{FEFF}" + lines.map(CSVTable.line).joined()
    let again = try reread { try CSVTable(bytes: Array(text.utf8), path: "again") }
    try require(
      ([again.header] + again.rows.map(\.fields)).elementsEqual(lines) { $0.elementsEqual($1) { $0.utf8.elementsEqual($1.utf8) } },
      "the fields changed when they were written")
    let numbers = table.rows.map(\.line)
    try require(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 }, "rows do not begin on later and later lines: \(numbers)")
  }
}
