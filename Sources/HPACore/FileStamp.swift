import Foundation

/// Size and time of change of a file: while they stay, so do its bytes, as `make` and `rsync` trust, too.
public struct FileStamp: Sendable, Equatable, Codable {
  public let bytes: Int
  /// Nanoseconds since 1970.
  public let modified: Int

  /// Nil where there is no such file.
  public init?(of path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    bytes = Int(status.st_size)
    modified = Int(status.st_mtim.tv_sec) * 1_000_000_000 + Int(status.st_mtim.tv_nsec)
  }
}
