import CLMDB
import Foundation

/// What is wrong with a data file, before it is known which store it is about.
struct PageDamage: Error {
  let page: Int
  let reason: String

  init(_ page: Int, _ reason: String) { (self.page, self.reason) = (page, reason) }
}

/// A file in memory, read only. It is unmapped with the last reader.
final class Mapping: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer

  /// Maps more than the file has, so that a file that grows needs no other mapping soon.
  ///
  /// - Throws: LMDBError with errno.
  init(descriptor: Int32, fileLength: Int) throws {
    var length = 1 << 26
    while length < fileLength { length *= 2 }
    guard let start = mmap(nil, length, PROT_READ, MAP_SHARED, descriptor, 0), start != MAP_FAILED else { throw LMDBError(code: errno) }
    bytes = UnsafeRawBufferPointer(start: start, count: length)
  }

  deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count) }
}

/// The pages of an LMDB 0.9 data file, as long as their Mapping lives; it is not held here, since counting its users for every record would take
/// longer than reading them. Nothing in them is believed: every number is checked before it is followed, so a damaged file gives a
/// PageDamage and never a wild read or an endless walk.
///
/// Source: mdb.c of LMDB 0.9 (MDB_page, MDB_node, MDB_db, MDB_meta); schemas/store.md shows the layout.
struct PageMap: @unchecked Sendable {
  static let headerBytes = 16

  enum Kind: UInt16 {
    case branch = 1
    case leaf = 2
    case overflow = 4
    case meta = 8
  }

  let pageSize: Int
  /// Pages that the file has.
  let count: Int
  private let base: UnsafeRawPointer?

  init(_ mapping: Mapping, fileLength: Int, pageSize: Int) {
    self.pageSize = pageSize
    base = mapping.bytes.baseAddress
    count = min(fileLength, mapping.bytes.count) / pageSize
  }

  /// Brings a share of a page into the caches, if there is such a page: all shares at once would keep the reader waiting.
  @inline(__always)
  func prefetch(_ number: Int, share: Int, of shares: Int) {
    guard number >= 0, number < count, let base else { return }
    let bytes = pageSize / shares
    hpa_prefetch(base + number * pageSize + share * bytes, bytes + 64)
  }

  /// Brings the first bytes of a page into the caches, if there is such a page.
  @inline(__always)
  func prefetchHeader(_ number: Int) {
    guard number >= 0, number < count, let base else { return }
    hpa_prefetch(base + number * pageSize, PageMap.headerBytes)
  }

  /// The bytes of `length` pages from page `number` on, whose header says that they are of this kind.
  @inline(__always)
  func pages(_ number: Int, kind: Kind, length: Int = 1) throws -> UnsafeRawPointer {
    guard number >= 0, length <= count, number <= count - length, let base else {
      throw PageDamage(number, "lies beyond the end of the file")
    }
    let page = base + number * pageSize
    guard page.load(as: UInt64.self) == UInt64(number) else { throw PageDamage(number, "has another page's number") }
    guard page.load(fromByteOffset: 10, as: UInt16.self) == kind.rawValue else { throw PageDamage(number, "is of the wrong kind") }
    return page
  }

  /// The bytes of a value that has pages of its own.
  func overflow(_ number: Int, size: Int) throws -> UnsafeRawBufferPointer {
    let length = overflowPages(size: size)
    let start = try pages(number, kind: .overflow, length: length)
    guard Int(start.load(fromByteOffset: 12, as: UInt32.self)) == length else { throw PageDamage(number, "has the wrong length") }
    return UnsafeRawBufferPointer(start: start + PageMap.headerBytes, count: size)
  }

  func overflowPages(size: Int) -> Int { (PageMap.headerBytes + size - 1) / pageSize + 1 }
}

/// A number of the file as an index; what cannot be one becomes too large for every check.
func pageNumber(_ raw: UInt64) -> Int { Int(clamping: raw) }
