import CLMDB
import Foundation
import HPACore
import Synchronization

/// An LMDB environment: one folder with its memory map, which grows by itself.
///
/// LMDB forbids opening a folder twice in one process, so `open` hands out the environment that is there, and `release` gives it back. Databases are opened before the
/// transaction that uses them, never inside one, and a transaction's body begins no other transaction on the same environment.
final class Environment: @unchecked Sendable {
  static let firstMapSize = 1 << 30

  let path: String
  private let folder: FileIdentity
  let isReadOnly: Bool
  private let handle: OpaquePointer
  /// Held shared by every transaction and alone while the map is resized or a database is dropped.
  private let lock: UnsafeMutablePointer<pthread_rwlock_t>
  private let databases = Mutex<[String: MDB_dbi]>([:])
  private var isClosed = false

  /// Opens the folder, or hands out the environment through which this process has it open already.
  ///
  /// - Throws: `missingInput` where there is no store and `isReadOnly`; `badData` for a file that is no LMDB file or is truncated;
  ///   `unavailable` where it is open for reading only and shall be written to.
  static func open(_ path: String, isReadOnly: Bool, mapSize: Int = firstMapSize) throws -> Environment {
    if isReadOnly { try checkData(path) } else { try FileBytes.makeFolder(path) }
    guard let folder = FileIdentity(path) else { throw Failure(.missingInput, "no such folder", at: .file(path)) }
    return try OpenEnvironments.acquire(folder) { present in
      guard let present else { return try openNew(path, folder: folder, isReadOnly: isReadOnly, mapSize: mapSize) }
      guard isReadOnly || !present.isReadOnly else {
        throw Failure(
          .unavailable, "this program has the store open for reading only", at: .file(path),
          cure: "End the readers first, or open it for writing first.")
      }
      return present
    }
  }

  private static func checkData(_ path: String) throws {
    var status = stat()
    guard stat(path + "/data.mdb", &status) == 0 else {
      throw Failure(
        .missingInput, "there is no feature store here", at: .file(path), cure: "Check the path; hpa-feat extract makes a store.")
    }
    guard status.st_size > 0 else {
      throw Failure(.badData, "data.mdb is empty", at: .file(path), cure: "Copy the store again, or drop the folder.")
    }
  }

  /// Gives back what `open` handed out; the last one to do so closes the folder.
  func release() { OpenEnvironments.release(folder) }

  /// A store that is compacted just now changes its files between two steps of LMDB's opening; then it is opened again.
  private static func openNew(_ path: String, folder: FileIdentity, isReadOnly: Bool, mapSize: Int) throws -> Environment {
    do {
      while true {
        let lockFile = FileIdentity(path + "/lock.mdb")
        let environment = try openOnce(path, folder: folder, isReadOnly: isReadOnly, mapSize: mapSize)
        let isSameLock = lockFile == nil || lockFile == FileIdentity(path + "/lock.mdb")
        if isSameLock, try environment.dataFile() == FileIdentity(path + "/data.mdb") { return environment }
      }
    } catch let error as LMDBError {
      throw error.failure(at: path)
    }
  }

  private static func openOnce(_ path: String, folder: FileIdentity, isReadOnly: Bool, mapSize: Int) throws -> Environment {
    do {
      return try Environment(path, folder: folder, flags: isReadOnly ? MDB_RDONLY : 0, mapSize: mapSize)
    } catch let error as LMDBError where isReadOnly && error.code == EACCES {
      // A reader that may not write the lock file reads without it.
      return try Environment(path, folder: folder, flags: MDB_RDONLY | MDB_NOLOCK, mapSize: mapSize)
    }
  }

  /// - Throws: LMDBError, or `badData` where the file is truncated.
  init(_ path: String, folder: FileIdentity, flags: Int32, mapSize: Int = firstMapSize) throws {
    self.path = path
    self.folder = folder
    isReadOnly = flags & MDB_RDONLY != 0
    handle = try Environment.handle(path, flags: flags | MDB_NOTLS, mapSize: mapSize)
    lock = .allocate(capacity: 1)
    pthread_rwlock_init(lock, nil)
    try checkLength()
  }

  /// Only for OpenEnvironments, which calls it when the last user is gone and before anyone can open the folder again.
  func close() {
    mdb_env_close(handle)
    isClosed = true
  }

  deinit {
    if !isClosed { mdb_env_close(handle) }
    pthread_rwlock_destroy(lock)
    lock.deallocate()
  }

  private static func handle(_ path: String, flags: Int32, mapSize: Int) throws -> OpaquePointer {
    var created: OpaquePointer?
    try LMDBError.check(mdb_env_create(&created))
    guard let handle = created else { throw LMDBError(code: MDB_PANIC) }
    do {
      try LMDBError.check(mdb_env_set_mapsize(handle, mapSize))
      try LMDBError.check(mdb_env_set_maxreaders(handle, 512))
      try LMDBError.check(mdb_env_set_maxdbs(handle, 1024))
      try LMDBError.check(mdb_env_open(handle, path, UInt32(flags), 0o664))
      // Readers that were killed keep their slot, and with it old pages, until someone looks.
      if flags & (MDB_RDONLY | MDB_NOLOCK) == 0 { mdb_reader_check(handle, nil) }
      return handle
    } catch {
      mdb_env_close(handle)
      throw error
    }
  }
}

// MARK: Transactions

extension Environment {
  /// Runs `body` on a snapshot; writers do not disturb it.
  func read<Result>(_ body: (borrowing Transaction) throws -> Result) throws -> Result {
    try retrying {
      let transaction = try Transaction(handle, isReadOnly: true)
      return try body(transaction)
    }
  }

  /// Runs `body` and commits, or leaves everything as it was where it throws.
  ///
  /// Waits for another writer, in this or another process. `body` runs again where the map was too small.
  func write<Result>(_ body: (borrowing Transaction) throws -> Result) throws -> Result {
    try retrying {
      let transaction = try Transaction(handle, isReadOnly: false)
      let result = try body(transaction)
      try transaction.commit()
      try fillLength()
      return result
    }
  }

  /// The handle of a named database, or nil where there is none.
  func database(_ name: String, creating: Bool = false) throws -> MDB_dbi? {
    try databases.withLock { databases in
      if let known = databases[name] { return known }
      let opened = try retrying {
        let transaction = try Transaction(handle, isReadOnly: !creating)
        let opened = try transaction.openDatabase(name.isEmpty ? nil : name, creating: creating)
        try transaction.commit()
        return opened
      }
      databases[name] = opened
      return opened
    }
  }

  /// Removes a named database, and what `body` removes along with it.
  func drop(_ name: String, along body: (borrowing Transaction) throws -> Void) throws {
    let database = try database(name)
    try databases.withLock { databases in
      try retrying(alone: true) {
        let transaction = try Transaction(handle, isReadOnly: false)
        if let database { try transaction.drop(database) }
        try body(transaction)
        try transaction.commit()
      }
      databases[name] = nil
    }
  }

  private func retrying<Result>(alone: Bool = false, _ body: () throws -> Result) throws -> Result {
    while true {
      let size = try mapSize()
      do {
        return try locked(alone: alone, body)
      } catch let error as LMDBError where error.code == MDB_MAP_FULL {
        try resize(from: size, to: 2 * size)
      } catch let error as LMDBError where error.code == MDB_MAP_RESIZED {
        try resize(from: size, to: 0)
      } catch let error as LMDBError {
        throw error.failure(at: path)
      }
    }
  }

  private func locked<Result>(alone: Bool, _ body: () throws -> Result) rethrows -> Result {
    _ = alone ? pthread_rwlock_wrlock(lock) : pthread_rwlock_rdlock(lock)
    defer { pthread_rwlock_unlock(lock) }
    return try body()
  }

  private func information() throws -> MDB_envinfo {
    var information = MDB_envinfo()
    try LMDBError.check(mdb_env_info(handle, &information))
    return information
  }

  private func mapSize() throws -> Int { try Int(information().me_mapsize) }

  /// Makes the map larger, unless another thread has done so since it had the size `old`. Zero takes the size that another process chose.
  private func resize(from old: Int, to size: Int) throws {
    try locked(alone: true) {
      guard try mapSize() == old else { return }
      do {
        try LMDBError.check(mdb_env_set_mapsize(handle, size))
      } catch let error as LMDBError {
        throw error.failure(at: path)
      }
    }
  }
}

// MARK: The data file

extension Environment {
  private func descriptor() throws -> Int32 {
    var descriptor: Int32 = -1
    try LMDBError.check(mdb_env_get_fd(handle, &descriptor))
    return descriptor
  }

  private func dataFile() throws -> FileIdentity? { FileIdentity(descriptor: try descriptor()) }

  private func lengths() throws -> (actual: Int, expected: Int) {
    var (status, statistics) = (stat(), MDB_stat())
    guard fstat(try descriptor(), &status) == 0 else { throw LMDBError(code: errno) }
    try LMDBError.check(mdb_env_stat(handle, &statistics))
    return (Int(status.st_size), (Int(try information().me_last_pgno) + 1) * Int(statistics.ms_psize))
  }

  /// Reading a page of the map that the file does not reach would end the program.
  private func checkLength() throws {
    let lengths = try lengths()
    guard lengths.actual >= lengths.expected else {
      throw Failure(
        .badData, "data.mdb has \(lengths.actual) bytes where its header says \(lengths.expected)", at: .file(path),
        cure: "Copy the store again; it is truncated.")
    }
  }

  /// LMDB leaves out unused pages at the end of a commit; with them the length tells a whole file from a truncated one.
  private func fillLength() throws {
    let lengths = try lengths()
    guard lengths.actual < lengths.expected else { return }
    guard ftruncate(try descriptor(), off_t(lengths.expected)) == 0 else { throw LMDBError(code: errno) }
  }

  /// Writes a copy without free pages into an empty folder.
  func copyCompacted(to folder: String) throws { try LMDBError.check(mdb_env_copy2(handle, folder, UInt32(MDB_CP_COMPACT))) }
}
