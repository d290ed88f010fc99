import Foundation

/// The name of one image: a Kaggle UUID, or `antibody_plate_well_position` in HPAv18.
///
/// Ids are ordered by their UTF-8 bytes; every tie in the program is broken by this order.
public struct ImageID: Hashable, Sendable, Comparable, ExpressibleByStringLiteral, CustomStringConvertible {
  public let text: String

  public init(_ text: String) { self.text = text }
  public init(stringLiteral value: String) { self.text = value }

  public var description: String { text }

  /// The part before the first underscore: the antibody of an HPAv18 id. Later underscores belong to the rest.
  public var antibody: Substring { text.prefix { $0 != "_" } }

  // String compares by canonical equivalence; keys of the store and the order of ids are bytes.
  public static func == (left: ImageID, right: ImageID) -> Bool { compare(left, right) == 0 }
  public static func < (left: ImageID, right: ImageID) -> Bool { compare(left, right) < 0 }

  public func hash(into hasher: inout Hasher) {
    text.utf8.withContiguousStorageIfAvailable { hasher.combine(bytes: UnsafeRawBufferPointer($0)) } ?? hasher.combine(text)
  }

  private static func compare(_ left: ImageID, _ right: ImageID) -> Int {
    var (left, right) = (left.text, right.text)
    return left.withUTF8 { left in
      right.withUTF8 { right in
        guard let first = left.baseAddress, let second = right.baseAddress else { return left.count - right.count }
        let order = memcmp(first, second, min(left.count, right.count))
        return order == 0 ? left.count - right.count : Int(order)
      }
    }
  }
}
