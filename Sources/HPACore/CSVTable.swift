/// A CSV file with a header line, read whole (RFC 4180: quotes, embedded commas and line ends; LF or CRLF; a UTF-8 BOM is skipped).
public struct CSVTable: Sendable {
  public struct Row: Sendable {
    /// The line of the file on which the row begins, counted from 1.
    public let line: Int
    public let fields: [String]

    public subscript(column: Int) -> String { fields[column] }
  }

  public let path: String
  public let header: [String]
  public let rows: [Row]

  /// - Throws: `missingInput` where there is no such file; `badData` with the row for a wrong number of fields,
  ///   an open quote, bytes that are not UTF-8, or an empty file.
  public init(contentsOf path: String) throws {
    try self.init(bytes: try FileBytes.read(path), path: path)
  }

  public init(bytes: [UInt8], path: String) throws {
    var parser = Parser(bytes: bytes, path: path)
    guard let header = try parser.nextRow() else {
      throw Failure(.badData, "the file is empty", at: .file(path), cure: "A header line such as Id,Target is expected.")
    }
    self.path = path
    self.header = header.fields
    var rows: [Row] = []
    while let row = try parser.nextRow() {
      guard row.fields.count == header.fields.count else {
        throw Failure(
          .badData, "\(row.fields.count) fields where the header has \(header.fields.count)", at: .file(path, row: row.line),
          cure: "Columns are: \(header.fields.joined(separator: ",")).")
      }
      rows.append(row)
    }
    self.rows = rows
  }

  /// The index of a column.
  ///
  /// - Throws: `badData` that lists the columns there are.
  public func column(_ name: String) throws -> Int { try column(anyOf: [name]) }

  public func column(anyOf names: [String]) throws -> Int {
    for name in names { if let index = header.firstIndex(of: name) { return index } }
    throw Failure(
      .badData, "no column '\(names.joined(separator: "' or '"))'", at: .file(path, row: 1),
      cure: "The columns are: \(header.joined(separator: ", ")).")
  }

  /// A field as it stands in a CSV line: quoted only where it must be.
  public static func field(_ text: String) -> String {
    let needsQuotes = text.utf8.contains { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 == 10 || $0 == 13 }
    guard needsQuotes else { return text }
    // By bytes: a quote under a combining accent is another Character, and a quote all the same.
    let quote = UInt8(ascii: "\"")
    let doubled = text.utf8.flatMap { $0 == quote ? [quote, quote] : [$0] }
    return String(decoding: [quote] + doubled + [quote], as: UTF8.self)
  }

  /// One line with its line feed. A lone empty field is quoted, for an empty line would be passed over.
  public static func line(_ fields: [String]) -> String {
    fields == [""] ? "\"\"\n" : fields.map(field).joined(separator: ",") + "\n"
  }
}

extension CSVTable {
  private struct Parser {
    let bytes: [UInt8]
    let path: String
    var position: Int
    var line = 1

    init(bytes: [UInt8], path: String) {
      self.bytes = bytes
      self.path = path
      position = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    }

    mutating func nextRow() throws -> Row? {
      skipEmptyLines()
      guard position < bytes.count else { return nil }
      let start = line
      var fields: [String] = []
      while true {
        fields.append(try nextField())
        guard position < bytes.count else { break }
        let separator = bytes[position]
        guard separator == UInt8(ascii: ",") || separator == 10 || separator == 13 else {
          throw Failure(
            .badData, "text follows a closing quote", at: .file(path, row: line),
            cure: "Quote the whole field, and double the quotes inside it.")
        }
        position += 1
        if separator == UInt8(ascii: ",") { continue }
        if separator == 13, position < bytes.count, bytes[position] == 10 { position += 1 }
        line += 1
        break
      }
      return Row(line: start, fields: fields)
    }

    private mutating func skipEmptyLines() {
      while position < bytes.count, bytes[position] == 10 || bytes[position] == 13 {
        if bytes[position] == 10 { line += 1 }
        position += 1
      }
    }

    private mutating func nextField() throws -> String {
      if position < bytes.count, bytes[position] == UInt8(ascii: "\"") { return try quotedField() }
      let start = position
      while position < bytes.count, bytes[position] != UInt8(ascii: ","), bytes[position] != 10, bytes[position] != 13 { position += 1 }
      return try text(bytes[start..<position])
    }

    private mutating func quotedField() throws -> String {
      let start = line
      var field: [UInt8] = []
      position += 1
      while position < bytes.count {
        let byte = bytes[position]
        position += 1
        if byte == UInt8(ascii: "\"") {
          guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { return try text(field[...]) }
          position += 1
        } else if byte == 10 {
          line += 1
        }
        field.append(byte)
      }
      throw Failure(
        .badData, "a quote that begins here is never closed", at: .file(path, row: start),
        cure: "Close the quote, or double it inside a field.")
    }

    private func text(_ slice: ArraySlice<UInt8>) throws -> String {
      guard let text = String(validating: slice, as: UTF8.self) else {
        throw Failure(.badData, "bytes that are not UTF-8", at: .file(path, row: line), cure: "Save the file as UTF-8.")
      }
      return text
    }
  }
}
