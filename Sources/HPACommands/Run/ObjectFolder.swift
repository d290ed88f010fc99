import Foundation
import HPACore
import HPAStore

/// Files under the hash of their content, so that what several runs have in common is kept once.
struct ObjectFolder {
  /// The SHA-256 of a file's bytes, with its ending.
  struct Object: Codable {
    let name: String

    fileprivate init(name: String) { self.name = name }
    init(from decoder: any Decoder) throws { name = try decoder.singleValueContainer().decode(String.self) }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      try container.encode(name)
    }

    fileprivate var sha256: String { (name as NSString).deletingPathExtension }
  }

  /// A score matrix and its ids.
  struct Rows: Codable {
    let ids: Object
    let scores: Object
  }

  let path: String

  /// Takes in a copy of a file.
  func keep(_ file: String) throws -> Object {
    let object = Object(name: "\(try ContentHash.file(file)).\((file as NSString).pathExtension)")
    if FileStamp(of: place(of: object)) == nil { try FileBytes.write(try FileBytes.read(file), to: place(of: object)) }
    return object
  }

  func keep(_ rows: NamedRows<Double>) throws -> Rows {
    let stem = "\(path)/incoming-\(ProcessInfo.processInfo.processIdentifier)"
    let files = (ids: stem + "_ids.csv", scores: stem + "_scores.npy")
    defer { for file in [files.ids, files.scores] { unlink(file) } }
    try rows.write(to: stem)
    return Rows(ids: try keep(files.ids), scores: try keep(files.scores))
  }

  /// The path of what was kept.
  ///
  /// - Throws: `missingInput`; `badData` where the file is not what its name says.
  func open(_ object: Object) throws -> String {
    let file = place(of: object)
    guard FileStamp(of: file) != nil else {
      throw Failure(.missingInput, "is not there any more", at: .file(file), cure: "Restore the folder \(path) from a copy.")
    }
    guard try ContentHash.file(file) == object.sha256 else {
      throw Failure(.badData, "is not what it was when it was kept", at: .file(file), cure: "Restore the file from a copy.")
    }
    return file
  }

  func open(_ rows: Rows) throws -> NamedRows<Double> {
    let ids = try open(rows.ids)
    return try NamedRows(ids: try ImageID.list(contentsOf: ids), matrix: try NumpyFile.read(try open(rows.scores)), path: ids)
  }

  private func place(of object: Object) -> String { "\(path)/\(object.name)" }
}
