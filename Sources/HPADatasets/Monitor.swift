import Foundation

/// State that threads share, with a lock, and a way to wait until it has a property.
///
/// Sendable because `state` is touched only with the condition's lock held; the compiler cannot see a lock that a wait lets go of.
final class Monitor<State: Sendable>: @unchecked Sendable {
  private let condition = NSCondition()
  private var state: State

  init(_ state: State) { self.state = state }

  /// Changes the state and wakes those who wait for a change.
  func change<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
    condition.lock()
    defer {
      condition.broadcast()
      condition.unlock()
    }
    return try body(&state)
  }

  /// Sleeps until `isReady`, then changes the state.
  func wait<Result>(until isReady: (State) -> Bool, then body: (inout State) throws -> Result) rethrows -> Result {
    condition.lock()
    defer {
      condition.broadcast()
      condition.unlock()
    }
    while !isReady(state) { condition.wait() }
    return try body(&state)
  }
}
