import Foundation

/// One of the two pages that say where a committed transaction's trees begin: page 0 for even transactions, page 1 for odd ones.
struct MetaPage: Equatable {
  private static let magic: UInt32 = 0xBEEF_C0DE
  private static let version: UInt32 = 1
  private static let integerKeys: UInt16 = 8
  /// Of the page, header included.
  static let bytes = 152
  /// LMDB counts in bytes of its map: 32 TiB of pages are more than any store has, and less than overflows.
  private static let mostPages: UInt64 = 1 << 33

  private let copy: [UInt8]
  let pageSize: Int
  let transaction: UInt64
  let lastPage: Int

  /// - Throws: PageDamage for anything that this program's LMDB would not have written.
  init(_ number: Int, bytes: UnsafeRawBufferPointer) throws {
    guard bytes.count >= MetaPage.bytes else { throw PageDamage(number, "is cut off") }
    copy = Array(bytes.prefix(MetaPage.bytes))
    func word(_ offset: Int) -> UInt32 { bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
    func long(_ offset: Int) -> UInt64 { bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
    guard bytes.loadUnaligned(fromByteOffset: 10, as: UInt16.self) == PageMap.Kind.meta.rawValue, word(16) == MetaPage.magic else {
      throw PageDamage(number, "is no first page of an LMDB file")
    }
    guard word(20) == MetaPage.version else {
      throw PageDamage(number, "is of LMDB format \(word(20)); this program reads \(MetaPage.version)")
    }
    pageSize = Int(word(40))
    guard (512...65536).contains(pageSize), pageSize & (pageSize - 1) == 0,
      bytes.loadUnaligned(fromByteOffset: 44, as: UInt16.self) & 0xFF == MetaPage.integerKeys, long(136) < MetaPage.mostPages,
      long(136) >= 1
    else { throw PageDamage(number, "has impossible numbers") }
    transaction = long(144)
    lastPage = Int(long(136))
  }

  /// The tree of free pages, and the main database.
  func trees(_ pages: PageMap) throws -> (free: Tree, main: Tree) {
    let number = Int(transaction & 1)
    return try copy.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { throw PageDamage(number, "is cut off") }
      return (try Tree(start + 40, in: pages, order: .numbers, page: number), try Tree(start + 88, in: pages, page: number))
    }
  }

  /// Both pages of a file, the newer one first.
  ///
  /// - Throws: PageDamage also where their transactions do not follow each other.
  static func both(descriptor: Int32) throws -> (newer: MetaPage, older: MetaPage) {
    let first = try read(0, at: 0, descriptor: descriptor)
    let second = try read(1, at: first.pageSize, descriptor: descriptor)
    guard first.pageSize == second.pageSize else { throw PageDamage(1, "has another page size") }
    let (newer, older) = first.transaction > second.transaction ? (first, second) : (second, first)
    let isFresh = first.transaction == 0 && second.transaction == 0
    guard isFresh || (newer.transaction - older.transaction == 1 && first.transaction % 2 == 0) else {
      throw PageDamage(Int(older.transaction & 1), "belongs to transaction \(older.transaction), the other to \(newer.transaction)")
    }
    return (newer, older)
  }

  /// Where a page of this kind may stand: at the beginning, and behind the first page, whatever its size.
  static let offsets = [0] + (9...16).map { 1 << $0 }

  /// The bytes at all of these places, to see whether a writer is changing them.
  static func copies(descriptor: Int32) -> [[UInt8]] {
    offsets.map { offset in
      var bytes = [UInt8](repeating: 0, count: MetaPage.bytes)
      let got = pread(descriptor, &bytes, bytes.count, off_t(offset))
      return Array(bytes.prefix(max(got, 0)))
    }
  }

  static func read(_ number: Int, at offset: Int, descriptor: Int32) throws -> MetaPage {
    var bytes = [UInt8](repeating: 0, count: MetaPage.bytes)
    let got = pread(descriptor, &bytes, bytes.count, off_t(offset))
    guard got >= 0 else { throw LMDBError(code: errno) }
    return try bytes.withUnsafeBytes { try MetaPage(number, bytes: UnsafeRawBufferPointer(rebasing: $0.prefix(got))) }
  }
}
