public import Foundation
import HPACore

/// The tensors of another file under other names, or without some of them.
public struct RenamedTensors: TensorFile {
  public let names: [String]
  private let file: any TensorFile
  private let nameInFile: [String: String]

  /// - Parameter rename: gives the new name for the file's; nil leaves that tensor out.
  /// - Throws: `badData` where two tensors would share a name.
  public init(_ file: any TensorFile, _ rename: (String) throws -> String?) throws {
    var (names, nameInFile): ([String], [String: String]) = ([], [:])
    for name in file.names {
      guard let renamed = try rename(name) else { continue }
      if let other = nameInFile.updateValue(name, forKey: renamed) {
        throw Failure(.badData, "'\(other)' and '\(name)' are both called '\(renamed)' here", at: .file(file.path))
      }
      names.append(renamed)
    }
    (self.file, self.names, self.nameInFile) = (file, names, nameInFile)
  }

  public var path: String { file.path }
  public var metadata: [String: String] { file.metadata }
  public func entry(_ name: String) throws -> TensorEntry { try file.entry(try stored(name)) }
  public func bytes(_ name: String) throws -> Data { try file.bytes(try stored(name)) }

  private func stored(_ name: String) throws -> String {
    guard let stored = nameInFile[name] else { throw Failure(.badData, "there is no tensor '\(name)'", at: .file(path)) }
    return stored
  }
}
