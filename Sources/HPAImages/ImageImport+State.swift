import Foundation
import HPACore

extension ImageImport {
  /// How far the folder of an import is, without touching it.
  public struct State: Sendable, Equatable {
    public let wanted: Int
    /// Wanted images that are not there, or not from the files as they are now.
    public let missing: Int
    public let changed: Int
    /// SHA-256 over the ids, sizes and pixels of the wanted images and the way in which they were made; nil where any is missing.
    public let contentsSHA256: String?
  }

  /// Whether the images that are there were made in the way that is asked for; true where none is.
  public func agreesWithRecord() throws -> Bool {
    guard FileManager.default.fileExists(atPath: record) else { return true }
    return try ImportRecord.isRecord(ImportRecord(self), of: out)
  }

  /// - Throws: `missingInput` where the folder of images is not there.
  public func state() throws -> State {
    let wanted = try ids ?? StainFolder(images, layout: layout).ids()
    let entries = try ImportJournal.entries(in: out)
    let present = try filesPresent()
    let (missing, changed) = wanted.reduce(into: (0, 0)) { counts, id in
      guard !isDone(id, entries[id], present: present) else { return }
      if let entry = entries[id], entry.rejection == nil, !entry.isCurrent(in: images) { counts.1 += 1 } else { counts.0 += 1 }
    }
    let way = ImportRecord(self)
    guard missing + changed == 0, try ImportRecord.isRecord(way, of: out) else {
      return State(wanted: wanted.count, missing: missing, changed: changed, contentsSHA256: nil)
    }
    let lines = wanted.sorted().map { id in "\(id)\t\(entries[id]?.pixels ?? "")\n" }
    let text = way.rows.map { "\($0.name): \($0.value)\n" }.joined() + lines.joined()
    return State(wanted: wanted.count, missing: 0, changed: 0, contentsSHA256: ContentDigest.sha256(Array(text.utf8)))
  }
}
