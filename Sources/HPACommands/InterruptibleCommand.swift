import HPACore

/// A verb that can say more than the usual about what an interruption leaves.
protocol InterruptibleCommand {
  var keptWhenInterrupted: String { get }
}

/// A verb whose finished work is kept when it is interrupted.
protocol ResumableCommand: InterruptibleCommand {}

extension ResumableCommand {
  var keptWhenInterrupted: String { "What was finished is kept; the same command goes on from there." }
}

extension Extract: ResumableCommand {}
extension Import: ResumableCommand {}
extension Run: ResumableCommand {}
extension Store.ImportView: ResumableCommand {}
extension Store.Merge: ResumableCommand {}
extension Train: ResumableCommand {}

enum InterruptibleWords {
  static let nothingHalf = "No file is half written. The same command begins again."

  /// An interruption that says nothing of what is kept says `kept`.
  static func adding(_ kept: String, to failure: Failure) -> Failure {
    guard failure.kind == .interrupted, failure.cure == nil else { return failure }
    var failure = failure
    failure.cure = kept
    return failure
  }
}
