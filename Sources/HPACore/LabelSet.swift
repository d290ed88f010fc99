/// A set of protein locations (class ids 0 to 27), as one image carries them.
public struct LabelSet: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
  public private(set) var bits: UInt32

  public init() { bits = 0 }

  /// - Precondition: every id is in 0..<28.
  public init(arrayLiteral ids: Int...) { self.init(ids) }

  /// - Precondition: every id is in 0..<28.
  public init(_ ids: some Sequence<Int>) {
    bits = 0
    for id in ids { insert(id) }
  }

  /// Reads `16 0`: class ids separated by spaces, in any order; the empty text is the empty set.
  ///
  /// Returns nil where a word is no class id.
  public init?(parsing text: some StringProtocol) {
    bits = 0
    for word in text.split(separator: " ") {
      guard let id = Int(word), (0..<ProteinLocation.count).contains(id) else { return nil }
      insert(id)
    }
  }

  public mutating func insert(_ id: Int) {
    precondition((0..<ProteinLocation.count).contains(id), "class \(id) is not in 0...27")
    bits |= 1 << UInt32(id)
  }

  public func contains(_ id: Int) -> Bool { bits >> UInt32(id) & 1 == 1 }
  public func union(_ other: LabelSet) -> LabelSet { LabelSet(bits: bits | other.bits) }

  private init(bits: UInt32) { self.bits = bits }

  public var isEmpty: Bool { bits == 0 }
  public var count: Int { bits.nonzeroBitCount }

  /// The class ids, ascending.
  public var ids: [Int] { (0..<ProteinLocation.count).filter(contains) }

  /// The class ids ascending, separated by spaces: the form of a submission.
  public var description: String { ids.map(String.init).joined(separator: " ") }
}
