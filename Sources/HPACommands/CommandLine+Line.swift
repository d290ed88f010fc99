extension CommandLine {
  /// The command as typed, for records of what made a thing.
  static var line: String { (["hpa-feat"] + arguments.dropFirst()).joined(separator: " ") }
}
