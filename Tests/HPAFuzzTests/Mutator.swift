import HPACore

/// Changes inputs at random, as libFuzzer does without its feedback: bits, bytes, numbers, pieces cut out, doubled, or taken from another.
struct Mutator {
  private var generator: SeededGenerator
  private let others: [[UInt8]]

  init(seed: UInt64, others: [[UInt8]]) {
    generator = SeededGenerator(seed: seed)
    self.others = others
  }

  /// One to four changes.
  mutating func mutated(_ bytes: [UInt8], longest: Int) -> [UInt8] {
    var bytes = bytes
    for _ in 0...generator.index(below: 4) { change(&bytes) }
    return Array(bytes.prefix(longest))
  }

  private mutating func change(_ bytes: inout [UInt8]) {
    guard !bytes.isEmpty else { return bytes.append(UInt8(generator.index(below: 256))) }
    let place = generator.index(below: bytes.count)
    switch generator.index(below: 7) {
    case 0: bytes[place] ^= 1 << UInt8(generator.index(below: 8))
    case 1: bytes[place] = UInt8(generator.index(below: 256))
    case 2: overwriteNumber(&bytes, at: place)
    case 3: bytes.removeSubrange(piece(of: bytes, at: place))
    case 4: bytes.insert(contentsOf: bytes[piece(of: bytes, at: place)], at: generator.index(below: bytes.count))
    case 5: bytes.insert(UInt8(generator.index(below: 256)), at: place)
    default:
      guard let other = others.isEmpty ? nil : others[generator.index(below: others.count)], !other.isEmpty else { return }
      bytes.replaceSubrange(piece(of: bytes, at: place), with: other[piece(of: other, at: generator.index(below: other.count))])
    }
  }

  private mutating func piece(of bytes: [UInt8], at start: Int) -> Range<Int> {
    start..<min(bytes.count, start + 1 + generator.index(below: 64))
  }

  /// Puts a number at the edge of some type's range over 2, 4 or 8 bytes, in either byte order.
  private mutating func overwriteNumber(_ bytes: inout [UInt8], at place: Int) {
    let numbers: [UInt64] = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 1 << 31 - 1, 1 << 31, 1 << 32 - 1, 1 << 63 - 1, 1 << 63, .max]
    let number = numbers[generator.index(below: numbers.count)]
    let width = 2 << generator.index(below: 3)
    let littleEndian = (0..<width).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) }
    let digits = generator.index(below: 2) == 0 ? littleEndian : littleEndian.reversed()
    for (offset, digit) in digits.enumerated() where place + offset < bytes.count { bytes[place + offset] = digit }
  }
}
