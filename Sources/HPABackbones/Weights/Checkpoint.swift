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
    do {
      record = try file.metadata["training_record"].map { try JSONDecoder().decode(TrainingRecord.self, from: Data($0.utf8)) }
    } catch {
      throw Failure(
        .badData, "its training record cannot be read", at: .file(path), cure: "The file may come from a newer version of this program.")
    }
  }

  static func write(_ items: [SafetensorsFile.Item], record: TrainingRecord, to path: String) throws {
    try SafetensorsFile.write(
      items,
      metadata: [
        "backbone": record.configuration.backbone, "size": String(record.configuration.size),
        "class_names": try json(ProteinLocation.all.map(\.name)), "feature_dimension": String(Network.featureCount),
        "training_record": try json(record), "program_version": record.programVersion,
      ], to: path)
  }

  private static func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}
