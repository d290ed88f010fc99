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
  /// Before the name of a view, the key of its header's second copy in the main database: one damaged page never takes both.
  static let headerCopy = "header:"
  private static let meta = Array("meta".utf8)

  public let path: String
  public let mode: Mode
  /// What a reader should know: that the store lies on a network file system.
  public let warning: String?
  let environment: Environment

  /// Opens a store; with `.readWrite`, makes it where there is none.
  ///
  /// - Parameter allowsNetwork: write to a network file system, too: the caller knows that no other computer does so.
  /// - Throws: `missingInput` where there is none to read; `badData` for a folder that holds something else, a damaged file or a newer format;
  ///   `cannotCreate`; `unavailable` for writing to a network file system.
  public convenience init(_ path: String, mode: Mode = .readOnly, allowsNetwork: Bool = false) throws {
    try self.init(
      path, mode: mode, mapSize: Environment.firstMapSize, network: NetworkFileSystem.name(of: path), allowsNetwork: allowsNetwork)
  }

  /// - Parameter network: the network file system on which the folder lies.
  init(_ path: String, mode: Mode, mapSize: Int, network: String? = nil, allowsNetwork: Bool = false) throws {
    if let network, mode == .readWrite, !allowsNetwork {
      throw Failure(
        .unavailable, "the store lies on \(network), a network file system, where computers that write at the same time ruin it",
        at: .file(path),
        cure: "Write it on a local disk and copy it there, or, where no other computer uses it, add --allow-network.")
    }
    self.path = path
    self.mode = mode
    warning = network.map { "\(path) lies on \($0), a network file system: read it only while no other computer writes to it." }
    environment = try Environment.open(path, isReadOnly: mode == .readOnly, mapSize: mapSize)
    try checkFormat()
  }

  deinit { environment.release() }

  private struct Meta: Codable { let format: Int }

  private func checkFormat() throws {
    let (meta, isEmpty) = try environment.read { snapshot in
      (try snapshot.main.get(FeatureStore.meta).map { Data($0) }, snapshot.main.count == 0)
    }
    guard let meta else {
      guard isEmpty else {
        throw Failure(
          .badData, "is an LMDB folder, but no feature store", at: .file(path), cure: "Give the folder that hpa-feat extract wrote.")
      }
      guard mode == .readWrite else { return }
      let main = try environment.database(nil)
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
  /// The headers of all views, by name.
  public func views() throws -> [ViewHeader] { try environment.read { try self.views($0) } }

  private func views(_ snapshot: borrowing Snapshot) throws -> [ViewHeader] {
    var found: [ViewHeader] = []
    try snapshot.tree(FeatureStore.headers)?.forEach { name, json in
      found.append(try ViewHeader(json: json, name: String(decoding: name, as: UTF8.self), path: path))
    }
    return found
  }

  /// - Throws: `missingInput` that lists the views there are.
  public func header(of name: String) throws -> ViewHeader { try read(name) { header, _ in header } }

  /// How many vectors a view has now.
  ///
  /// - Throws: as `header(of:)`.
  public func count(of name: String) throws -> Int { try read(name) { _, tree in tree.count } }

  /// Removes a view. Its pages serve later writes; `compact` gives them back to the disk.
  ///
  /// - Throws: `missingInput` where there is no such view.
  public func drop(_ name: String) throws {
    try checkWritable()
    _ = try header(of: name)
    let headers = try headersDatabase()
    try environment.drop(FeatureStore.databaseName(name)) {
      try $0.delete(headers, Array(name.utf8))
      try $0.delete(Transaction.mainDatabase, Array((FeatureStore.headerCopy + name).utf8))
    }
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

  /// Runs `body` on the header of a view and the tree of its records, of one moment.
  ///
  /// - Throws: `missingInput` that lists the views there are; `badData` for a damaged file.
  func read<Result>(_ name: String, _ body: (ViewHeader, Tree) throws -> Result) throws -> Result {
    try environment.read { snapshot in
      guard let json = try snapshot.tree(FeatureStore.headers)?.get(Array(name.utf8)) else {
        let names = try self.views(snapshot).map(\.name)
        throw Failure(
          .missingInput, "there is no view '\(name)'", at: .file(path),
          cure: names.isEmpty ? "The store is empty; hpa-feat extract fills it." : "Its views are: \(names.joined(separator: ", ")).")
      }
      let header = try ViewHeader(json: json, name: name, path: path)
      guard let tree = try snapshot.tree(FeatureStore.databaseName(name)) else {
        throw Failure(
          .badData, "view '\(name)' has a header and no vectors", at: .file(path),
          cure: "Remove it: hpa-feat store drop --store \(path) --view \(name).")
      }
      return try body(header, tree)
    }
  }

  func headersDatabase() throws -> MDB_dbi { try environment.database(FeatureStore.headers) }

  /// Where the vectors of a view are written; made where it is missing.
  func vectorsDatabase(_ view: String) throws -> MDB_dbi { try environment.database(FeatureStore.databaseName(view)) }

  func storedHeader(_ name: String, in headers: MDB_dbi, _ transaction: borrowing Transaction) throws -> ViewHeader? {
    try transaction.get(headers, Array(name.utf8)).map { try ViewHeader(json: $0, name: name, path: path) }
  }

  /// Stores the header with the time of this change.
  func put(_ header: ViewHeader, in headers: MDB_dbi, _ transaction: borrowing Transaction) throws -> ViewHeader {
    var header = header
    header.updated = FeatureStore.now()
    header.format = ViewHeader.currentFormat
    let json = Array(try header.json().utf8)
    try transaction.put(headers, Array(header.name.utf8), json)
    try transaction.put(Transaction.mainDatabase, Array((FeatureStore.headerCopy + header.name).utf8), json)
    return header
  }

  /// Whole seconds, as the header keeps them.
  static func now() -> Date { Date(timeIntervalSince1970: Date.now.timeIntervalSince1970.rounded(.down)) }
}
