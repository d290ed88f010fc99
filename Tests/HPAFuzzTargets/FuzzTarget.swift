import HPACore
package import HPATestSupport

/// A reader of foreign files as fuzzing sees it: whatever the bytes, it gives a value or a `Failure` that blames them.
///
/// It never traps and never leaks; memory and time are watched by who runs it.
package struct FuzzTarget: Sendable {
  /// One input, and the folder where readers that take a path find it.
  struct Input {
    let bytes: [UInt8]
    let folder: TemporaryFolder

    /// A file of the input's bytes, or of others.
    func file(_ name: String = "input", holding others: [UInt8]? = nil) throws -> String {
      let path = folder.path(name)
      try overwrite(path, with: others ?? bytes)
      return path
    }
  }

  /// A reader that did not keep to the contract.
  package struct Broken: Error, CustomStringConvertible {
    package let description: String
  }

  package let name: String
  /// The most bytes of an input.
  package let longestInput: Int
  /// The largest single allocation that an input may lead to, MiB.
  package let largestAllocation: Int
  private let read: @Sendable (Input) throws -> Void

  init(_ name: String, longestInput: Int, largestAllocation: Int, read: @escaping @Sendable (Input) throws -> Void) {
    self.name = name
    self.longestInput = longestInput
    self.largestAllocation = largestAllocation
    self.read = read
  }

  /// Feeds one input to the reader.
  ///
  /// - Throws: `Broken` where it throws another error than a `Failure`, one that does not blame the data, or gives a wrong value.
  package func check(_ bytes: [UInt8], in folder: TemporaryFolder) throws {
    do {
      try read(Input(bytes: bytes, folder: folder))
    } catch let failure as Failure {
      guard failure.kind == .badData, !failure.message.isEmpty, "\(failure)".utf8.count < 8192 else {
        throw Broken(description: "the failure is of the kind \(failure.kind): \("\(failure)".prefix(1000))")
      }
    } catch let broken as Broken {
      throw broken
    } catch {
      throw Broken(description: "an error that is no Failure: \(error)")
    }
  }

  /// Runs `read` and takes a `Failure` that blames the data for an answer, so that what comes after it is read as well.
  static func refusing(_ read: () throws -> Void) throws {
    do {
      try read()
    } catch let failure as Failure where failure.kind == .badData {
      return
    }
  }

  /// What `body` gives. What the program wrote itself must be read: here, a `Failure` is a broken contract as well.
  static func reread<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch {
      throw Broken(description: "what was read and written cannot be read again: \(error)")
    }
  }

  /// Throws `Broken` where a law of the reader does not hold.
  static func require(_ holds: Bool, _ law: @autoclosure () -> String) throws {
    guard holds else { throw Broken(description: law()) }
  }
}

extension FuzzTarget {
  /// Every target; a new one is a file beside this one and a word here.
  package static let all: [FuzzTarget] = [.png, .tiff, .jpeg, .npy, .safetensors, .csv, .tables, .yaml, .viewHeader, .pth, .storePages]
}
