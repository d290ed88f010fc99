import Foundation
import HPACore

/// One step from images to a submission: what decides its outcome, what it leaves, and how it is done.
///
/// A stage that is done twice from the same facts leaves the same content. It goes on by itself where it was stopped.
protocol Stage {
  /// Unique in the project, such as `train v4_512 fold 0`.
  var name: String { get }
  /// The names of the stages whose outputs it reads.
  var upstream: [String] { get }
  /// What it leaves, at least.
  var outputs: [Artefact] { get }
  var work: Work { get }

  /// Everything that decides the outcome, by name: settings, and the contents of what is read. Asked only when all upstream is done.
  func facts(_ contents: Contents) throws -> [String: String]
  /// Why what it left is not whole any more, where its outputs do not tell.
  func gap() throws -> String?
  /// The share of the work that is left where it was stopped, from 0 to 1.
  func remainder() throws -> Double
  /// Puts away what was made from other facts.
  func clear() throws
  /// Does what is missing; returns what was reached, for people.
  func run() throws -> String
}

extension Stage {
  /// The properties of a plain value as facts.
  static func settings(of value: Any) -> [String: String] {
    Dictionary(propertyTexts(of: value).map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
  }

  func gap() throws -> String? { nil }
  func remainder() throws -> Double { 1 }
  func clear() throws {}
}

/// How much a stage has to do, for estimates.
struct Work {
  /// Stages of one kind have one speed.
  enum Kind: String, Codable, CaseIterable {
    case `import`, folds, train, extract, index, search, stack, blend, report

    /// Amount a second and thread before this project has run: of an ordinary processor with AVX2.
    var assumedRate: Double {
      switch self {
      // Images of a thousand pixels a side.
      case .import: 10
      // Floating-point operations.
      case .train: 30e9
      case .extract: 40e9
      case .search: 20e9
      case .stack: 10e9
      // Rows.
      case .index: 1000
      case .folds, .blend: 20_000
      case .report: 2000
      }
    }
  }

  let kind: Kind
  /// In the unit of `Kind.assumedRate`.
  let amount: Double
  /// Bytes at the same time.
  var memory = 0
  /// Bytes that stay on the disk.
  var disk = 0
}

/// What `run` knows of a stage that it began.
struct StageRecord: Codable {
  enum State: String, Codable { case begun, done }

  let facts: [String: String]
  private(set) var state = State.begun
  /// By name of the artefact, its content.
  private(set) var outputs: [String: String] = [:]
  private(set) var cost: StageCost?
  /// When it was done; UTC, ISO 8601.
  private(set) var finished: String?

  init(facts: [String: String]) { self.facts = facts }

  mutating func finish(outputs: [String: String], cost: StageCost) {
    state = .done
    (self.outputs, self.cost) = (outputs, cost)
    finished = Date().ISO8601Format()
  }

  /// What would be different in a stage with these facts, a line each.
  func differences(from wanted: [String: String]) -> [String] {
    Set(facts.keys).union(wanted.keys).sorted().compactMap { name in
      let (then, now) = (facts[name] ?? "none", wanted[name] ?? "none")
      guard then != now else { return nil }
      return [then, now].contains(where: Self.isHash) ? "\(name) changed" : "\(name): \(then) then, \(now) now"
    }
  }

  private static func isHash(_ text: String) -> Bool { text.wholeMatch(of: /(.* )?[0-9a-f]{64}/) != nil }
}

/// What a stage took.
struct StageCost: Codable {
  let kind: Work.Kind
  let amount: Double
  let seconds: Double
  let threads: Int
  /// The largest resident memory of the process while it worked.
  let peakBytes: Int
}
