import Foundation
import Synchronization

/// Ctrl-C as a question that long work asks between steps, so that it stops at a clean place.
///
/// Work that does not ask in time, since it waits for a pipe, a lock or a library, is ended from outside: all writers leave their files whole
/// at any moment.
public enum Interruption {
  private static let requested = Atomic<Bool>(false)
  /// How long work may take to stop by itself.
  private static let grace: UInt32 = 1_000_000

  /// Posted by the signal handler, awaited by the thread that ends the program.
  private nonisolated(unsafe) static let signals: UnsafeMutablePointer<sem_t> = {
    let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
    sem_init(semaphore, 0, 0)
    return semaphore
  }()

  /// Turns SIGINT and SIGTERM into a request that `check` reports. A second signal ends the program at once.
  ///
  /// A file-size limit becomes an ordinary write error instead of a signal.
  ///
  /// - Parameter ending: what is said before a program ends that did not stop by itself; called on another thread.
  public static func listen(ending: @escaping @Sendable (Failure) -> Void) {
    // A parent may have blocked them, and a blocked signal never comes.
    var numbers = sigset_t()
    sigemptyset(&numbers)
    for number in [SIGINT, SIGTERM] { sigaddset(&numbers, number) }
    pthread_sigmask(SIG_UNBLOCK, &numbers, nil)
    signal(SIGXFSZ, SIG_IGN)
    // Made before a handler may ask for it.
    _ = signals
    Thread.detachNewThread {
      while sem_wait(Interruption.signals) != 0 {}
      usleep(grace)
      ending(failure)
      ScratchFiles.removeAll()
      _exit(Failure.Kind.interrupted.rawValue)
    }
    for number in [SIGINT, SIGTERM] {
      signal(number) { caught in
        if Interruption.requested.exchange(true, ordering: .relaxed) { _exit(128 + caught) }
        sem_post(Interruption.signals)
      }
    }
  }

  private static var failure: Failure { Failure(.interrupted, "interrupted") }

  /// - Throws: `interrupted`, once a signal has come.
  public static func check() throws {
    guard requested.load(ordering: .relaxed) else { return }
    throw failure
  }
}
