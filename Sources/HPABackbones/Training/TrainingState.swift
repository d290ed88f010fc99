import Foundation
import HPACore
import HPATorch

/// Where a training stands after its last finished epoch: a safetensors file beside the checkpoint, there for as long as the training is
/// not finished.
///
/// It holds the network and the optimiser; the best weights are in the checkpoint, which is written first. Draws, augmentations and
/// dropout follow from the seed and the number of the epoch. Metadata: `training_state` (the version of this form), `training_record`
/// (JSON), `device`, `log` (the CSV).
struct TrainingState {
  let file: SafetensorsFile
  let record: TrainingRecord
  let device: String
  let log: String

  private static let version = "1"
  static let networkPrefix = "network."
  static let optimiserPrefix = "optimiser"

  /// - Returns: nil where the training has not begun or is finished.
  /// - Throws: `badData` for a damaged file and for one of another version of the program.
  init?(besides checkpoint: String) throws {
    let path = Checkpoint.statePath(besides: checkpoint)
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    file = try SafetensorsFile(path)
    let found = file.metadata["training_state"]
    guard found == Self.version, let device = file.metadata["device"], let log = file.metadata["log"] else {
      throw Failure(
        .badData, "is the state of a training in form \(found ?? "'unknown'"), not \(Self.version)", at: .file(path),
        cure: "Go on with the version of the program that began it, or begin anew with --restart.")
    }
    (self.device, self.log) = (device, log)
    guard let record = try TrainingRecord(of: file) else {
      throw Failure(.badData, "holds no training record", at: .file(path), cure: "Begin anew with --restart.")
    }
    self.record = record
  }

  static func write(
    _ items: [SafetensorsFile.Item], record: TrainingRecord, device: String, log: String, besides checkpoint: String
  ) throws {
    try SafetensorsFile.write(
      items, metadata: ["training_state": version, "training_record": try VersionedJSON.text(record), "device": device, "log": log],
      to: Checkpoint.statePath(besides: checkpoint))
  }
}
