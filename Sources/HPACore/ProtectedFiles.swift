import Foundation
import Synchronization

/// The files that a person named as inputs: nothing that this process writes may take their place.
public enum ProtectedFiles {
  private static let names = Mutex<[FileIdentity: String]>([:])

  /// - Parameter name: how the person named the file, such as `--labels`.
  public static func protect(_ path: String, named name: String) {
    guard let file = FileIdentity(path), file.isRegular else { return }
    names.withLock { $0[file] = $0[file] ?? name }
  }

  /// - Throws: `usage` where a file is protected.
  static func requireUnprotected(_ target: String, named path: String) throws {
    guard let file = FileIdentity(target), let name = names.withLock({ $0[file] }) else { return }
    throw Failure(
      .usage, "would be overwritten, and \(name) reads it", at: .file(path), cure: "Give the output another name or another folder.")
  }
}

/// Device and number of a file: the same for every path that leads to it.
public struct FileIdentity: Hashable, Sendable {
  private let device: UInt
  private let number: UInt
  public let isRegular: Bool

  /// Nil where there is no such file.
  public init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  public init?(descriptor: Int32) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    self.init(status)
  }

  private init(_ status: stat) {
    device = UInt(status.st_dev)
    number = UInt(status.st_ino)
    isRegular = status.st_mode & S_IFMT == S_IFREG
  }
}
