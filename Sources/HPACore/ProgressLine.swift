import Foundation
import Synchronization

/// Rate and time left of long work, on stderr: a line that rewrites itself on a terminal, a line every ten seconds elsewhere.
///
/// Work under two seconds prints nothing. Safe to advance from any thread.
public final class ProgressLine: Sendable {
  private struct State {
    var done: Int
    var lastShown: ContinuousClock.Instant
    var hasShown = false
    var note = ""
  }

  private let label: String
  private let unit: String
  private let total: Int
  private let first: Int
  private let isTerminal: Bool
  private let isQuiet: Bool
  private let started = ContinuousClock.now
  private let state: Mutex<State>

  /// Silences every progress line of the process (`--quiet`).
  public static func silenceAll() { isSilenced.store(true, ordering: .relaxed) }

  private static let isSilenced = Atomic<Bool>(false)

  /// - Parameters:
  ///   - unit: what is counted, plural (`"images"`).
  ///   - alreadyDone: work of an earlier run; it counts as done, not for the rate.
  public init(_ label: String, total: Int, unit: String, alreadyDone: Int = 0) {
    self.label = label
    self.unit = unit
    self.total = total
    first = alreadyDone
    isTerminal = isatty(STDERR_FILENO) == 1
    isQuiet = ProgressLine.isSilenced.load(ordering: .relaxed)
    state = Mutex(State(done: alreadyDone, lastShown: .now))
  }

  /// - Parameter note: what else is worth a look, such as `"loss 0.123"`.
  public func advance(by count: Int = 1, note: String? = nil) {
    state.withLock { state in
      state.done += count
      if let note { state.note = note }
      let now = ContinuousClock.now
      let pause: Duration = isTerminal ? .milliseconds(200) : .seconds(10)
      guard !isQuiet, now - started > .seconds(2), !state.hasShown || now - state.lastShown > pause else { return }
      state.lastShown = now
      state.hasShown = true
      StandardStreams.draw(line(done: state.done, note: state.note, now: now) + (isTerminal ? "" : "\n"))
    }
  }

  /// Ends the line; prints the totals where the work took over two seconds.
  public func finish() {
    state.withLock { state in
      guard !isQuiet, ContinuousClock.now - started > .seconds(2) else { return }
      StandardStreams.draw(line(done: state.done, note: state.note, now: .now) + "\n")
    }
  }

  private func line(done: Int, note: String, now: ContinuousClock.Instant) -> String {
    let seconds = (now - started).seconds
    let rate = Double(done - first) / max(seconds, 1e-9)
    let left = rate > 0 ? ProgressLine.time(Double(total - done) / rate) : "?"
    let ending = done >= total ? "in \(ProgressLine.time(seconds))" : "\(left) left"
    let text = "\(TerminalText.name(label)): \(done) of \(total) \(unit), \(String(format: rate < 10 ? "%.2f" : "%.0f", rate))/s, \(ending)"
    return (isTerminal ? "\r\u{1B}[K" : "") + text + (note.isEmpty ? "" : ", " + note)
  }

  private static func time(_ seconds: Double) -> String {
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(whole % 3600 / 60) min"
  }
}

extension Duration {
  public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
