public import Foundation
import HPACore
import Synchronization

/// Real data that is laid beside the project; tests that need it are skipped where it is absent.
public enum SharedData {
  public static let folder = Project.root.deletingLastPathComponent().appending(path: "shared/data").path

  public static func path(_ name: String) -> String { folder + "/" + name }
  public static func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }
}

/// The checkout that the tests were built from.
public enum Project {
  public static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
}

/// The Python of `scripts/setup test`, with the libraries that serve as oracles.
public enum Python {
  public static let executable = Project.root.appending(path: ".deps/python/bin/python").path
  public static let isPresent = FileManager.default.isExecutableFile(atPath: executable)

  /// Runs Python source and returns what it printed.
  ///
  /// - Throws: an error with stderr where Python ends with another code than 0.
  @discardableResult
  public static func run(_ source: String, _ arguments: [String] = []) throws -> String {
    try run(arguments: ["-c", source] + arguments)
  }

  /// Runs a script of the project, such as `scripts/make-goldens.py`.
  @discardableResult
  public static func runScript(_ name: String, _ arguments: [String] = []) throws -> String {
    try run(arguments: [Project.root.appending(path: name).path] + arguments)
  }

  private static func run(arguments: [String]) throws -> String {
    let result = try Subprocess.run(executable, arguments)
    guard result.status == 0 else { throw PythonError(text: result.standardError) }
    return result.standardOutput
  }

  private struct PythonError: Error, CustomStringConvertible {
    let text: String
    var description: String { "python: " + text }
  }
}

/// Another program, run to its end.
public enum Subprocess {
  public struct Result: Sendable {
    public let status: Int32
    public let standardOutput: String
    public let standardError: String
  }

  /// - Parameter started: is called while the program runs, to wait for something and signal it.
  public static func run(
    _ executable: String, _ arguments: [String], in folder: String? = nil, environment: [String: String] = [:],
    started: (Process) throws -> Void = { _ in }
  ) throws -> Result {
    let process = Process()
    process.executableURL = URL(filePath: executable)
    process.arguments = arguments
    if let folder { process.currentDirectoryURL = URL(filePath: folder) }
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
    let scratch = try TemporaryFolder()
    let (output, error) = (scratch.path("stdout"), scratch.path("stderr"))
    for path in [output, error] { try Data().write(to: URL(filePath: path)) }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: URL(filePath: output))
    process.standardError = try FileHandle(forWritingTo: URL(filePath: error))
    try process.run()
    try started(process)
    process.waitUntilExit()
    return Result(
      status: process.terminationStatus, standardOutput: String(decoding: try FileBytes.read(output), as: UTF8.self),
      standardError: String(decoding: try FileBytes.read(error), as: UTF8.self))
  }
}

extension Subprocess {
  /// Reads a pipe to its end on a thread of its own.
  public final class Reading: Sendable {
    private let done = DispatchSemaphore(value: 0)
    private let bytes = Mutex<Data>(Data())

    public init(_ path: String) {
      Thread.detachNewThread { [self] in
        let read = FileHandle(forReadingAtPath: path)?.readDataToEndOfFile() ?? Data()
        bytes.withLock { $0 = read }
        done.signal()
      }
    }

    /// Waits for the end.
    public var text: String {
      done.wait()
      return String(decoding: bytes.withLock { $0 }, as: UTF8.self)
    }
  }
}

/// A folder that goes when the object goes.
public final class TemporaryFolder: Sendable {
  public let path: String

  public init() throws {
    path = FileManager.default.temporaryDirectory.appending(path: "hpa-feat-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  public func path(_ name: String) -> String { path + "/" + name }
}

/// A seed for random tests: `HPA_TEST_SEED` where it is set, else a fresh one. It is printed, so that a failure can be repeated.
public func testSeed(_ name: String = #function) -> UInt64 {
  let seed = ProcessInfo.processInfo.environment["HPA_TEST_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0..<1 << 32)
  print("\(name): HPA_TEST_SEED=\(seed)")
  return seed
}
