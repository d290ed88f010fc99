import Foundation
import HPACore
import HPAStore

/// One run of a project: does what is stale, stage by stage, and keeps book of it.
///
/// A stage that was stopped goes on; one whose facts have changed since it was begun begins anew. What follows on a stage that gave the same
/// content as before is up to date.
final class ProjectRun {
  private let project: ProjectFolder
  private let stages: [any Stage]
  private let log: RunLog
  private let machine: RunMachine

  init(_ project: ProjectFolder, _ machine: RunMachine) throws {
    self.project = project
    self.machine = machine
    stages = try project.stages(machine)
    log = try RunLog(project.result("run/stages.json"))
  }

  func plan() throws -> RunPlan { try RunPlan(stages, log: log, threads: machine.threads) }

  /// Bytes that the disk of the project has left.
  var freeDisk: Int? {
    let path = project.root.isEmpty ? "." : project.root
    return (try? FileManager.default.attributesOfFileSystem(forPath: path))?[.systemFreeSize] as? Int
  }

  /// Does all that is stale.
  ///
  /// - Parameter say: is told what each stage reached.
  /// - Returns: the path of the manifest.
  func execute(_ say: (String) -> Void) throws -> (path: String, manifest: RunManifest) {
    let lock = try project.lockAlone()
    defer { withExtendedLifetime(lock) {} }
    project.folders.forEach(FileBytes.removeLeftovers(in:))
    var manifest = RunManifest(
      project: project.configuration.name, machine: machine, hpaYAML: try ContentHash.file(project.path(ProjectFolder.fileName)))
    let path = manifestPath(manifest)
    do {
      for stage in stages {
        manifest.add(try step(stage, say))
        try FileBytes.write(json: manifest, to: path)
      }
    } catch {
      manifest.end((error as? Failure)?.kind == .interrupted ? .interrupted : .failed, message: "\(error)", blend: try? blendRecord())
      try? FileBytes.write(json: manifest, to: path)
      throw error
    }
    manifest.end(.finished, blend: try blendRecord())
    try FileBytes.write(json: manifest, to: path)
    return (path, manifest)
  }

  private func step(_ stage: any Stage, _ say: (String) -> Void) throws -> RunManifest.Step {
    try Interruption.check()
    let reasons = try log.staleness(of: stage)
    let record = log[stage]
    guard !reasons.isEmpty else {
      return .init(
        stage: stage.name, outcome: .upToDate, reasons: [], facts: record?.facts ?? [:], outputs: record?.outputs ?? [:], cost: record?.cost
      )
    }
    Talk.say("\n== \(stage.name) (\(reasons[0])\(reasons.count > 1 ? "; and \(reasons.count - 1) more" : ""))")
    let facts = try stage.facts(log.contents)
    if let record, record.facts != facts { try stage.clear() }
    var new = StageRecord(facts: facts)
    try log.set(new, for: stage)
    let share = try stage.remainder()
    let meter = StageMeter()
    say(try stage.run())
    let cost = StageCost(
      kind: stage.work.kind, amount: stage.work.amount * share, seconds: meter.seconds, threads: machine.threads, peakBytes: meter.peakBytes
    )
    new.finish(outputs: try contents(of: stage), cost: cost)
    try log.set(new, for: stage)
    return .init(stage: stage.name, outcome: .done, reasons: reasons, facts: facts, outputs: new.outputs, cost: cost)
  }

  private func contents(of stage: any Stage) throws -> [String: String] {
    var contents: [String: String] = [:]
    for output in stage.outputs {
      guard let content = try log.contents.sha256(of: output) else {
        throw Failure(
          .software, "stage '\(stage.name)' did not leave \(output.name)", cure: "This is an error of hpa-feat; please report it.")
      }
      contents[output.name] = content
    }
    return contents
  }

  private func blendRecord() throws -> BlendRecord? {
    FileManager.default.fileExists(atPath: project.blendRecord) ? try FileBytes.read(json: project.blendRecord) : nil
  }

  /// `results/runs/2026-11-25T17-03-59Z.json`; a second run within the second gets a number.
  private func manifestPath(_ manifest: RunManifest) -> String {
    let stem = project.result("runs/" + manifest.started.replacing(":", with: "-"))
    let names = [stem] + (2...1000).map { "\(stem)-\($0)" }
    return (names.first { FileStamp(of: $0 + ".json") == nil } ?? stem) + ".json"
  }
}

/// Time and memory of a piece of work.
struct StageMeter {
  private let started = ContinuousClock.now

  init() {
    // Begins the count of the peak anew (proc(5)).
    try? "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .utf8)
  }

  var seconds: Double { (ContinuousClock.now - started).seconds }

  /// The largest resident memory since the beginning.
  var peakBytes: Int {
    let lines = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8))?.split(separator: "\n") ?? []
    let line = lines.first { $0.hasPrefix("VmHWM:") }
    return (line?.split(separator: " ").compactMap { Int($0) }.first ?? 0) << 10
  }
}
