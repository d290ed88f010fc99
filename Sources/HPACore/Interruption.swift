import Foundation
import Synchronization

/// Ctrl-C as a question that long work asks between steps, so that it stops at a clean place.
public enum Interruption {
  private static let requested = Atomic<Bool>(false)

  /// Turns SIGINT and SIGTERM into a request that `check` reports. A second signal ends the program at once.
  ///
  /// A file-size limit becomes an ordinary write error instead of a signal.
  public static func listen() {
    // A parent may have blocked them, and a blocked signal never comes.
    var numbers = sigset_t()
    sigemptyset(&numbers)
    for number in [SIGINT, SIGTERM] { sigaddset(&numbers, number) }
    pthread_sigmask(SIG_UNBLOCK, &numbers, nil)
    signal(SIGXFSZ, SIG_IGN)
    for number in [SIGINT, SIGTERM] {
      signal(number) { caught in
        if Interruption.requested.exchange(true, ordering: .relaxed) { _exit(128 + caught) }
      }
    }
  }

  /// - Throws: `interrupted`, once a signal has come.
  public static func check() throws {
    guard requested.load(ordering: .relaxed) else { return }
    throw Failure(.interrupted, "interrupted", cure: "What was finished is kept; the same command goes on from there.")
  }
}
