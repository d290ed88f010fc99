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
  private let checking = Mutex<Checking>(Checking())
  private var isClosed = false

  /// What is known about the data file.
  private struct Checking {
    var mapping: Mapping?
    /// The last transaction whose trees were found sound.
    var soundTransaction: UInt64?
    /// The whole file was found fit for LMDB to write to.
    var isWritable = false
  }

  /// Opens the folder, or hands out the environment through which this process has it open already.
  ///
  /// - Throws: `missingInput` where there is no store and `isReadOnly`; `badData` for a file that is no LMDB file or is damaged;
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
    } catch let damage as PageDamage {
      throw damage.failure(at: path)
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

  /// - Throws: LMDBError, PageDamage.
  init(_ path: String, folder: FileIdentity, flags: Int32, mapSize: Int = firstMapSize) throws {
    self.path = path
    self.folder = folder
    isReadOnly = flags & MDB_RDONLY != 0
    try Environment.checkFirstPages(path)
    handle = try Environment.handle(path, flags: flags | MDB_NOTLS, mapSize: mapSize)
    lock = .allocate(capacity: 1)
    pthread_rwlock_init(lock, nil)
  }

  /// Looks at what LMDB computes with as soon as it opens a file. A writer may be changing it, so it is read again until it stays the same.
  private static func checkFirstPages(_ path: String) throws {
    let descriptor = Foundation.open(path + "/data.mdb", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return }
      throw LMDBError(code: errno)
    }
    defer { Foundation.close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw LMDBError(code: errno) }
    // LMDB fills an empty file.
    guard status.st_size > 0 else { return }
    var (seen, repetitions) = (MetaPage.copies(descriptor: descriptor), 0)
    for attempt in 1... {
      do {
        _ = try MetaPage.both(descriptor: descriptor)
        return
      } catch let damage as PageDamage {
        guard attempt < 100, repetitions < 4 else { throw damage }
        usleep(100)
      }
      let found = MetaPage.copies(descriptor: descriptor)
      (seen, repetitions) = (found, found == seen ? repetitions + 1 : 0)
    }
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
  ///
  /// - Throws: `badData` where the trees of the snapshot are damaged.
  func read<Result>(_ body: (borrowing Snapshot) throws -> Result) throws -> Result {
    try retrying {
      let pin = try Transaction(handle, isReadOnly: true)
      let content = try content(of: UInt64(pin.number))
      try checking.withLock { checking in
        guard checking.soundTransaction != content.transaction else { return }
        try Census.check(content, depth: .branches)
        checking.soundTransaction = content.transaction
      }
      let snapshot = Snapshot(pin, content)
      return try body(snapshot)
    }
  }

  /// Runs `body` and commits, or leaves everything as it was where it throws.
  ///
  /// Waits for another writer, in this or another process. `body` runs again where the map was too small.
  func write<Result>(_ body: (borrowing Transaction) throws -> Result) throws -> Result {
    try retrying {
      let transaction = try writeTransaction()
      let result = try body(transaction)
      try transaction.commit()
      return result
    }
  }

  /// LMDB follows page numbers unseen, so it is let loose only on a file that was looked through since it was opened.
  private func writeTransaction() throws -> Transaction {
    let transaction = try Transaction(handle, isReadOnly: false)
    if !checking.withLock(\.isWritable) {
      try Census.check(try content(of: UInt64(transaction.number) - 1), depth: .leaves)
      checking.withLock { $0.isWritable = true }
    }
    return transaction
  }

  /// The trees that a committed transaction left, which something keeps from being overwritten.
  private func content(of transaction: UInt64) throws -> Snapshot.Content {
    let descriptor = try descriptor()
    var statistics = MDB_stat()
    try LMDBError.check(mdb_env_stat(handle, &statistics))
    let number = Int(transaction & 1)
    // The page of the transaction before last is rewritten while the next one commits.
    for attempt in 1... {
      let meta = try? MetaPage.read(number, at: number * Int(statistics.ms_psize), descriptor: descriptor)
      if let meta, meta.transaction > transaction { throw Overtaken(page: number, transaction: transaction) }
      if let meta, meta.transaction == transaction {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw LMDBError(code: errno) }
        let length = Int(status.st_size)
        return try Snapshot.Content(meta, try mapping(descriptor, fileLength: length), fileLength: length)
      }
      guard attempt < 100 else { break }
    }
    throw PageDamage(number, "does not belong to transaction \(transaction)")
  }

  private func mapping(_ descriptor: Int32, fileLength: Int) throws -> Mapping {
    try checking.withLock { checking in
      if let mapping = checking.mapping, mapping.bytes.count >= fileLength { return mapping }
      let mapping = try Mapping(descriptor: descriptor, fileLength: fileLength)
      checking.mapping = mapping
      return mapping
    }
  }

  /// The handle of a named database for writing (nil names the main one), which is made where it is missing.
  func database(_ name: String?) throws -> MDB_dbi {
    try databases.withLock { databases in
      if let known = databases[name ?? ""] { return known }
      let opened = try retrying {
        let transaction = try writeTransaction()
        let opened = try transaction.openDatabase(name)
        try transaction.commit()
        return opened
      }
      databases[name ?? ""] = opened
      return opened
    }
  }

  /// Removes a named database, and what `body` removes along with it.
  func drop(_ name: String, along body: (borrowing Transaction) throws -> Void) throws {
    let database = try database(name)
    try databases.withLock { databases in
      try retrying(alone: true) {
        let transaction = try writeTransaction()
        try transaction.drop(database)
        try body(transaction)
        try transaction.commit()
      }
      databases[name] = nil
    }
  }

  /// Between the beginning of a snapshot and the look at its first page, writers committed twice.
  private struct Overtaken: Error {
    let page: Int
    let transaction: UInt64
  }

  private func retrying<Result>(alone: Bool = false, _ body: () throws -> Result) throws -> Result {
    var overtakings = 0
    while true {
      let size = try mapSize()
      do {
        return try locked(alone: alone, body)
      } catch let overtaken as Overtaken {
        overtakings += 1
        // Nobody commits so fast; the page is damaged.
        guard overtakings < 1000 else {
          throw PageDamage(overtaken.page, "does not belong to transaction \(overtaken.transaction)").failure(at: path)
        }
      } catch let error as LMDBError where error.code == MDB_MAP_FULL {
        try resize(from: size, to: 2 * size)
      } catch let error as LMDBError where error.code == MDB_MAP_RESIZED {
        try resize(from: size, to: 0)
        // A damaged size would be too small for ever.
        guard try mapSize() != size else { throw PageDamage(0, "has an impossible size").failure(at: path) }
      } catch let error as LMDBError {
        throw error.failure(at: path)
      } catch let damage as PageDamage {
        throw damage.failure(at: path)
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
        try Environment.checkAddressSpace(size)
        try LMDBError.check(mdb_env_set_mapsize(handle, size))
      } catch let error as LMDBError {
        throw error.failure(at: path)
      }
    }
  }
}

extension Environment {
  /// LMDB gives its map up before it asks for a larger one, and is lost where it gets none. So it is asked for here first.
  ///
  /// - Throws: LMDBError with ENOMEM.
  private static func checkAddressSpace(_ size: Int) throws {
    guard size > 0 else { return }
    guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), start != MAP_FAILED else {
      throw LMDBError(code: errno)
    }
    munmap(start, size)
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

  /// Writes a copy without free pages into an empty folder.
  func copyCompacted(to folder: String) throws {
    try read { try Census.check($0.content, depth: .leaves) }
    try LMDBError.check(mdb_env_copy2(handle, folder, UInt32(MDB_CP_COMPACT)))
  }
}
