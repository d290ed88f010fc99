extension ImageFile {
  /// Whether a file that cannot be decoded ends before its picture does: a broken download, say, rather than changed bytes.
  ///
  /// A PNG or JPEG that is whole ends with its end mark; the strips or tiles of a TIFF lie within the file. Zeros at the end count as missing
  /// bytes, for a copy that was broken off can be as long as its source.
  static func isCutOff(_ bytes: [UInt8]) -> Bool {
    if bytes.isEmpty { return true }
    if bytes.starts(with: pngStart) { return !hasEnd(bytes, [0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82]) }
    if bytes.starts(with: [0xFF, 0xD8]) { return !hasEnd(bytes, [0xFF, 0xD9]) }
    for mark in [Array("II*\0".utf8), Array("MM\0*".utf8)] where bytes.starts(with: mark) {
      return TIFFExtent(bytes, isLittleEndian: mark[0] == UInt8(ascii: "I")).isBeyondEnd
    }
    // Too short to say what it is, but a start of something.
    return [pngStart, [0xFF, 0xD8], Array("II*\0".utf8), Array("MM\0*".utf8)].contains { $0.starts(with: bytes) }
  }

  private static let pngStart: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

  private static func hasEnd(_ bytes: [UInt8], _ end: [UInt8]) -> Bool {
    bytes[...(bytes.lastIndex { $0 != 0 } ?? 0)].suffix(end.count).elementsEqual(end)
  }

  /// How far the first directory of a TIFF reaches, with the values, strips and tiles that it points at.
  private struct TIFFExtent {
    private let bytes: [UInt8]
    private let isLittleEndian: Bool
    private(set) var isBeyondEnd = false

    /// Offsets and byte counts of strips and tiles.
    private static let starts = [273, 324]
    private static let lengths = [279, 325]
    /// Bytes of a value, by the number of its type.
    private static let widths = [1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8]

    init(_ bytes: [UInt8], isLittleEndian: Bool) {
      self.bytes = bytes
      self.isLittleEndian = isLittleEndian
      let directory = number(at: 4, width: 4)
      var (starts, lengths): ([Int], [Int]) = ([], [])
      let entries = number(at: directory, width: 2)
      for place in (0..<entries).map({ directory + 2 + 12 * $0 }) where !isBeyondEnd {
        let tag = number(at: place, width: 2)
        let values = values(of: place)
        if Self.starts.contains(tag) { starts = values }
        if Self.lengths.contains(tag) { lengths = values }
      }
      // After its entries, a directory says where the next one is.
      _ = number(at: directory + 2 + 12 * entries, width: 4)
      if zip(starts, lengths).contains(where: { $0 + $1 > bytes.count }) { isBeyondEnd = true }
    }

    /// The values of a directory's entry, where they are whole numbers: in its last four bytes if they fit, else where these point.
    private mutating func values(of entry: Int) -> [Int] {
      guard let width = Self.widths[number(at: entry + 2, width: 2)] else { return [] }
      let count = number(at: entry + 4, width: 4)
      let place = count * width <= 4 ? entry + 8 : number(at: entry + 8, width: 4)
      guard place + count * width <= bytes.count else {
        isBeyondEnd = true
        return []
      }
      return width <= 4 ? (0..<count).map { number(at: place + $0 * width, width: width) } : []
    }

    private mutating func number(at place: Int, width: Int) -> Int {
      guard place + width <= bytes.count else {
        isBeyondEnd = true
        return 0
      }
      let digits = bytes[place..<place + width]
      return isLittleEndian ? digits.reversed().reduce(0) { $0 << 8 | Int($1) } : digits.reduce(0) { $0 << 8 | Int($1) }
    }
  }
}
