public import HPACore

/// An image that was left out, and why.
public struct Reject: Sendable, Equatable {
  public let id: ImageID
  public let reason: String

  public init(id: ImageID, reason: String) {
    self.id = id
    self.reason = reason
  }

  /// The form of a reject list: `Id,Reason`.
  public static func csv(_ rejects: [Reject]) -> String {
    rejects.reduce(into: CSVTable.line(["Id", "Reason"])) { $0 += CSVTable.line([$1.id.text, $1.reason]) }
  }
}
