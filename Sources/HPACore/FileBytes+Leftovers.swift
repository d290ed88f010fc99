import Foundation

extension FileBytes {
  /// Removes the files that killed processes of this machine left beside `path` while they replaced it.
  public static func removeLeftovers(of path: String) {
    let folder = (path as NSString).deletingLastPathComponent
    let start = (path as NSString).lastPathComponent + ".part-"
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? [] where name.hasPrefix(start) {
      guard let process = name.dropFirst(start.count).split(separator: "-").first.flatMap({ pid_t($0) }), kill(process, 0) != 0,
        errno == ESRCH
      else { continue }
      unlink((folder as NSString).appendingPathComponent(name))
    }
  }
}
