import Foundation
import HPACore

/// `import.json`: how the images of a folder were made.
struct ImportRecord: Codable, Equatable {
  var layout: ImageLayout
  var channelMap: String
  var range: SampleRange
  var method: Resize.Method
  /// The size that larger images went through, where the layout asks for one.
  var intermediateSize: Int?
  var sizes: [Int]
  /// Every version that wrote into the folder, oldest first.
  var programVersions: [String]

  static let name = "import.json"

  init(_ job: ImageImport) {
    layout = job.layout
    channelMap = job.channelMap.name
    range = job.range
    method = job.method
    intermediateSize = job.layout.intermediateSize
    sizes = job.sizes.sorted()
    programVersions = [job.programVersion]
  }

  /// Compares with the record of `folder`, and leaves one there.
  ///
  /// - Parameter isEmpty: whether the folder holds no images yet.
  /// - Throws: `badData` where the folder's record is another one, is unreadable, or is missing although images are there.
  func agree(with folder: String, isEmpty: Bool) throws {
    let path = "\(folder)/\(Self.name)"
    var record = self
    if FileManager.default.fileExists(atPath: path) {
      let earlier: ImportRecord = try FileBytes.read(json: path, cure: "Choose another folder with --out, or remove this one.")
      try check(against: earlier, path: path)
      record.programVersions = earlier.programVersions + programVersions.filter { !earlier.programVersions.contains($0) }
      if record == earlier { return }
    } else if !isEmpty {
      throw Failure(
        .badData, "holds images, but no import.json that says how they were made", at: .file(folder),
        cure: "Choose another folder with --out.")
    }
    try FileBytes.write(json: record, to: path)
  }

  /// Whether the images of a folder were made as `record` says.
  static func isRecord(_ record: ImportRecord, of folder: String) throws -> Bool {
    let path = "\(folder)/\(Self.name)"
    guard FileManager.default.fileExists(atPath: path) else { return false }
    return zip(try FileBytes.read(json: path, as: ImportRecord.self).rows, record.rows).allSatisfy { $0 == $1 }
  }

  private func check(against earlier: ImportRecord, path: String) throws {
    let differences = zip(earlier.rows, rows).filter { $0 != $1 }.map { "\($0.name): \($0.value) there, \($1.value) asked for" }
    guard !differences.isEmpty else { return }
    throw Failure(
      .badData, "the images in this folder were made in another way (\(differences.joined(separator: "; ")))", at: .file(path),
      cure: "Choose another folder with --out, or remove this one; --force makes images again only in the way they were made.")
  }

  /// What decides the pixels.
  var rows: [(name: String, value: String)] {
    [
      ("layout", layout.rawValue), ("channel map", channelMap), ("16-bit range", range.rawValue), ("resize", method.rawValue),
      ("by way of", intermediateSize.map(String.init) ?? "none"), ("sizes", sizes.map(String.init).joined(separator: ",")),
    ]
  }
}
