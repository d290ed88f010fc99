import HPACore
import Yams

/// A YAML mapping that is read key by key; what was not read is an error with its line.
struct YAMLMapping {
  let path: String
  let line: Int
  private let name: String
  private var entries: [(key: String, line: Int, node: Node)]
  private var known: [String] = []

  /// Reads the mapping at the top of a file.
  ///
  /// - Throws: `badData` with file and line for text that is no YAML mapping or repeats a key.
  init(bytes: [UInt8], path: String) throws {
    let text = try YAMLMapping.text(bytes, path: path)
    let node: Node?
    do {
      node = try Yams.compose(yaml: text)
    } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
      throw Failure(
        .badData, "'\(keys.joined(separator: "', '"))' stands twice in a mapping", at: .file(path, row: context.mark.line),
        cure: "Keep one of them.")
    } catch let error as YamlError {
      throw Failure(.badData, "is no YAML: \(error)", at: .file(path), cure: "Look at the line named above; indent with spaces.")
    }
    guard let node else { throw Failure(.badData, "is empty", at: .file(path), cure: "See schemas/hpa.schema.json for what it holds.") }
    try self.init(node, name: "", path: path)
  }

  /// Bounds on what a reader can be made to do. Aliases multiply: those of an alias of an alias count as often as it stands there.
  private static let (longestText, mostAliases) = (256 << 10, 16)

  private static func text(_ bytes: [UInt8], path: String) throws -> String {
    guard bytes.count <= longestText else {
      throw Failure(.badData, "has \(bytes.count) bytes; at most \(longestText) are read", at: .file(path), cure: "Is this an hpa.yaml?")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Failure(.badData, "bytes that are not UTF-8", at: .file(path), cure: "Save the file as UTF-8.")
    }
    // An asterisk that begins a word is an alias, unless it stands in quotes or a comment; too many of those are refused, too.
    guard text.matches(of: /\*[^\s*]/).count <= mostAliases else {
      throw Failure(.badData, "has more than \(mostAliases) aliases ('*name')", at: .file(path), cure: "Write the values out.")
    }
    return text
  }

  private init(_ node: Node, name: String, path: String) throws {
    self.path = path
    self.name = name
    line = node.mark?.line ?? 1
    guard let mapping = node.mapping else {
      throw Failure(
        .badData, "\(name.isEmpty ? "the file" : "'\(name)'") is no mapping of keys to values", at: .file(path, row: line),
        cure: "Write 'key: value' lines.")
    }
    entries = mapping.map { key, value in (key.string ?? "", key.mark?.line ?? 1, value) }
    var seen: Set<String> = []
    for entry in entries where !seen.insert(entry.key).inserted {
      throw Failure(.badData, "'\(full(entry.key))' stands twice", at: .file(path, row: entry.line), cure: "Keep one of them.")
    }
  }

  private func full(_ key: String) -> String { name.isEmpty ? key : "\(name).\(key)" }

  private mutating func node(_ key: String) -> Node? {
    known.append(key)
    return entries.first { $0.key == key }?.node
  }

  private func wrong(_ key: String, _ node: Node, _ wanted: String) -> Failure {
    let text = node.string.map { "'\($0)'" } ?? "a list or mapping"
    return Failure(.badData, "'\(full(key))' is \(text), not \(wanted)", at: .file(path, row: node.mark?.line))
  }

  private func missing(_ key: String) -> Failure {
    Failure(.badData, "'\(full(key))' is missing", at: .file(path, row: line), cure: "Add '\(key): ...' under '\(name)'.")
  }

  // MARK: Values

  mutating func string(_ key: String) throws -> String? {
    guard let node = node(key) else { return nil }
    guard let text = node.string, !text.isEmpty else { throw wrong(key, node, "a text") }
    return text
  }

  mutating func required(_ key: String) throws -> String {
    guard let text = try string(key) else { throw missing(key) }
    return text
  }

  /// One of the named cases of `Choice`.
  mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(_ key: String) throws -> Choice? {
    guard let node = node(key) else { return nil }
    guard let found = node.string.flatMap(Choice.init) else {
      throw wrong(key, node, "one of " + Choice.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return found
  }

  mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(_ key: String, default fallback: Choice) throws -> Choice {
    try choice(key) ?? fallback
  }

  /// One of `names`, the first where the key is absent.
  mutating func choice(_ key: String, among names: [String]) throws -> String {
    guard let node = node(key) else { return names[0] }
    guard let name = node.string, names.contains(name) else { throw wrong(key, node, "one of " + names.joined(separator: ", ")) }
    return name
  }

  mutating func integer(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
    guard let node = node(key) else { return nil }
    guard let value = node.wholeNumber, range.contains(value) else {
      throw wrong(key, node, "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  mutating func number(_ key: String, in range: ClosedRange<Double>) throws -> Double? {
    guard let node = node(key) else { return nil }
    guard let value = node.float, range.contains(value) else {
      throw wrong(key, node, "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  mutating func boolean(_ key: String) throws -> Bool? {
    guard let node = node(key) else { return nil }
    guard let value = node.bool else { throw wrong(key, node, "true or false") }
    return value
  }

  mutating func integers(_ key: String, in range: ClosedRange<Int>) throws -> [Int]? {
    guard let node = node(key) else { return nil }
    let values = node.sequence?.compactMap(\.wholeNumber)
    guard let values, values.count == node.sequence?.count, values.allSatisfy(range.contains) else {
      throw wrong(key, node, "a list of whole numbers from \(range.lowerBound) to \(range.upperBound)")
    }
    return values
  }

  mutating func strings(_ key: String) throws -> [String]? {
    guard let node = node(key) else { return nil }
    guard let values = node.sequence?.compactMap(\.string), values.count == node.sequence?.count else {
      throw wrong(key, node, "a list of texts")
    }
    return values
  }

  mutating func mapping(_ key: String) throws -> YAMLMapping? {
    try node(key).map { try YAMLMapping($0, name: full(key), path: path) }
  }

  mutating func requiredMapping(_ key: String) throws -> YAMLMapping {
    guard let mapping = try mapping(key) else { throw missing(key) }
    return mapping
  }

  /// The keys of this mapping, in the order of the file, for mappings whose keys are names.
  var names: [String] { entries.map(\.key) }

  /// - Throws: `badData` with the line of the first key that nothing has asked for.
  func rejectUnknownKeys() throws {
    guard let entry = entries.first(where: { !known.contains($0.key) }) else { return }
    throw Failure(
      .badData, "'\(full(entry.key))' is no known key", at: .file(path, row: entry.line),
      cure: "The keys here are: \(known.sorted().joined(separator: ", ")).")
  }

  /// A failure that points at this mapping, or at one of its keys.
  func failure(_ message: String, at key: String? = nil, cure: String) -> Failure {
    Failure(.badData, message, at: .file(path, row: entries.first { $0.key == key }?.line ?? line), cure: cure)
  }
}

extension Node {
  /// As `int`, but for `8:32`: Yams takes it to base 60, and traps where that overflows.
  fileprivate var wholeNumber: Int? { scalar?.string.contains(":") == false ? int : nil }
}
