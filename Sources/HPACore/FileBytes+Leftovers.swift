import Foundation
import Synchronization

// A file that is to replace another is written beside it, under a name that tells which process writes it:
// `matches.csv.part-HOST-PROCESS-NUMBER`.
extension FileBytes {
  static let asideMark = ".part-"

  /// The longest name that the usual file systems take, in bytes.
  private static let longestName = 255
  /// What the mark, the host, a process and a number take at most.
  private static let longestEnding = 32

  /// A name beside `path` that no other process uses.
  static func aside(for path: String) -> String {
    let (folder, name) = ((path as NSString).deletingLastPathComponent, (path as NSString).lastPathComponent)
    let ending = "\(asideMark)\(host)-\(getpid())-\(UInt16.random(in: 0 ... .max))"
    return (folder as NSString).appendingPathComponent(shortened(name) + ending)
  }

  /// So much of a name as leaves room for an ending.
  static func shortened(_ name: String) -> String {
    guard name.utf8.count > longestName - longestEnding else { return name }
    var short = name
    while short.utf8.count > longestName - longestEnding { short.removeLast() }
    return short
  }

  /// Processes are numbered by every machine and every container for itself.
  private static let host: String = {
    let name = ProcessInfo.processInfo.hostName
    let numbers = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) ?? ""
    // FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/).
    let hash = (name + numbers).utf8.reduce(0x811C_9DC5 as UInt32) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
    return String(hash, radix: 16)
  }()

  /// Removes what killed processes of this machine left beside `path` while they replaced it.
  public static func removeLeftovers(of path: String) {
    removeLeftovers(in: (path as NSString).deletingLastPathComponent, of: shortened((path as NSString).lastPathComponent))
  }

  /// Removes all that killed processes of this machine left in `folder` while they replaced files there.
  public static func removeLeftovers(in folder: String) { removeLeftovers(in: folder, of: nil) }

  private static let cleared = Mutex<Set<String>>([])

  /// The same, once a process.
  static func removeLeftoversOnce(in folder: String) {
    if cleared.withLock({ $0.insert(folder).inserted }) { removeLeftovers(in: folder) }
  }

  private static func removeLeftovers(in folder: String, of name: String?) {
    for leftover in (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? [] {
      guard let mark = leftover.range(of: asideMark, options: .backwards), name == nil || leftover[..<mark.lowerBound] == name ?? "",
        let ending = leftover[mark.upperBound...].wholeMatch(of: /([0-9a-f]+)-([0-9]+)-[0-9]+(\.[0-9A-Za-z]+)?/), ending.1 == host,
        let process = pid_t(ending.2), hasEnded(process)
      else { continue }
      try? FileManager.default.removeItem(atPath: (folder as NSString).appendingPathComponent(leftover))
    }
  }

  /// Whether a process is gone, or dead and not fetched by its parent yet.
  private static func hasEnded(_ process: pid_t) -> Bool {
    if kill(process, 0) != 0 { return errno == ESRCH }
    let state = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
    return state?.split(separator: ")").last?.hasPrefix(" Z") ?? false
  }
}

// MARK: Scratch files

/// Files that this process is writing and that are worth nothing when it ends.
enum ScratchFiles {
  private static let paths = Mutex<Set<String>>([])

  static func add(_ path: String) { _ = paths.withLock { $0.insert(path) } }
  static func contains(_ path: String) -> Bool { paths.withLock { $0.contains(path) } }
  static func remove(_ path: String) { _ = paths.withLock { $0.remove(path) } }

  /// Removes them all from the disk, since the process ends now.
  static func removeAll() {
    for path in paths.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) }
  }
}
