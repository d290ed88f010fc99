import HPAImages

extension FuzzTarget {
  /// What begins as a PNG is read as it is. Anything else is taken for a width and filtered rows, and laid into a PNG with right checksums, for a
  /// changed byte of compressed rows is a wrong checksum and nothing more.
  ///
  /// Law: our own decoder of plain files gives the pixels that libpng gives.
  static let png = FuzzTarget("png", longestInput: 32 << 10, largestAllocation: 288) { input in
    let isPicture = input.bytes.starts(with: RowsAsPNG.signature)
    let bytes = isPicture ? input.bytes : RowsAsPNG(input.bytes).bytes
    guard let image = try picture(bytes), bytes.count > RowsAsPNG.endOfHeader else { return }
    let expected = try reread { try ImageFile.decode(RowsAsPNG.forLibpng(bytes), path: "input") }
    try require(image == expected, "the pixels are not those of libpng")
  }
}

/// A grey PNG around filtered rows: the first byte is the width less one, and the first byte of each row its filter.
private struct RowsAsPNG {
  static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
  static let endOfHeader = 33
  private(set) var bytes = signature

  init(_ input: [UInt8]) {
    let rowBytes = Int(input.first ?? 0) + 2
    var rows = Array(input.dropFirst())
    rows += Array(repeating: 0, count: rows.isEmpty ? rowBytes : (rowBytes - rows.count % rowBytes) % rowBytes)
    // Five filters, and one that is none.
    for start in stride(from: 0, to: rows.count, by: rowBytes) { rows[start] %= 6 }
    add("IHDR", Self.number(rowBytes - 1, 4) + Self.number(rows.count / rowBytes, 4) + [8, 0, 0, 0, 0])
    // One block, stored as it is.
    let block = [0x01] + Self.littleEndian(rows.count) + Self.littleEndian(~rows.count) + rows
    let data = [0x78, 0x01] + block + Self.number(Self.adler32(rows), 4)
    for part in [data.prefix(data.count / 3), data.dropFirst(data.count / 3)] { add("IDAT", Array(part)) }
    add("IEND", [])
  }

  /// The same picture with a chunk whose checksum is wrong, which libpng passes over, and our own decoder leaves to it.
  static func forLibpng(_ bytes: [UInt8]) -> [UInt8] {
    bytes[..<endOfHeader] + number(0, 4) + Array("tEXt".utf8) + number(0, 4) + bytes[endOfHeader...]
  }

  private mutating func add(_ type: String, _ content: [UInt8]) {
    let checked = Array(type.utf8) + content
    bytes += Self.number(content.count, 4) + checked + Self.number(Int(CRC32.of(checked)), 4)
  }

  /// Big-endian.
  private static func number(_ value: Int, _ width: Int) -> [UInt8] {
    (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private static func littleEndian(_ value: Int) -> [UInt8] { number(value, 2).reversed() }

  private static func adler32(_ bytes: [UInt8]) -> Int {
    var (low, high) = (1, 0)
    for byte in bytes {
      low = (low + Int(byte)) % 65521
      high = (high + low) % 65521
    }
    return high << 16 | low
  }
}
