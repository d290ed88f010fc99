import Foundation
import HPACore
import Synchronization

/// `import_journal.jsonl`: one line of JSON an image, added when the image's files are in place.
///
/// A line that a kill has torn is no line: its image is imported once more. Of two lines for one image the later counts.
final class ImportJournal: Sendable {
  private let path: String
  private let handle: FileHandle
  private let entries: Mutex<[ImageID: ImportEntry]>

  /// Opens the journal of a folder, or begins one.
  ///
  /// - Throws: `cannotCreate`, `inputOutput`.
  init(in folder: String) throws {
    path = Self.path(in: folder)
    self.entries = Mutex(try Self.entries(in: folder))
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o666)
    guard descriptor >= 0 else {
      throw Failure(.cannotCreate, "cannot be opened: \(String(cString: strerror(errno)))", at: .file(path))
    }
    handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    // Whatever stands at the end, a torn line or none, the next begins a line of its own.
    try write([Self.lineFeed])
  }

  static let name = "import_journal.jsonl"
  private static func path(in folder: String) -> String { "\(folder)/\(name)" }

  /// What the journal of a folder says; nothing where there is none.
  static func entries(in folder: String) throws -> [ImageID: ImportEntry] {
    let path = path(in: folder)
    let lines = FileManager.default.fileExists(atPath: path) ? try FileBytes.read(path).split(separator: lineFeed) : []
    let decoder = JSONDecoder()
    var entries: [ImageID: ImportEntry] = [:]
    for line in lines {
      guard let entry = try? decoder.decode(ImportEntry.self, from: Data(line)) else { continue }
      entries[entry.imageID] = entry
    }
    return entries
  }

  private static let lineFeed = UInt8(ascii: "\n")

  subscript(id: ImageID) -> ImportEntry? { entries.withLock { $0[id] } }

  func append(_ entry: ImportEntry) throws {
    let line = try Self.line(entry)
    try entries.withLock { entries in
      try write(line)
      entries[entry.imageID] = entry
    }
  }

  /// Leaves the lines of the images that `isKept`, in the order of ids, and returns their entries.
  func close(keeping isKept: (ImportEntry) -> Bool) throws -> [ImportEntry] {
    let kept = entries.withLock { $0.values.filter(isKept) }.sorted { $0.imageID < $1.imageID }
    try FileBytes.replace(path) { file in
      for entry in kept { try file.write(contentsOf: Self.line(entry)) }
    }
    return kept
  }

  private func write(_ bytes: [UInt8]) throws {
    do {
      try handle.write(contentsOf: bytes)
    } catch {
      throw Failure(.inputOutput, "cannot be written: \(error.localizedDescription)", at: .file(path), cure: "Is the disk full? See: df -h")
    }
  }

  private static func line(_ entry: ImportEntry) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(entry) + [lineFeed]
  }
}
