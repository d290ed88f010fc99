import Foundation

extension FileBytes {
  /// Removes the files that killed processes of this machine left beside `path` while they replaced it.
  public static func removeLeftovers(of path: String) {
    removeLeftovers(in: (path as NSString).deletingLastPathComponent, of: (path as NSString).lastPathComponent)
  }

  /// Removes all that killed processes of this machine left in `folder` while they replaced files there.
  public static func removeLeftovers(in folder: String) { removeLeftovers(in: folder, of: nil) }

  /// Whether a process is gone, or dead and not fetched by its parent yet.
  private static func hasEnded(_ process: pid_t) -> Bool {
    if kill(process, 0) != 0 { return errno == ESRCH }
    let state = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
    return state?.split(separator: ")").last?.hasPrefix(" Z") ?? false
  }

  private static func removeLeftovers(in folder: String, of name: String?) {
    for leftover in (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? [] {
      guard let mark = leftover.range(of: asideMark, options: .backwards), name == nil || leftover[..<mark.lowerBound] == name ?? "",
        let process = leftover[mark.upperBound...].wholeMatch(of: /([0-9]+)-[0-9]+/).flatMap({ pid_t($0.1) }), hasEnded(process)
      else { continue }
      unlink((folder as NSString).appendingPathComponent(leftover))
    }
  }
}
