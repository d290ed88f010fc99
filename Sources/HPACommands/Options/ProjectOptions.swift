import ArgumentParser

/// Where the project lies, for verbs that were given no files.
struct ProjectOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The folder with hpa.yaml, where no files are named.", valueName: "folder"))
  var project = "."

  /// The project for a verb that makes something in it.
  func open() throws -> ProjectFolder { try ProjectFolder(project, isChanged: true) }

  /// The project for a verb that looks, or that locks it itself.
  func look() throws -> ProjectFolder { try ProjectFolder(project) }
}

/// Checks that options which belong together are given together.
enum Together {
  /// Returns true where all are given, false where none is.
  ///
  /// - Throws: a usage error that names what is missing.
  static func allOrNone(_ options: [(name: String, isGiven: Bool)]) throws -> Bool {
    let missing = options.filter { !$0.isGiven }.map(\.name)
    guard !missing.isEmpty else { return true }
    guard missing.count == options.count else {
      let given = options.filter(\.isGiven).map(\.name)
      throw ValidationError("\(given.joined(separator: ", ")) also needs \(missing.joined(separator: ", ")).")
    }
    return false
  }
}
