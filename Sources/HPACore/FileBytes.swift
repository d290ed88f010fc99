public import Foundation

/// Whole-file reading, and writing that leaves either the old file or the new one, never half of one.
public enum FileBytes {
  /// The most that is read of a file where its reader states no limit of its own.
  public static let usualLimit = 1 << 30

  /// - Parameter limit: the most bytes that the reader can use; looked at before anything is read.
  /// - Throws: `missingInput` where there is no such file; `badData` for a device, or more bytes than `limit`; `unavailable` where the memory for
  ///   them cannot be had; `inputOutput` where it cannot be read.
  public static func read(_ path: String, limit: Int = usualLimit) throws -> [UInt8] {
    try read(path, limit: limit, first: 0) { _, _ in false }
  }

  /// The whole file, or only its first `count` bytes where these are enough.
  ///
  /// - Parameter isEnough: is given these, and the size of the file; not called for a file that is not longer.
  /// - Throws: as `read`.
  public static func read(
    _ path: String, limit: Int = usualLimit, first count: Int, isEnough: (UnsafeBufferPointer<UInt8>, Int) -> Bool
  ) throws -> [UInt8] {
    let handle = try InputFile.open(path, takesPipes: true)
    defer { try? handle.close() }
    let size = try InputFile.size(of: handle, path: path)
    guard size <= limit else { throw tooLarge(path, "has \(size) bytes", limit) }
    try Memory.require(size, for: "reading this file", at: path)
    var isHead = false
    var bytes = try [UInt8](unsafeUninitializedCapacity: size + 1) { target, filled in
      if count > 0, count < size {
        try fill(UnsafeMutableBufferPointer(rebasing: target[..<count]), &filled, of: handle, path: path)
        isHead = isEnough(UnsafeBufferPointer(rebasing: target[..<filled]), size)
      }
      if !isHead { try fill(target, &filled, of: handle, path: path) }
    }
    if isHead || bytes.count <= size { return bytes }
    // What has no size, such as a pipe, or grows while it is read.
    while true {
      let more = try [UInt8](unsafeUninitializedCapacity: 1 << 16) { try fill($0, &$1, of: handle, path: path) }
      if more.isEmpty { return bytes }
      guard bytes.count + more.count <= limit else { throw tooLarge(path, "goes on", limit) }
      bytes += more
    }
  }

  private static func tooLarge(_ path: String, _ what: String, _ limit: Int) -> Failure {
    Failure(.badData, "\(what); at most \(limit) bytes are read", at: .file(path), cure: "Is this the right file?")
  }

  /// Fills `target` with the bytes from `offset` on.
  ///
  /// - Returns: false where the file ends before.
  /// - Throws: as `read`.
  public static func read(_ path: String, from offset: Int, into target: UnsafeMutableBufferPointer<UInt8>) throws -> Bool {
    let handle = try open(path)
    defer { try? handle.close() }
    guard (try? handle.seek(toOffset: UInt64(offset))) != nil else { return false }
    var filled = 0
    try fill(target, &filled, of: handle, path: path)
    return filled == target.count
  }

  /// Fills the rest of `target`, less only where the file ends.
  private static func fill(_ target: UnsafeMutableBufferPointer<UInt8>, _ filled: inout Int, of handle: FileHandle, path: String) throws {
    while filled < target.count {
      let got = Foundation.read(handle.fileDescriptor, target.baseAddress! + filled, target.count - filled)
      if got == 0 { return }
      guard got > 0 || errno == EINTR else {
        throw Failure(.inputOutput, "cannot be read: \(String(cString: strerror(errno)))", at: .file(path))
      }
      filled += max(got, 0)
    }
  }

  /// Opens a file on disk, for readers that go to places in it.
  ///
  /// - Throws: `missingInput` where there is no such file or it may not be read; `badData` for a device or a pipe; `unavailable` where too many
  ///   files are open.
  public static func open(_ path: String) throws -> FileHandle { try InputFile.open(path, takesPipes: false) }
}

/// A file that is read: on disk, or a pipe whose other end is written to.
private enum InputFile {
  /// How long a named pipe may take to give its first byte, in milliseconds.
  private static let patience: Int32 = 1000

  static func open(_ path: String, takesPipes: Bool) throws -> FileHandle {
    var status = stat()
    guard stat(path, &status) == 0 else { throw cannotOpen(path, errno) }
    let kind = status.st_mode & S_IFMT
    guard kind == S_IFREG || kind == S_IFIFO && takesPipes else { throw noFile(path, kind) }
    // Without waiting: a pipe whose other end nobody opens would hold the program for ever.
    let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw cannotOpen(path, errno) }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    if kind == S_IFIFO { try awaitData(from: handle, path: path) }
    return handle
  }

  static func size(of handle: FileHandle, path: String) throws -> Int {
    var status = stat()
    guard fstat(handle.fileDescriptor, &status) == 0 else { throw cannotOpen(path, errno) }
    return Int(status.st_size)
  }

  /// The pipe of a shell, `<(command)`, has its writer; a named one may have none.
  private static func awaitData(from handle: FileHandle, path: String) throws {
    let descriptor = handle.fileDescriptor
    let isNamed = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)"))?.hasPrefix("pipe:") != true
    var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard !isNamed || poll(&waiting, 1, patience) != 0 else {
      throw Failure(
        .badData, "is a named pipe, and nothing comes from it", at: .file(path), cure: "Start what writes to it first, or give a file.")
    }
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
  }

  private static func noFile(_ path: String, _ kind: mode_t) -> Failure {
    switch kind {
    case S_IFDIR: Failure(.missingInput, "is a folder, not a file", at: .file(path))
    case S_IFIFO: Failure(.badData, "is a pipe; this input must be a file on disk", at: .file(path), cure: "Write it to a file first.")
    default: Failure(.badData, "is a device, not a file", at: .file(path), cure: "Give a file.")
    }
  }

  private static func cannotOpen(_ path: String, _ code: Int32) -> Failure {
    switch code {
    case ENOENT, ENOTDIR:
      Failure(.missingInput, "no such file", at: .file(path), cure: "Check the path; it is taken from the folder you are in.")
    case EMFILE, ENFILE:
      Failure(.unavailable, "too many files are open", at: .file(path), cure: "Raise the limit; see: ulimit -n.")
    case EACCES, EPERM:
      Failure(.missingInput, "may not be read", at: .file(path), cure: "Check the permissions: ls -l '\(path)'.")
    default: Failure(.missingInput, "cannot be opened: \(String(cString: strerror(code)))", at: .file(path))
    }
  }
}
