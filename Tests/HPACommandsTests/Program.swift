import Foundation
import HPACore
import HPATestSupport

/// The built program, run as a user runs it.
enum Program {
  /// Beside the test bundle, so that a debug test runs the debug program.
  static let path = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().appending(path: "hpa-feat").path

  static func run(_ arguments: [String], in folder: String? = nil, environment: [String: String] = [:]) throws -> Subprocess.Result {
    try Subprocess.run(path, arguments, in: folder, environment: environment)
  }

  /// Runs a shell line in which `$hpa` is the program.
  static func shell(_ line: String, in folder: String) throws -> Subprocess.Result {
    try Subprocess.run("/bin/bash", ["-c", line], in: folder, environment: ["hpa": path])
  }
}

/// Seeded matrices and tables as files.
struct Fixture {
  let folder: TemporaryFolder
  private var generator: SeededGenerator

  init(seed: UInt64) throws {
    folder = try TemporaryFolder()
    generator = SeededGenerator(seed: seed)
  }

  func path(_ name: String) -> String { folder.path(name) }

  @discardableResult
  mutating func matrix(_ name: String, rows: Int, columns: Int) throws -> Matrix<Float> {
    let matrix = Matrix<Float>(rows: rows, columns: columns, values: (0..<rows * columns).map { _ in Float(generator.normal()) })
    try NumpyFile.write(matrix, to: path(name))
    return matrix
  }

  mutating func scores(_ name: String, rows: Int) throws {
    let values = (0..<rows * ProteinLocation.count).map { _ in generator.uniform() }
    try NumpyFile.write(Matrix<Double>(rows: rows, columns: ProteinLocation.count, values: values), to: path(name))
  }

  func text(_ name: String, _ text: String) throws { try FileBytes.write(text, to: path(name)) }

  func ids(_ name: String, _ count: Int, prefix: String = "i") throws {
    try text(name, "Id\n" + (0..<count).map { "\(prefix)\($0)\n" }.joined())
  }
}
