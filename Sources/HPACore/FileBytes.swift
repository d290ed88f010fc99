public import Foundation

/// Whole-file reading, and writing that leaves either the old file or the new one, never half of one.
public enum FileBytes {
  /// - Throws: `missingInput` where there is no such file, `inputOutput` where it cannot be read.
  public static func read(_ path: String) throws -> [UInt8] { try read(path, first: 0) { _, _ in false } }

  /// The whole file, or only its first `count` bytes where these are enough.
  ///
  /// - Parameter isEnough: is given these, and the size of the file; not called for a file that is not longer.
  /// - Throws: as `read`.
  public static func read(_ path: String, first count: Int, isEnough: (UnsafeBufferPointer<UInt8>, Int) -> Bool) throws -> [UInt8] {
    let handle = try open(path)
    defer { try? handle.close() }
    let size = (try? handle.seekToEnd()).map(Int.init) ?? 0
    _ = try? handle.seek(toOffset: 0)
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
      bytes += more
    }
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

  /// - Throws: `missingInput` where there is no such file or it may not be read.
  public static func open(_ path: String) throws -> FileHandle {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw Failure(.missingInput, "no such file", at: .file(path), cure: "Check the path; it is taken from the folder you are in.")
    }
    guard !isFolder.boolValue else { throw Failure(.missingInput, "is a folder, not a file", at: .file(path)) }
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw Failure(.missingInput, "may not be read", at: .file(path), cure: "Check the permissions: ls -l '\(path)'.")
    }
    return handle
  }

  /// Writes `path` by way of a file beside it that is flushed and then renamed; a failure leaves what was there before.
  ///
  /// - Throws: `cannotCreate` where the folder cannot take the file, `inputOutput` where writing fails (a full disk, say),
  ///   or what `body` throws.
  public static func replace<Result>(_ path: String, _ body: (FileHandle) throws -> Result) throws -> Result {
    let folder = (path as NSString).deletingLastPathComponent
    try makeFolder(folder)
    let aside = path + asideMark + "\(ProcessInfo.processInfo.processIdentifier)-\(UInt32.random(in: 0 ... .max))"
    // Not by FileManager, which makes a file under a name of its own first and would leave that behind when it is killed.
    let descriptor = Foundation.open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw Failure(
        .cannotCreate, "cannot be created: \(String(cString: strerror(errno)))", at: .file(path),
        cure: "Check that the folder can be written to.")
    }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    do {
      let result = try body(handle)
      try handle.synchronize()
      try handle.close()
      guard rename(aside, path) == 0 else {
        throw Failure(.cannotCreate, "cannot be created: \(String(cString: strerror(errno)))", at: .file(path))
      }
      return result
    } catch {
      try? handle.close()
      unlink(aside)
      if error is Failure { throw error }
      throw Failure(
        .inputOutput, "cannot be written: \(systemMessage(error))", at: .file(path),
        cure: "Is the disk full? See: df -h '\(folder.isEmpty ? "." : folder)'.")
    }
  }

  /// Before the number of the process that writes, in the name of a file that is to replace another.
  static let asideMark = ".part-"

  public static func write(_ bytes: [UInt8], to path: String) throws {
    try replace(path) { try $0.write(contentsOf: bytes) }
  }

  public static func write(_ text: String, to path: String) throws {
    try replace(path) { try $0.write(contentsOf: Data(text.utf8)) }
  }

  /// Moves a file to another name of the same disk, into a folder that is made where there is none.
  ///
  /// - Throws: `cannotCreate`.
  public static func move(_ path: String, to target: String) throws {
    try makeFolder((target as NSString).deletingLastPathComponent)
    guard rename(path, target) == 0 else {
      throw Failure(.cannotCreate, "cannot be moved to \(target): \(String(cString: strerror(errno)))", at: .file(path))
    }
  }

  /// Removes a file or a folder with all that is in it; one that is not there is no error.
  ///
  /// - Throws: `cannotCreate`.
  public static func remove(_ path: String) throws {
    guard FileManager.default.fileExists(atPath: path) else { return }
    do {
      try FileManager.default.removeItem(atPath: path)
    } catch {
      throw Failure(.cannotCreate, "cannot be removed: \(systemMessage(error))", at: .file(path))
    }
  }

  /// - Throws: `cannotCreate`.
  public static func makeFolder(_ path: String) throws {
    guard !path.isEmpty else { return }
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw Failure(.cannotCreate, "the folder cannot be made: \(systemMessage(error))", at: .file(path))
    }
  }

  private static func systemMessage(_ error: any Error) -> String {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError ?? error as NSError
    return underlying.domain == NSPOSIXErrorDomain ? String(cString: strerror(Int32(underlying.code))) : error.localizedDescription
  }
}
