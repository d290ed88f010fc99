import Foundation
import HPACore
public import HPATorch

/// A file of trained weights: our own safetensors, with what is needed to use them in its metadata; or safetensors and PyTorch files of other
/// programs, with the common head and the names that `Backbone` or `NameRule` know.
///
/// Metadata: `backbone`, `size`, `class_names` (JSON), `feature_dimension`, `training_record` (JSON), `program_version`.
public struct Checkpoint {
  /// By the names that the tensors have here.
  public let file: any TensorFile
  public let backbone: Backbone
  /// Side of the images that the network was trained with.
  public let size: Int
  /// Nil in files of other programs.
  public let record: TrainingRecord?

  /// - Parameters:
  ///   - backbone: needed where the file does not say it.
  ///   - size: the same; it stands over the file's.
  /// - Throws: `usage` where they are needed and missing or contradict the file, `badData` for a broken file.
  public init(_ path: String, backbone: String? = nil, size: Int? = nil) throws {
    let file = try TensorFiles.open(path)
    let stored = file.metadata["backbone"]
    if let backbone, let stored, backbone != stored {
      throw Failure(.usage, "the file holds \(stored), not \(backbone)", at: .file(path), cure: "Leave --backbone out.")
    }
    guard let name = backbone ?? stored, let size = size ?? file.metadata["size"].flatMap(Int.init) else {
      throw Failure(
        .usage, "the file does not say which network and size it belongs to", at: .file(path),
        cure: "Add --backbone \(Backbone.all.map(\.name).joined(separator: "|")) --size N.")
    }
    self.backbone = try Backbone.named(name)
    try self.backbone.requireSize(size)
    self.size = size
    self.file = stored == nil ? try ForeignWeights(file, for: self.backbone).file : file
    record = try TrainingRecord(of: file)
  }

  /// The training record of a file; nil in files of other programs.
  ///
  /// - Throws: `missingInput`, `badData` for a broken file.
  public static func record(at path: String) throws -> TrainingRecord? { try TrainingRecord(of: try SafetensorsFile(path)) }

  /// Where the state of a training lies that has not finished the checkpoint at `path` yet.
  public static func statePath(besides path: String) -> String { (path as NSString).deletingPathExtension + ".resume.safetensors" }

  /// Whether a training was stopped before it had finished the checkpoint at `path`.
  public static func isUnfinished(_ path: String) -> Bool { FileManager.default.fileExists(atPath: statePath(besides: path)) }

  /// Forgets a training that was stopped, if there is one.
  ///
  /// - Throws: `cannotCreate` where the file may not be removed.
  public static func removeState(besides path: String) throws {
    let state = statePath(besides: path)
    guard unlink(state) != 0, errno != ENOENT else { return }
    throw Failure(.cannotCreate, "cannot be removed: \(String(cString: strerror(errno)))", at: .file(state))
  }

  static func write(_ items: [SafetensorsFile.Item], record: TrainingRecord, to path: String) throws {
    try SafetensorsFile.write(
      items,
      metadata: [
        "backbone": record.configuration.backbone, "size": String(record.configuration.size),
        "class_names": try ProteinLocation.all.map(\.name).json(), "feature_dimension": String(Network.featureCount),
        "training_record": try VersionedJSON.text(record), "program_version": record.programVersion,
      ], to: path)
  }
}

extension TrainingRecord {
  /// - Throws: `badData` for a record that cannot be read.
  init?(of file: any TensorFile) throws {
    guard let text = file.metadata["training_record"] else { return nil }
    self = try VersionedJSON.value(of: Data(text.utf8), path: file.path, cure: "Train it again: hpa-feat train --restart.")
  }
}

extension Encodable {
  /// One line with sorted keys.
  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }
}
