import Foundation
import Synchronization

/// The three descriptors that a program is begun with, as a program finds them: closed, full or gone.
public enum StandardStreams {
  private static let firstFailure = Mutex<Failure?>(nil)

  /// Opens what of 0, 1 and 2 is closed, so that no file of ours gets their numbers and with it what is said to the person.
  ///
  /// A closed output stays one that cannot be written to.
  public static func occupy() {
    for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) < 0 && errno == EBADF {
      // The lowest free number is taken, which is this one.
      _ = Foundation.open("/dev/null", O_RDONLY)
    }
  }

  /// Writes a text and a line feed to standard output. The first failure is kept in `outputFailure`, and the work goes on.
  public static func print(_ text: String) {
    guard let code = write(TerminalText.escapingControls(in: text) + "\n", to: STDOUT_FILENO) else { return }
    firstFailure.withLock { failure in
      failure =
        failure
        ?? Failure(
          .inputOutput, "standard output: \(String(cString: strerror(code)))",
          cure: "What the command does is done; only what it prints is lost. Give standard output a place with room.")
    }
  }

  /// Why something that was to be printed was not.
  public static var outputFailure: Failure? { firstFailure.withLock { $0 } }

  /// Writes a text and a line feed to standard error. Where that fails, there is nobody to tell.
  public static func say(_ text: String) { _ = write(TerminalText.escapingControls(in: text) + "\n", to: STDERR_FILENO) }

  /// Writes a text as it is, for lines that rewrite themselves.
  static func draw(_ text: String) { _ = write(text, to: STDERR_FILENO) }

  /// Returns the error number where not all could be written.
  private static func write(_ text: String, to descriptor: Int32) -> Int32? {
    var text = text
    return text.withUTF8 { bytes in
      var done = 0
      while done < bytes.count {
        let count = Foundation.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return count < 0 ? errno : ENOSPC }
        done += count
      }
      return nil
    }
  }
}

/// Text from files on its way to a terminal.
public enum TerminalText {
  /// Shows control characters, which would steer the terminal, as `\u{1B}`; line feeds and tabs stay.
  public static func escapingControls(in text: String) -> String { escaping(text) { $0 == "\n" || $0 == "\t" } }

  /// Shows all control characters as `\u{A}`: for names and ids, which stand inside a line.
  public static func name(_ text: String) -> String { escaping(text) { _ in false } }

  private static func escaping(_ text: String, except isKept: (Unicode.Scalar) -> Bool) -> String {
    guard text.unicodeScalars.contains(where: { isControl($0) && !isKept($0) }) else { return text }
    return text.unicodeScalars.reduce(into: "") { result, scalar in
      if isControl(scalar), !isKept(scalar) {
        result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
  }

  /// Controls, and the marks that turn the direction of writing, which make one name look like another (UAX 9).
  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }
}
