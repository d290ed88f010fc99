import ArgumentParser
import Foundation
import HPACore

/// Data for programs instead of tables for people.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print JSON.")
  var json = false
}

/// What goes to standard output.
enum Output {
  static func print(_ text: String) { StandardStreams.print(text) }

  /// Prints one line of JSON with sorted keys.
  static func print(json value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
  }

  /// With commas between thousands.
  static func grouped(_ count: Int) -> String {
    let digits: [Character] = String(count).reversed().enumerated().flatMap { $0 > 0 && $0 % 3 == 0 ? [",", $1] : [$1] }
    return String(digits.reversed())
  }

  static func decimal(_ value: Double, places: Int = 4) -> String { String(format: "%.\(places)f", value) }
}
