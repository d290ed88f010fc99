import Foundation
import HPACore
import HPAStore

/// What a blend was computed from and what it gave: `results/blend.json` (schemas/blend.schema.json). With the objects that it names, the blend
/// can be computed again when the features and networks are gone.
struct BlendRecord: Codable {
  struct Member: Codable {
    let name: String
    let weight: Double
    let validation: ObjectFolder.Rows
    let test: ObjectFolder.Rows
  }

  struct Leaks: Codable {
    let matches: ObjectFolder.Object
    let galleryLabels: ObjectFolder.Object
  }

  let programVersion: String
  /// The settings of that time.
  let hpaYAML: ObjectFolder.Object
  let members: [Member]
  let trainLabels: ObjectFolder.Object
  let testIDs: ObjectFolder.Object
  let testLabels: ObjectFolder.Object?
  let leaks: Leaks?
  /// SHA-256 of every file that was written, by name.
  let outputs: [String: String]

  init(keeping inputs: BlendInputs, hpaYAML: String, in objects: ObjectFolder, outputs folder: String) throws {
    programVersion = Version.text
    self.hpaYAML = try objects.keep(hpaYAML)
    members = try inputs.members.map {
      Member(name: $0.name, weight: $0.weight, validation: try objects.keep($0.validation), test: try objects.keep($0.test))
    }
    trainLabels = try objects.keep(inputs.labels)
    testIDs = try objects.keep(inputs.testIDs)
    testLabels = try inputs.testLabels.map(objects.keep)
    leaks = try inputs.leaks.map { Leaks(matches: try objects.keep($0.matches), galleryLabels: try objects.keep($0.labels)) }
    outputs = try Self.contents(of: folder)
  }

  /// - Throws: `missingInput` or `badData` for an object that is gone or changed.
  func inputs(from objects: ObjectFolder) throws -> BlendInputs {
    let settings = try ProjectConfiguration(contentsOf: try objects.open(hpaYAML))
    return BlendInputs(
      members: try members.map {
        BlendInputs.Member(
          name: $0.name, weight: $0.weight, validation: try objects.open($0.validation), test: try objects.open($0.test))
      },
      labels: try objects.open(trainLabels), testIDs: try objects.open(testIDs), testLabels: try testLabels.map(objects.open),
      leaks: try leaks.map { BlendInputs.Leaks(matches: try objects.open($0.matches), labels: try objects.open($0.galleryLabels)) },
      thresholds: settings.thresholds)
  }

  static func contents(of folder: String) throws -> [String: String] {
    let names = BlendInputs.outputs(in: folder)
    return Dictionary(uniqueKeysWithValues: try names.map { ($0, try ContentHash.file("\(folder)/\($0)")) })
  }
}

/// A blend that is computed once more from what a run kept.
struct BlendReplay: Encodable {
  struct File: Encodable {
    let name: String
    let isSame: Bool
  }

  let files: [File]
  let programVersion: String

  /// - Parameters:
  ///   - objects: those of the project.
  ///   - folder: where the files are written.
  init(_ record: BlendRecord, objects: ObjectFolder, into folder: String) throws {
    _ = try record.inputs(from: objects).blend(into: folder)
    let now = try BlendRecord.contents(of: folder)
    files = Set(record.outputs.keys).union(now.keys).sorted().map { File(name: $0, isSame: record.outputs[$0] == now[$0]) }
    programVersion = record.programVersion
  }

  var isSame: Bool { files.allSatisfy(\.isSame) }

  var text: String {
    var table = Table([("file", .left), ("", .left)])
    for file in files { table.add([file.name, file.isSame ? "the same bytes" : "other bytes"]) }
    return table.text
  }
}
