/// A zip archive whose files are stored as they are, with right checksums: what a reader that checks them must be given.
struct StoredArchive {
  private(set) var bytes: [UInt8] = []
  private var directory: [UInt8] = []
  private var count = 0

  init(_ files: [(name: String, content: [UInt8])]) {
    for file in files { add(file.name, file.content) }
    let start = bytes.count
    bytes += directory
    bytes += Self.number(0x0605_4B50, 4) + Self.number(0, 4) + Self.number(count, 2) + Self.number(count, 2)
    bytes += Self.number(directory.count, 4) + Self.number(start, 4) + Self.number(0, 2)
  }

  private mutating func add(_ name: String, _ content: [UInt8]) {
    // Version, flags, method, time, date (1980-01-01), checksum, both sizes, the length of the name, no extra field.
    var description = Self.number(20, 2) + Self.number(0, 6) + Self.number(0x21, 2) + Self.number(Int(CRC32.of(content)), 4)
    description += Self.number(content.count, 4) + Self.number(content.count, 4) + Self.number(name.utf8.count, 2) + Self.number(0, 2)
    directory += Self.number(0x0201_4B50, 4) + Self.number(20, 2) + description + Self.number(0, 10) + Self.number(bytes.count, 4)
    directory += Array(name.utf8)
    bytes += Self.number(0x0403_4B50, 4) + description + Array(name.utf8) + content
    count += 1
  }

  /// Little-endian.
  private static func number(_ value: Int, _ width: Int) -> [UInt8] { (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
}

/// zlib's CRC-32, from its definition: what the program's own is measured against.
enum CRC32 {
  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
  }

  static func of(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(~0) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ $0 >> 8 }
  }
}
