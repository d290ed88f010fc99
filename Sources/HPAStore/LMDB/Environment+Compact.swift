import CLMDB
import Foundation
import HPACore

extension Environment {
  /// Rewrites the data file without its free pages, and puts it in the place of the old one.
  ///
  /// - Throws: `unavailable` where any program has the store open: a writer would go on writing to the old file.
  static func compact(_ path: String) throws {
    guard let folder = FileIdentity(path), FileIdentity(path + "/data.mdb") != nil else {
      throw Failure(.missingInput, "there is no feature store here", at: .file(path), cure: "Check the path.")
    }
    try OpenEnvironments.exclusively(folder) { isOpen in
      guard !isOpen else {
        throw Failure(.unavailable, "this program has the store open", at: .file(path), cure: "Close it, then compact.")
      }
      try withLockFile(path) {
        try replaceDataFile(path, folder: folder)
        // Its reader table belongs to the old file.
        unlink(path + "/lock.mdb")
      }
    }
  }

  /// Runs `body` while no program has the store open; where no lock file can be made (a read-only medium), nobody writes to it either.
  ///
  /// - Throws: `unavailable` where a program has the store open.
  static func aloneIfLocked<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
    guard let folder = FileIdentity(path), FileIdentity(path + "/data.mdb") != nil else {
      throw Failure(.missingInput, "there is no feature store here", at: .file(path), cure: "Check the path.")
    }
    try OpenEnvironments.exclusively(folder) { isOpen in
      guard !isOpen else { throw Failure(.unavailable, "this program has the store open", at: .file(path), cure: "Close it first.") }
    }
    guard access(path, W_OK) == 0 else { return try body() }
    return try withLockFile(path, body)
  }

  /// Holds the lock that LMDB itself takes on the first byte of lock.mdb: shared by whoever has the environment open, alone to set it up.
  private static func withLockFile<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
    let descriptor = Foundation.open(path + "/lock.mdb", O_RDWR | O_CREAT | O_CLOEXEC, 0o664)
    guard descriptor >= 0 else { throw LMDBError(code: errno).failure(at: path) }
    defer { Foundation.close(descriptor) }
    var range = flock(l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 1, l_pid: 0)
    guard fcntl(descriptor, F_SETLK, &range) == 0 else {
      _ = fcntl(descriptor, F_GETLK, &range)
      throw Failure(.unavailable, "process \(range.l_pid) has the store open", at: .file(path), cure: "Wait until it ends.")
    }
    return try body()
  }

  private static func replaceDataFile(_ path: String, folder: FileIdentity) throws {
    let aside = path + "/compact-\(ProcessInfo.processInfo.processIdentifier)"
    try FileBytes.makeFolder(aside)
    defer { try? FileManager.default.removeItem(atPath: aside) }
    do {
      // No other program can open the store now, so LMDB's own locking is not needed, and would end ours.
      let environment = try Environment(path, folder: folder, flags: MDB_RDONLY | MDB_NOLOCK)
      try environment.copyCompacted(to: aside)
    } catch let error as LMDBError {
      throw error.failure(at: path)
    } catch let damage as PageDamage {
      throw damage.failure(at: path)
    }
    guard rename(aside + "/data.mdb", path + "/data.mdb") == 0 else { throw LMDBError(code: errno).failure(at: path) }
  }
}
