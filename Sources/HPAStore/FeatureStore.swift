import CLMDB
import Foundation
import HPACore

/// The features of images, by view, in one LMDB folder (schemas/store.md).
///
/// Many readers, in any number of programs, work beside one writer; a second writer waits for the first one's transaction.
public final class FeatureStore: Sendable {
  public enum Mode: Sendable { case readOnly, readWrite }

  public static let currentFormat = 1
  static let headers = "views"
  private static let meta = Array("meta".utf8)

  public let path: String
  public let mode: Mode
  let environment: Environment

  /// Opens a store; with `.readWrite`, makes it where there is none.
  ///
  /// - Throws: `missingInput` where there is none to read; `badData` for a folder that holds something else, a damaged file or a newer format;
  ///   `cannotCreate`.
  public convenience init(_ path: String, mode: Mode = .readOnly) throws {
    try self.init(path, mode: mode, mapSize: Environment.firstMapSize)
  }

  init(_ path: String, mode: Mode, mapSize: Int) throws {
    self.path = path
    self.mode = mode
    environment = try Environment.open(path, isReadOnly: mode == .readOnly, mapSize: mapSize)
    try checkFormat()
  }

  deinit { environment.release() }

  private struct Meta: Codable { let format: Int }

  private func checkFormat() throws {
    guard let main = try environment.database("") else { return }
    let (meta, isEmpty) = try environment.read { transaction in
      (try transaction.get(main, FeatureStore.meta).map { Data($0) }, try transaction.count(main) == 0)
    }
    guard let meta else {
      guard isEmpty else {
        throw Failure(
          .badData, "is an LMDB folder, but no feature store", at: .file(path), cure: "Give the folder that hpa-feat extract wrote.")
      }
      guard mode == .readWrite else { return }
      return try environment.write { try $0.put(main, FeatureStore.meta, Array("{\"format\":\(FeatureStore.currentFormat)}".utf8)) }
    }
    guard let format = try? JSONDecoder().decode(Meta.self, from: meta).format else {
      throw Failure(.badData, "the record 'meta' is damaged", at: .file(path), cure: "Restore the store from a copy.")
    }
    guard format <= FeatureStore.currentFormat else {
      throw Failure(
        .badData, "the store has format \(format); this program reads up to \(FeatureStore.currentFormat)", at: .file(path),
        cure: "Use a newer hpa-feat.")
    }
  }

  func checkWritable() throws {
    guard mode == .readWrite else {
      throw Failure(.cannotCreate, "the store was opened for reading only", at: .file(path), cure: "Open it for writing.")
    }
  }
}

// MARK: Views

extension FeatureStore {
  /// A view's header, and the database with its vectors.
  struct View {
    let header: ViewHeader
    let database: MDB_dbi
  }

  /// The headers of all views, by name.
  public func views() throws -> [ViewHeader] {
    guard let headers = try environment.database(FeatureStore.headers) else { return [] }
    return try environment.read { transaction in
      var found: [ViewHeader] = []
      try transaction.forEach(headers) { name, json in
        found.append(try ViewHeader(json: json, name: String(decoding: name, as: UTF8.self), path: path))
      }
      return found
    }
  }

  /// - Throws: `missingInput` that lists the views there are.
  public func header(of name: String) throws -> ViewHeader { try view(name).header }

  /// Removes a view. Its pages serve later writes; `compact` gives them back to the disk.
  ///
  /// - Throws: `missingInput` where there is no such view.
  public func drop(_ name: String) throws {
    try checkWritable()
    let headers = try headersDatabase()
    _ = try header(of: name)
    try environment.drop(FeatureStore.databaseName(name)) { try $0.delete(headers, Array(name.utf8)) }
  }

  /// Gives the pages of dropped views back to the disk; returns the bytes of the data file before and after.
  ///
  /// - Throws: `unavailable` where this or another program has the store open.
  public static func compact(_ path: String) throws -> (before: Int, after: Int) {
    _ = try FeatureStore(path).views()
    let before = try size(path)
    try Environment.compact(path)
    return (before, try size(path))
  }

  private static func size(_ path: String) throws -> Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path + "/data.mdb")
    guard let size = attributes?[.size] as? Int else { throw Failure(.inputOutput, "data.mdb cannot be read", at: .file(path)) }
    return size
  }

  static func databaseName(_ view: String) -> String { "view:" + view }

  func view(_ name: String) throws -> View {
    guard let header = try storedHeader(name), let database = try environment.database(FeatureStore.databaseName(name)) else {
      let names = try views().map(\.name)
      throw Failure(
        .missingInput, "there is no view '\(name)'", at: .file(path),
        cure: names.isEmpty ? "The store is empty; hpa-feat extract fills it." : "Its views are: \(names.joined(separator: ", ")).")
    }
    return View(header: header, database: database)
  }

  func headersDatabase() throws -> MDB_dbi { try requiredDatabase(FeatureStore.headers) }

  /// Makes the database where it is missing.
  func requiredDatabase(_ name: String) throws -> MDB_dbi {
    guard let database = try environment.database(name, creating: true) else {
      throw Failure(.software, "LMDB made no database '\(name)'", at: .file(path))
    }
    return database
  }

  private func storedHeader(_ name: String) throws -> ViewHeader? {
    guard let headers = try environment.database(FeatureStore.headers) else { return nil }
    return try environment.read { try self.storedHeader(name, in: headers, $0) }
  }

  func storedHeader(_ name: String, in headers: MDB_dbi, _ transaction: borrowing Transaction) throws -> ViewHeader? {
    try transaction.get(headers, Array(name.utf8)).map { try ViewHeader(json: $0, name: name, path: path) }
  }

  /// Stores the header with the time of this change.
  func put(_ header: ViewHeader, in headers: MDB_dbi, _ transaction: borrowing Transaction) throws -> ViewHeader {
    var header = header
    header.updated = FeatureStore.now()
    try transaction.put(headers, Array(header.name.utf8), Array(try header.json().utf8))
    return header
  }

  /// Whole seconds, as the header keeps them.
  static func now() -> Date { Date(timeIntervalSince1970: Date.now.timeIntervalSince1970.rounded(.down)) }
}
