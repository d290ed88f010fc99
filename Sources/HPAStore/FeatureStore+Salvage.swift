import Foundation
public import HPACore

/// What `salvage` found and saved.
public struct SalvageReport: Codable, Sendable, Equatable {
  public struct View: Codable, Sendable, Equatable {
    public let name: String
    public let saved: Int
    /// How many the view had when it was complete; nil where its header is lost.
    public let expected: Int?
    public let state: ViewHeader.State
  }

  public let views: [View]
  /// What is wrong with the file, page by page.
  public let damage: [String]
}

extension FeatureStore {
  /// Writes everything of a damaged store that is whole into a new one: headers, and every record whose checksum is right. What is missing then is
  /// work for the command that made the view.
  ///
  /// - Throws: `usage` where there is a store at `out`; `badData` where the file begins as no LMDB file does; `unavailable` where a program has it open.
  public static func salvage(_ path: String, to out: String, progress: ProgressLine? = nil) throws -> SalvageReport {
    guard !FileManager.default.fileExists(atPath: out) else {
      throw Failure(.usage, "is there already", at: .file(out), cure: "Name a new folder with --out.")
    }
    return try Environment.aloneIfLocked(path) {
      let wreck = try Environment.wreck(path)
      let store = try FeatureStore(out, mode: .readWrite)
      let views = try wreck.views.compactMap { view in try store.take(view, of: wreck, path: path, progress: progress) }
      progress?.finish()
      return SalvageReport(views: views, damage: wreck.damage.map { "page \($0.page) \($0.reason)" })
    }
  }

  private func take(_ view: Wreck.View, of wreck: Wreck, path: String, progress: ProgressLine?) throws -> SalvageReport.View? {
    guard let header = try view.header ?? inventedHeader(view, of: wreck, path: path) else { return nil }
    let (headers, vectors) = try begin(copying: header, of: path)
    var (saved, batch) = (0, RecordBatch())
    func flush() throws {
      try Interruption.check()
      saved += try insert(batch, vectors, view: view.name, of: path)
      progress?.advance(by: batch.count)
      batch.removeAll()
    }
    try wreck.forEachRecord(of: view) { key, record in
      batch.append(key, record)
      if batch.count == FeatureStore.batch { try flush() }
    }
    try flush()
    let state = try environment.write { try self.settleState(of: view.name, vectors, headers, $0).state }
    return SalvageReport.View(name: view.name, saved: saved, expected: view.header?.count, state: state)
  }

  /// For vectors whose header is lost: nothing is known about them but where they were.
  private func inventedHeader(_ view: Wreck.View, of wreck: Wreck, path: String) throws -> ViewHeader? {
    var (ids, dimension): ([ImageID], Int) = ([], 0)
    wreck.forEachRecord(of: view) { key, record in
      ids.append(ImageID(String(decoding: key, as: UTF8.self)))
      dimension = FeatureRecord.dimension(bytes: record.count)
    }
    guard !ids.isEmpty, ViewHeader.isValid(name: view.name) else { return nil }
    var lineage = Lineage(declaredOrigin: "salvaged; its header was lost", source: "data.mdb", programVersion: "unknown")
    lineage.sourceSHA256 = try ContentHash.file(path + "/data.mdb")
    let header = ViewHeader(
      name: view.name, dataset: view.name.split(separator: "@").first.map(String.init) ?? view.name, dimension: dimension, origin: .import,
      lineage: lineage, command: "hpa-feat store salvage")
    return try prepared(header, expectedIDs: ids)
  }
}

extension Environment {
  /// What the newer of the two first pages leads to; where that is damaged, whichever leads to more vectors whose header is known. A view that was
  /// dropped last may come back then.
  static func wreck(_ path: String) throws -> Wreck {
    let handle = try FileBytes.open(path + "/data.mdb")
    defer { try? handle.close() }
    do {
      let length = Int(try handle.seekToEnd())
      let mapping = try Mapping(descriptor: handle.fileDescriptor, fileLength: length)
      let metas = MetaPage.offsets.compactMap { offset in
        try? MetaPage.read(offset == 0 ? 0 : 1, at: offset, descriptor: handle.fileDescriptor)
      }
      let contents = metas.sorted { $0.transaction > $1.transaction }.compactMap { try? Snapshot.Content($0, mapping, fileLength: length) }
      guard let newest = contents.first.map({ Wreck($0, path: path) }) else { throw PageDamage(0, "and page 1 lead to no trees") }
      guard !newest.damage.isEmpty, contents.count > 1 else { return newest }
      let older = Wreck(contents[1], path: path)
      return older.count > newest.count ? older : newest
    } catch let damage as PageDamage {
      throw damage.failure(at: path)
    } catch let error as LMDBError {
      throw error.failure(at: path)
    }
  }
}
