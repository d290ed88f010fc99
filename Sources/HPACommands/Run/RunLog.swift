import Foundation
import HPACore

/// What `run` has done in a project: `results/run/stages.json` (schemas/stages.schema.json), written anew after every stage.
final class RunLog {
  private struct Form: Codable {
    var stages: [String: StageRecord] = [:]
    var contents: [String: Contents.Known] = [:]
  }

  private let path: String
  private var stages: [String: StageRecord]
  let contents: Contents

  /// - Throws: `badData` for a file that is no such log, or of a newer format.
  init(_ path: String) throws {
    self.path = path
    let form = FileManager.default.fileExists(atPath: path) ? try FileBytes.read(json: path, as: Form.self) : Form()
    stages = form.stages
    contents = Contents(known: form.contents)
  }

  subscript(_ stage: any Stage) -> StageRecord? { stages[stage.name] }

  func set(_ record: StageRecord, for stage: any Stage) throws {
    stages[stage.name] = record
    try save()
  }

  private func save() throws { try FileBytes.write(json: Form(stages: stages, contents: contents.known), to: path) }

  /// Amount a second and thread of a kind of work, as it was here; nil before the first.
  func rate(of kind: Work.Kind) -> Double? {
    let costs = stages.values.compactMap(\.cost).filter { $0.kind == kind && $0.amount > 0 }
    let time = costs.reduce(0) { $0 + $1.seconds * Double($1.threads) }
    return time > 0 ? costs.reduce(0) { $0 + $1.amount } / time : nil
  }

  /// Why a stage is not up to date; empty where it is. All of its upstream must be done.
  func staleness(of stage: any Stage) throws -> [String] {
    guard let record = self[stage] else { return ["not done by run yet"] }
    let differences = record.differences(from: try stage.facts(contents))
    guard differences.isEmpty else { return differences }
    guard record.state == .done else { return ["was stopped"] }
    if let gap = try stage.gap() { return [gap] }
    return try stage.outputs.compactMap { output in
      guard let content = try contents.sha256(of: output) else { return "\(output.name) is missing or not whole" }
      return record.outputs[output.name] == content ? nil : "\(output.name) was changed since"
    }
  }
}
