import Foundation

/// A library of the program's own that is opened when something of it is first needed.
///
/// Its symbols stay its own (`RTLD_LOCAL`), and it finds its own before the program's (`RTLD_DEEPBIND`): so LibTorch multiplies with the
/// BLAS that it brings, though the program has loaded another one that goes by the same names.
public struct OptionalLibrary: Sendable {
  /// What it holds, for messages.
  private let name: String
  private let fileName: String
  /// The variable whose value, where it is set, is the path of the library.
  private let environmentName: String

  public init(name: String, fileName: String, environmentName: String) {
    self.name = name
    self.fileName = fileName
    self.environmentName = environmentName
  }

  /// Opens the library and finds one of its symbols.
  ///
  /// - Throws: `unavailable` where the library is missing or cannot be loaded.
  public func symbol(_ symbol: String) throws -> (address: UnsafeMutableRawPointer, path: String) {
    let candidates = candidates()
    guard let path = candidates.first(where: FileManager.default.fileExists(atPath:)) else {
      throw unavailable("\(fileName) is not in \(candidates.map { ($0 as NSString).deletingLastPathComponent }.joined(separator: ", "))")
    }
    guard let library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND), let address = dlsym(library, symbol) else {
      throw unavailable("\(path) cannot be loaded: \(dlerror().map { String(cString: $0) } ?? "no reason was given")")
    }
    return (address, path)
  }

  public func unavailable(_ message: String) -> Failure {
    Failure(
      .unavailable, "\(name) is needed: \(message)",
      cure: "Run: make build. Or name the library: export \(environmentName)=/path/to/\(fileName).")
  }

  /// `$environmentName` alone where it is set; else the folder of the executable (a test bundle is one, too), and the library folder
  /// of an installation.
  private func candidates() -> [String] {
    if let named = ProcessInfo.processInfo.environment[environmentName], !named.isEmpty { return [named] }
    guard let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else { return [] }
    let folder = URL(filePath: executable).deletingLastPathComponent()
    return [folder, folder.deletingLastPathComponent().appending(path: "lib/hpa-feat")].map { $0.appending(path: fileName).path }
  }
}
