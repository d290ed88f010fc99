import Foundation
import HPACore

/// Keeps other imports out of a folder while it is held. It ends with its process, however that ends.
final class FolderLock {
  private let descriptor: Int32

  /// - Throws: `unavailable` where another process holds the folder; `cannotCreate` where it cannot be opened.
  init(_ folder: String) throws {
    descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Failure(.cannotCreate, "cannot be opened: \(String(cString: strerror(errno)))", at: .file(folder))
    }
    // A file system that knows no locks is written to without one.
    if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
      close(descriptor)
      throw Failure(
        .unavailable, "another import writes into this folder", at: .file(folder), cure: "Wait for it, or choose another --out.")
    }
  }

  deinit { close(descriptor) }
}
