import Foundation
import HPACore
import HPATorch

/// What one run did: `results/runs/TIME.json` (schemas/run.schema.json). It is there from the start of the run and written anew after every
/// stage, so that a run which was killed has one, too.
struct RunManifest: Codable {
  enum Outcome: String, Codable {
    case running, finished, interrupted, failed
  }

  struct Step: Codable {
    enum Outcome: String, Codable {
      case done
      /// Nothing had changed since it was done.
      case upToDate
    }

    let stage: String
    let outcome: Outcome
    /// Why it was done.
    let reasons: [String]
    let facts: [String: String]
    let outputs: [String: String]
    let cost: StageCost?
  }

  struct Machine: Codable {
    let processor: String
    let threads: Int
    let device: String
    let precision: String
  }

  let project: String
  let programVersion: String
  let command: String
  let machine: Machine
  /// SHA-256 of the hpa.yaml that the run began with.
  let hpaYAML: String
  /// UTC, ISO 8601.
  let started: String
  private(set) var ended: String?
  private(set) var outcome = Outcome.running
  /// What stopped it.
  private(set) var message: String?
  private(set) var steps: [Step] = []
  /// The blend that stood at the end of the run; nil where there was none.
  private(set) var blend: BlendRecord?

  init(project: String, machine: RunMachine, hpaYAML: String) {
    self.project = project
    self.hpaYAML = hpaYAML
    programVersion = Version.text
    command = CommandLine.line
    started = Date().ISO8601Format()
    self.machine = Machine(
      processor: Self.processor(), threads: machine.threads, device: machine.device.description, precision: machine.precision.rawValue)
  }

  mutating func add(_ step: Step) { steps.append(step) }

  mutating func end(_ outcome: Outcome, message: String? = nil, blend: BlendRecord?) {
    (self.outcome, self.message, self.blend) = (outcome, message, blend)
    ended = Date().ISO8601Format()
  }

  private static func processor() -> String {
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
    let line = lines.first { $0.hasPrefix("model name") }
    return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
  }
}
