import Foundation
import HPACore

/// What `run` would do, why, and what that takes.
struct RunPlan: Encodable {
  struct Step: Encodable {
    let stage: String
    /// Why it is not up to date; empty where it is.
    let reasons: [String]
    /// Nil where nothing is to be done.
    let seconds: Double?
    /// Whether `seconds` follows from earlier runs here, not from an ordinary machine.
    let isMeasured: Bool
    let memoryBytes: Int
    let diskBytes: Int

    var isStale: Bool { !reasons.isEmpty }
  }

  let steps: [Step]

  /// - Parameter threads: that the work will have.
  init(_ stages: [any Stage], log: RunLog, threads: Int) throws {
    var stale: Set<String> = []
    steps = try stages.map { stage in
      let changed = stage.upstream.filter(stale.contains)
      let reasons = try changed.isEmpty ? log.staleness(of: stage) : ["after \(Self.list(changed))"]
      guard !reasons.isEmpty else {
        return Step(stage: stage.name, reasons: [], seconds: nil, isMeasured: false, memoryBytes: 0, diskBytes: 0)
      }
      stale.insert(stage.name)
      let rate = log.rate(of: stage.work.kind)
      let share = try changed.isEmpty && log[stage]?.differences(from: stage.facts(log.contents)).isEmpty ?? true ? stage.remainder() : 1
      let seconds = stage.work.amount * share / ((rate ?? stage.work.kind.assumedRate) * Double(threads))
      return Step(
        stage: stage.name, reasons: reasons, seconds: seconds, isMeasured: rate != nil, memoryBytes: stage.work.memory,
        diskBytes: Int(Double(stage.work.disk) * share))
    }
  }

  private static func list(_ names: [String]) -> String {
    names.count <= 2 ? names.joined(separator: ", ") : "\(names[0]) and \(names.count - 1) more"
  }

  var stale: [Step] { steps.filter(\.isStale) }

  /// A table, and the sums.
  func text(freeDisk: Int?) -> String {
    var table = Table([("stage", .left), ("time", .right), ("memory", .right), ("disk", .right), ("why", .left)])
    for step in steps {
      let why = step.reasons.prefix(2).joined(separator: "; ") + (step.reasons.count > 2 ? "; and \(step.reasons.count - 2) more" : "")
      table.add([
        step.stage, step.seconds.map { Self.time($0) + (step.isMeasured ? "" : "?") } ?? "",
        step.isStale && step.memoryBytes > 0 ? Self.bytes(step.memoryBytes) : "", step.diskBytes > 0 ? Self.bytes(step.diskBytes) : "",
        step.isStale ? why : "up to date",
      ])
    }
    guard !stale.isEmpty else { return "\(table.text)\n\nEverything is up to date." }
    let seconds = stale.compactMap(\.seconds).reduce(0, +)
    let (memory, disk) = (stale.map(\.memoryBytes).max() ?? 0, stale.map(\.diskBytes).reduce(0, +))
    let free = freeDisk.map { ", \(Self.bytes($0)) are free" } ?? ""
    var lines = [
      table.text, "",
      "\(stale.count) of \(steps.count) stages to do: about \(Self.time(seconds)), up to \(Self.bytes(memory)) of memory, \(Self.bytes(disk)) of disk\(free)",
    ]
    if stale.contains(where: { !$0.isMeasured }) {
      lines.append("Times with ? assume an ordinary machine; after a run they follow from its own.")
    }
    return lines.joined(separator: "\n")
  }

  static func time(_ seconds: Double) -> String {
    if seconds < 1 { return "1 s" }
    if seconds < 90 { return "\(Int(seconds.rounded())) s" }
    if seconds < 5400 { return "\(Int((seconds / 60).rounded())) min" }
    return String(format: "%.1f h", seconds / 3600)
  }

  static func bytes(_ count: Int) -> String {
    let units = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")]
    guard let (scale, unit) = units.first(where: { Double(count) >= $0.0 }) else { return "\(count) B" }
    let value = Double(count) / scale
    return "\(Output.decimal(value, places: value < 10 ? 1 : 0)) \(unit)"
  }
}
