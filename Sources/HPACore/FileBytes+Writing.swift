public import Foundation

extension FileBytes {
  /// Writes `path` by way of a file beside it that is flushed and then renamed; a failure leaves what was there before.
  ///
  /// A link is followed, and what it leads to is replaced. Devices and pipes are written to as they are.
  ///
  /// - Throws: `usage` for an empty path; `cannotCreate` where the folder cannot take the file, `inputOutput` where writing fails (a full disk, say),
  ///   or what `body` throws.
  public static func replace<Result>(_ path: String, _ body: (FileHandle) throws -> Result) throws -> Result {
    switch try OutputTarget(path) {
    case .stream: return try writeThrough(path, body)
    case .file(let target):
      try ProtectedFiles.requireUnprotected(target, named: path)
      let aside = try scratch(beside: target)
      defer { discard(aside) }
      // Not by FileManager, which makes a file under a name of its own first and would leave that behind when it is killed.
      let result = try writing(to: path, Foundation.open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)) { handle in
        let result = try body(handle)
        try handle.synchronize()
        return result
      }
      try rename(aside, to: target)
      return result
    }
  }

  private static func writeThrough<Result>(_ path: String, _ body: (FileHandle) throws -> Result) throws -> Result {
    try writing(to: path, Foundation.open(path, O_WRONLY | O_CLOEXEC), body)
  }

  private static func writing<Result>(to path: String, _ descriptor: Int32, _ body: (FileHandle) throws -> Result) throws -> Result {
    guard descriptor >= 0 else { throw cannotCreate(path, errno) }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    do {
      let result = try body(handle)
      try handle.close()
      return result
    } catch {
      try? handle.close()
      if error is Failure { throw error }
      let folder = (path as NSString).deletingLastPathComponent
      throw Failure(
        .inputOutput, "cannot be written: \(systemMessage(error))", at: .file(path),
        cure: "Is the disk full? See: df -h '\(folder.isEmpty ? "." : folder)'.")
    }
  }

  public static func write(_ bytes: [UInt8], to path: String) throws {
    try replace(path) { try $0.write(contentsOf: bytes) }
  }

  public static func write(_ text: String, to path: String) throws {
    try replace(path) { try $0.write(contentsOf: Data(text.utf8)) }
  }

  // MARK: For libraries that write by path

  /// A path beside `path` for what is to replace it. Nothing lies there yet; `install` or `discard` it.
  ///
  /// - Parameter ending: such as `.npy`, for a library that looks at it.
  /// - Throws: `usage` where `path` is empty, a device or a pipe; `cannotCreate` for a folder that cannot be made.
  public static func scratch(beside path: String, ending: String = "") throws -> String {
    guard case .file(let target) = try OutputTarget(path) else {
      throw Failure(.usage, "is a device or a pipe; this output needs a file", at: .file(path), cure: "Name a file.")
    }
    let folder = (target as NSString).deletingLastPathComponent
    try makeFolder(folder)
    removeLeftoversOnce(in: folder)
    let scratch = aside(for: target) + ending
    ScratchFiles.add(scratch)
    return scratch
  }

  /// Gives a finished scratch file (or folder) its name. A link under that name is followed.
  ///
  /// - Throws: `cannotCreate`.
  public static func install(_ scratch: String, as path: String) throws {
    defer { discard(scratch) }
    guard case .file(let target) = try OutputTarget(path) else { return }
    try ProtectedFiles.requireUnprotected(target, named: path)
    try rename(scratch, to: target)
  }

  /// Removes a scratch file, if it is there.
  public static func discard(_ scratch: String) {
    if ScratchFiles.contains(scratch) {
      if access(scratch, F_OK) == 0 { try? FileManager.default.removeItem(atPath: scratch) }
      ScratchFiles.remove(scratch)
    }
  }

  private static func rename(_ path: String, to target: String) throws {
    guard Foundation.rename(path, target) == 0 else { throw cannotCreate(target, errno) }
  }

  private static func cannotCreate(_ path: String, _ code: Int32) -> Failure {
    let cure =
      switch code {
      case EMFILE, ENFILE: "Too many files are open; see: ulimit -n."
      case ENAMETOOLONG: "Choose a shorter name."
      default: "Check that the folder can be written to."
      }
    return Failure(.cannotCreate, "cannot be created: \(String(cString: strerror(code)))", at: .file(path), cure: cure)
  }

  // MARK: Folders

  /// Moves a file to another name of the same disk, into a folder that is made where there is none.
  ///
  /// - Throws: `cannotCreate`.
  public static func move(_ path: String, to target: String) throws {
    try makeFolder((target as NSString).deletingLastPathComponent)
    guard Foundation.rename(path, target) == 0 else {
      throw Failure(.cannotCreate, "cannot be moved to \(target): \(String(cString: strerror(errno)))", at: .file(path))
    }
  }

  /// Removes a file, a link, or a folder with all that is in it; one that is not there is no error.
  public static func remove(_ path: String) throws {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
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

/// Where an output goes.
enum OutputTarget: Equatable {
  /// A file that is replaced or made; links are resolved.
  case file(String)
  /// A device or a pipe, which takes what is written and keeps its place.
  case stream

  private static let mostLinks = 40

  /// - Throws: `usage` for an empty path; `cannotCreate` for a folder, or links that lead in a circle.
  init(_ path: String) throws {
    guard !path.isEmpty else { throw Failure(.usage, "the name of an output is empty", cure: "Name a file.") }
    var target = path
    for _ in 0...Self.mostLinks {
      var status = stat()
      guard lstat(target, &status) == 0 else {
        self = .file(target)
        return
      }
      switch status.st_mode & S_IFMT {
      case S_IFLNK:
        let next = try FileManager.default.destinationOfSymbolicLink(atPath: target)
        let folder = (target as NSString).deletingLastPathComponent
        // The links of an open descriptor name no file.
        if stat(target, &status) == 0, [S_IFIFO, S_IFCHR, S_IFBLK, S_IFSOCK].contains(status.st_mode & S_IFMT) {
          self = .stream
          return
        }
        target = next.hasPrefix("/") ? next : (folder as NSString).appendingPathComponent(next)
      case S_IFDIR:
        throw Failure(.cannotCreate, "cannot be created: it is a folder", at: .file(path), cure: "Name a file.")
      case S_IFREG:
        self = .file(target)
        return
      default:
        self = .stream
        return
      }
    }
    throw Failure(.cannotCreate, "cannot be created: its links lead in a circle", at: .file(path), cure: "Name another file.")
  }
}
