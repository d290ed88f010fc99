import Foundation
import Synchronization

/// Keeps a second command away from an output while the first one makes it: a checkpoint, matches, an export. It ends with its process.
///
/// The lock is a file beside the output, `.NAME.lock`, which says who holds it and goes with the lock. Within a process an output can be locked
/// again.
public final class OutputLock {
  private let path: String
  private let descriptor: Int32?

  private static let held = Mutex<Set<String>>([])

  /// - Parameter path: the output; a file or a folder, there or not.
  /// - Throws: `unavailable` where another process makes it, with its number and command; `cannotCreate`.
  public init(_ path: String) throws {
    let (folder, name) = ((path as NSString).deletingLastPathComponent, (path as NSString).lastPathComponent)
    try FileBytes.makeFolder(folder)
    let lock = (folder as NSString).appendingPathComponent(".\(FileBytes.shortened(name)).lock")
    self.path = lock
    guard Self.held.withLock({ $0.insert(lock).inserted }) else {
      descriptor = nil
      return
    }
    do {
      descriptor = try Self.acquire(lock, for: path)
    } catch {
      Self.release(lock)
      throw error
    }
    guard let descriptor else { return }
    ftruncate(descriptor, 0)
    let text = LockHolder.ownText
    _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) }
    ScratchFiles.add(self.path)
  }

  deinit {
    guard let descriptor else { return }
    unlink(path)
    ScratchFiles.remove(path)
    close(descriptor)
    Self.release(path)
  }

  private static func release(_ path: String) { _ = held.withLock { $0.remove(path) } }

  private static func acquire(_ lock: String, for output: String) throws -> Int32 {
    while true {
      let descriptor = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
      guard descriptor >= 0 else {
        throw Failure(
          .cannotCreate, "cannot be created: \(String(cString: strerror(errno)))", at: .file(output),
          cure: "Check that the folder can be written to.")
      }
      // A file system that knows no locks is written to without one.
      if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
        defer { close(descriptor) }
        let holder = LockHolder.text(in: descriptor) ?? "another command"
        throw Failure(
          .unavailable, "is being made by \(holder)", at: .file(output), cure: "Wait for it to end, or name another output.")
      }
      // The one before may have removed the file between these two steps.
      if FileIdentity(descriptor: descriptor) == FileIdentity(lock) { return descriptor }
      close(descriptor)
    }
  }
}

/// Who holds a lock, in words.
enum LockHolder {
  /// `process 4711 on HOST (hpa-feat train ...)`.
  static var ownText: String { "process \(getpid()) on \(ProcessInfo.processInfo.hostName) (\(shortened(CommandLine.arguments)))" }

  private static func shortened(_ arguments: [String]) -> String {
    let words = ["hpa-feat"] + arguments.dropFirst()
    let text = words.joined(separator: " ")
    return text.count <= 120 ? text : text.prefix(117) + "..."
  }

  static func text(in descriptor: Int32) -> String? {
    let text = String(unsafeUninitializedCapacity: 512) { max(0, pread(descriptor, $0.baseAddress, $0.count, 0)) }
    return text.isEmpty ? nil : text
  }

  /// The process of this machine that holds a `flock` on an open file, as `/proc/locks` tells.
  static func process(holding descriptor: Int32) -> String? {
    var status = stat()
    guard fstat(descriptor, &status) == 0, let table = try? String(contentsOfFile: "/proc/locks", encoding: .utf8) else { return nil }
    for line in table.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count > 5, fields[1] == "FLOCK", fields[5].split(separator: ":").last.flatMap({ UInt($0) }) == UInt(status.st_ino),
        let process = pid_t(fields[4]), process > 0
      else { continue }
      let command = (try? String(contentsOfFile: "/proc/\(process)/cmdline", encoding: .utf8)) ?? ""
      return "process \(process) (\(shortened(command.split(separator: "\0").map(String.init))))"
    }
    return nil
  }
}
