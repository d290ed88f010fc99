import Foundation

/// A branch or leaf page: nodes in key order. Initialisation checks its header; every access checks the node.
struct TreePage {
  /// One key with its value or child.
  struct Node {
    let key: UnsafeRawBufferPointer
    let flags: UInt16
    /// Bytes of the value, wherever they lie.
    let size: Int
    /// Where the value (or the number of its pages) begins.
    let data: UnsafeRawPointer

    static let isOverflow: UInt16 = 1
    static let isTree: UInt16 = 2
  }

  private static let nodeHeader = 8

  let number: Int
  let count: Int
  private let start: UnsafeRawPointer
  private let pageSize: Int
  private let upper: Int

  @inline(__always)
  init(_ number: Int, isLeaf: Bool, in pages: PageMap) throws {
    start = try pages.pages(number, kind: isLeaf ? .leaf : .branch)
    self.number = number
    pageSize = pages.pageSize
    let lower = Int(start.load(fromByteOffset: 12, as: UInt16.self))
    upper = Int(start.load(fromByteOffset: 14, as: UInt16.self))
    guard lower >= PageMap.headerBytes, lower % 2 == 0, lower <= upper, upper <= pageSize else {
      throw PageDamage(number, "has wrong bounds")
    }
    count = (lower - PageMap.headerBytes) / 2
    guard count >= (isLeaf ? 1 : 2) else { throw PageDamage(number, "has too few keys") }
  }

  @inline(__always)
  private func node(_ index: Int) throws -> (start: UnsafeRawPointer, room: Int, keySize: Int) {
    let offset = Int(start.load(fromByteOffset: PageMap.headerBytes + 2 * index, as: UInt16.self))
    guard offset % 2 == 0, offset >= upper, offset <= pageSize - TreePage.nodeHeader else {
      throw PageDamage(number, "has a key outside of it")
    }
    let keySize = Int((start + offset).load(fromByteOffset: 6, as: UInt16.self))
    let room = pageSize - offset - TreePage.nodeHeader - keySize
    guard room >= 0 else { throw PageDamage(number, "has a key that is too long") }
    return (start + offset, room, keySize)
  }

  @inline(__always)
  func key(_ index: Int) throws -> UnsafeRawBufferPointer {
    let node = try node(index)
    return UnsafeRawBufferPointer(start: node.start + TreePage.nodeHeader, count: node.keySize)
  }

  /// A node of a leaf page.
  @inline(__always)
  func leafNode(_ index: Int) throws -> Node {
    let (start, room, keySize) = try node(index)
    let flags = start.load(fromByteOffset: 4, as: UInt16.self)
    let size = Int(start.load(as: UInt16.self)) | Int(start.load(fromByteOffset: 2, as: UInt16.self)) << 16
    guard flags <= Node.isTree else { throw PageDamage(number, "has a value of an unknown kind") }
    guard room >= (flags == Node.isOverflow ? MemoryLayout<UInt64>.size : size) else {
      throw PageDamage(number, "has a value outside of it")
    }
    let key = UnsafeRawBufferPointer(start: start + TreePage.nodeHeader, count: keySize)
    return Node(key: key, flags: flags, size: size, data: start + TreePage.nodeHeader + keySize)
  }

  /// The page below a node of a branch page.
  @inline(__always)
  func child(_ index: Int) throws -> Int {
    let (start, _, _) = try node(index)
    return Int(start.loadUnaligned(as: UInt32.self)) | Int(start.load(fromByteOffset: 4, as: UInt16.self)) << 32
  }

  /// Checks what reading takes on trust: keys in order and inside `bounds`, and nodes that fill the page without holes, as LMDB keeps them.
  func check(isLeaf: Bool, order: KeyOrder, bounds: KeyBounds) throws {
    var bytes = 0
    var previous = bounds.lower
    for index in 0..<count {
      let (_, _, keySize) = try node(index)
      var size = TreePage.nodeHeader + keySize
      if isLeaf {
        let node = try leafNode(index)
        size += node.flags == Node.isOverflow ? MemoryLayout<UInt64>.size : node.size
      }
      bytes += size + size % 2
      let key = try key(index)
      // The first key of a branch page stands for everything below the second.
      if !isLeaf, index == 0 { continue }
      let isFirst = index == 0 && isLeaf
      if let previous, order.compare(previous, key) >= (isFirst ? 1 : 0) { throw PageDamage(number, "has keys out of order") }
      if let upper = bounds.upper, order.compare(key, upper) >= 0 { throw PageDamage(number, "has a key that belongs elsewhere") }
      previous = key
    }
    guard bytes == pageSize - upper else { throw PageDamage(number, "has holes") }
  }

  /// The number of the first key that is not smaller than `key`.
  func firstIndex(notBelow key: UnsafeRawBufferPointer, order: KeyOrder, from first: Int) throws -> Int {
    var (low, high) = (first, count)
    while low < high {
      let middle = (low + high) / 2
      if order.compare(try self.key(middle), key) < 0 { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// How the keys of a tree are ordered.
enum KeyOrder {
  case bytes
  /// Eight bytes, as a number: the free list.
  case numbers

  /// Below zero, zero or above, as memcmp.
  func compare(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
    if self == .numbers, left.count == 8, right.count == 8 {
      let (left, right) = (left.loadUnaligned(as: UInt64.self), right.loadUnaligned(as: UInt64.self))
      return left < right ? -1 : left == right ? 0 : 1
    }
    let shared = min(left.count, right.count)
    if shared > 0, let first = left.baseAddress, let second = right.baseAddress {
      let order = memcmp(first, second, shared)
      if order != 0 { return Int(order) }
    }
    return left.count - right.count
  }
}

/// The keys that may stand below a branch: from `lower` on, before `upper`.
struct KeyBounds {
  var lower: UnsafeRawBufferPointer?
  var upper: UnsafeRawBufferPointer?
}
