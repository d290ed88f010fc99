import Foundation
import Synchronization

/// Work on a fixed number of threads whose result does not depend on that number.
public enum Parallel {
  /// The processors that this process may use.
  public static var availableThreads: Int { ProcessInfo.processInfo.activeProcessorCount }

  /// Calls `body` once for every index, on up to `threads` threads, and returns the results in index order.
  ///
  /// The first failure (by index) is thrown after the running calls have ended; later indices are not begun.
  public static func map<Result: Sendable>(count: Int, threads: Int, _ body: @Sendable (Int) throws -> Result) throws -> [Result] {
    let next = Atomic<Int>(0)
    let failure = Mutex<(index: Int, error: any Error)?>(nil)
    let results = Mutex<[Result?]>(Array(repeating: nil, count: count))
    DispatchQueue.concurrentPerform(iterations: max(1, min(threads, count))) { _ in
      while failure.withLock({ $0 == nil }) {
        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard index < count else { return }
        do {
          let result = try body(index)
          results.withLock { $0[index] = result }
        } catch {
          failure.withLock { if index < $0?.index ?? .max { $0 = (index, error) } }
        }
      }
    }
    if let found = failure.withLock({ $0 }) { throw found.error }
    return results.withLock { $0.compactMap { $0 } }
  }
}
