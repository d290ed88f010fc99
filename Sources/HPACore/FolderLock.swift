import Foundation

/// Keeps other processes out of a folder while it is held. It ends with its process, however that ends.
public final class FolderLock {
  private let descriptor: Int32

  /// - Parameters:
  ///   - isShared: hold it beside others that share it.
  ///   - busy: what is said where another process holds the folder; who that is follows.
  ///   - cure: what then helps.
  /// - Throws: `unavailable` where another process holds the folder; `cannotCreate` where it cannot be opened.
  public init(_ folder: String, isShared: Bool = false, busy: String, cure: String) throws {
    descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Failure(.cannotCreate, "cannot be opened: \(String(cString: strerror(errno)))", at: .file(folder))
    }
    // A file system that knows no locks is written to without one.
    if flock(descriptor, (isShared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0, errno == EWOULDBLOCK {
      let holder = LockHolder.process(holding: descriptor).map { ": \($0)" } ?? ""
      throw Failure(.unavailable, busy + holder, at: .file(folder), cure: cure)
    }
  }

  deinit { close(descriptor) }
}
