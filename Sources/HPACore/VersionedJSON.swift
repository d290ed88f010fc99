public import Foundation

/// The JSON that the program leaves in files: sorted keys, and under `format` the number of the form, which `schemas/` describes.
///
/// A reader takes what has no `format`, as versions before wrote it, and refuses a newer one than it knows.
public enum VersionedJSON {
  public static let format = 1

  /// What to do about a file that another run can make again.
  public static let rewrite = "Delete it and run the verb that wrote it again."

  /// - Parameter isIndented: for people; else one line.
  public static func text(_ value: some Encodable, isIndented: Bool = false) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if isIndented { encoder.outputFormatting.insert(.prettyPrinted) }
    return String(decoding: try encoder.encode(Formatted(value: value)), as: UTF8.self)
  }

  /// - Parameter path: the file that a failure points at.
  /// - Throws: `badData` where the JSON is not what `Value` says, or of a newer format.
  public static func value<Value: Decodable>(
    of json: Data, as _: Value.Type = Value.self, path: String, cure: String = rewrite
  ) throws -> Value {
    let found = (try? JSONDecoder().decode(Form.self, from: json))?.format ?? format
    guard found <= format else {
      throw Failure(
        .badData, "has format \(found); this program reads up to \(format)", at: .file(path), cure: "Use a newer hpa-feat. \(cure)")
    }
    do {
      return try JSONDecoder().decode(Value.self, from: json)
    } catch {
      throw Failure(.badData, "is not the JSON that hpa-feat writes: \(error)", at: .file(path), cure: cure)
    }
  }

  private struct Form: Decodable { let format: Int? }

  /// A value with the number of its form among its keys.
  private struct Formatted<Value: Encodable>: Encodable {
    let value: Value

    private enum CodingKeys: CodingKey { case format }

    func encode(to encoder: any Encoder) throws {
      try value.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(format, forKey: .format)
    }
  }
}

extension FileBytes {
  /// Writes indented JSON with sorted keys and its format.
  public static func write(json value: some Encodable, to path: String) throws {
    try write(try VersionedJSON.text(value, isIndented: true) + "\n", to: path)
  }

  /// - Throws: `missingInput`; `badData` where the file is not what `Value` says, or of a newer format.
  public static func read<Value: Decodable>(
    json path: String, as _: Value.Type = Value.self, cure: String = VersionedJSON.rewrite
  ) throws -> Value {
    try VersionedJSON.value(of: Data(try read(path)), path: path, cure: cure)
  }
}
