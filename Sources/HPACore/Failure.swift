/// What went wrong, where, and what to do about it: the one error that every room throws.
///
/// `kind` decides the exit code of the program (sysexits). A message names the thing, `place` says where it
/// stands, `cure` tells the reader what to type or change.
public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Kind: Int32, Sendable {
    case usage = 64
    case badData = 65
    case missingInput = 66
    case unavailable = 69
    case software = 70
    case cannotCreate = 73
    case inputOutput = 74
    case interrupted = 130
  }

  /// Where a failure happened: a file, and inside it a row (1-based, as an editor counts), a key or an id.
  public struct Place: Sendable, Equatable, CustomStringConvertible {
    public var path: String?
    public var row: Int?
    public var id: String?

    public init(path: String? = nil, row: Int? = nil, id: String? = nil) {
      self.path = path
      self.row = row
      self.id = id
    }

    public static func file(_ path: String, row: Int? = nil, id: String? = nil) -> Place {
      Place(path: path, row: row, id: id)
    }

    public static func id(_ id: ImageID) -> Place { Place(id: id.text) }

    public var description: String {
      var parts: [String] = []
      if let path = path.map(TerminalText.name) { parts.append(row.map { "\(path):\($0)" } ?? path) }
      if let id { parts.append("id \(TerminalText.name(id))") }
      return parts.joined(separator: ", ")
    }
  }

  public var kind: Kind
  public var message: String
  public var place: Place
  public var cure: String?

  public init(_ kind: Kind, _ message: String, at place: Place = Place(), cure: String? = nil) {
    self.kind = kind
    self.message = message
    self.place = place
    self.cure = cure
  }

  public var description: String {
    let head = place.description.isEmpty ? message : "\(place): \(message)"
    return cure.map { "\(head)\n  \($0)" } ?? head
  }
}
