import Foundation

/// One B+ tree of a snapshot: the free list, the main database, or a named one.
struct Tree: Sendable {
  static let recordBytes = 48
  /// As deep as LMDB's own cursors go.
  private static let deepest = 32

  let pages: PageMap
  let order: KeyOrder
  let count: Int
  let overflowPages: Int
  private let depth: Int
  private let branchPages: Int
  private let leafPages: Int
  private let root: Int

  /// - Parameters:
  ///   - record: 48 bytes (MDB_db).
  ///   - page: where they stand.
  init(_ record: UnsafeRawPointer, in pages: PageMap, order: KeyOrder = .bytes, page: Int) throws {
    func number(_ offset: Int) -> Int { pageNumber(record.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    self.pages = pages
    self.order = order
    depth = Int(record.loadUnaligned(fromByteOffset: 6, as: UInt16.self))
    (branchPages, leafPages, overflowPages, count, root) = (number(8), number(16), number(24), number(32), number(40))
    let isEmpty = root == Int.max
    guard depth <= Tree.deepest, isEmpty == (depth == 0), isEmpty == (leafPages == 0), isEmpty == (count == 0),
      [branchPages, leafPages, overflowPages].allSatisfy({ $0 <= pages.count })
    else { throw PageDamage(page, "describes no tree") }
    let flags = record.loadUnaligned(fromByteOffset: 4, as: UInt16.self)
    guard order == .numbers || flags == 0 else { throw PageDamage(page, "describes a tree of another kind") }
  }

  /// The value of a key.
  func get(_ key: [UInt8]) throws -> UnsafeRawBufferPointer? {
    try key.withUnsafeBytes { try find($0) }.map { try value($0.node, page: $0.page) }
  }

  func find(_ key: UnsafeRawBufferPointer) throws -> (page: Int, node: TreePage.Node)? {
    guard depth > 0 else { return nil }
    var number = root
    for _ in 1..<depth {
      let page = try TreePage(number, isLeaf: false, in: pages)
      let index = try page.firstIndex(notBelow: key, order: order, from: 1)
      let isExact = index < page.count ? order.compare(try page.key(index), key) == 0 : false
      number = try page.child(isExact ? index : index - 1)
    }
    let page = try TreePage(number, isLeaf: true, in: pages)
    let index = try page.firstIndex(notBelow: key, order: order, from: 0)
    guard index < page.count else { return nil }
    let node = try page.leafNode(index)
    return order.compare(node.key, key) == 0 ? (number, node) : nil
  }

  @inline(__always)
  func value(_ node: TreePage.Node, page: Int) throws -> UnsafeRawBufferPointer {
    switch node.flags {
    case 0: return UnsafeRawBufferPointer(start: node.data, count: node.size)
    case TreePage.Node.isOverflow where overflowPages > 0: return try pages.overflow(overflowPage(node), size: node.size)
    default: throw PageDamage(page, "has a value of the wrong kind")
    }
  }

  func overflowPage(_ node: TreePage.Node) -> Int { pageNumber(node.data.loadUnaligned(as: UInt64.self)) }

  /// Gives the number of every leaf page in key order, with the bounds of its keys.
  ///
  /// - Parameters:
  ///   - onBranch: is given every branch page first.
  ///   - onDamage: what to do where a branch page cannot be followed, and with the keys that lie below it; by default the walk ends there.
  /// - Throws: PageDamage where there are more or fewer pages than the tree's record says: so a walk always ends.
  func forEachLeaf(
    onBranch: (Int) throws -> Void = { _ in }, onDamage: (PageDamage, KeyBounds) throws -> Void = { damage, _ in throw damage },
    _ body: (Int, KeyBounds) throws -> Void
  ) throws {
    guard depth > 0 else { return }
    var (branches, leaves) = (0, 0)
    func visit(_ number: Int, level: Int, bounds: KeyBounds) throws {
      if level == depth {
        leaves += 1
        guard leaves <= leafPages else { throw PageDamage(number, "is one leaf page too many") }
        return try body(number, bounds)
      }
      branches += 1
      guard branches <= branchPages else { throw PageDamage(number, "is one branch page too many") }
      do {
        try onBranch(number)
        let page = try TreePage(number, isLeaf: false, in: pages)
        try page.check(isLeaf: false, order: order, bounds: bounds)
        for index in 0..<page.count {
          let lower = index == 0 ? bounds.lower : try page.key(index)
          let upper = index + 1 < page.count ? try page.key(index + 1) : bounds.upper
          try visit(try page.child(index), level: level + 1, bounds: KeyBounds(lower: lower, upper: upper))
        }
      } catch let damage as PageDamage {
        try onDamage(damage, bounds)
      }
    }
    try visit(root, level: 1, bounds: KeyBounds())
    guard branches == branchPages, leaves == leafPages else {
      try onDamage(PageDamage(root, "leads to \(leaves) leaf pages where \(leafPages) are expected"), KeyBounds())
      return
    }
  }

  /// The leaf pages in key order.
  func leaves() throws -> [Int] {
    var leaves: [Int] = []
    leaves.reserveCapacity(leafPages)
    try forEachLeaf { number, _ in leaves.append(number) }
    return leaves
  }

  /// Gives every record in key order.
  ///
  /// - Throws: PageDamage where keys are out of order or not as many as the tree's record says; what `body` throws.
  func forEach(_ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> Void) throws {
    try forEachNode { key, node, page in try body(key, try value(node, page: page)) }
  }

  func forEachNode(_ body: (_ key: UnsafeRawBufferPointer, _ node: TreePage.Node, _ page: Int) throws -> Void) throws {
    var seen = 0
    var previous: UnsafeRawBufferPointer?
    try forEachLeaf { number, _ in
      let page = try TreePage(number, isLeaf: true, in: pages)
      for index in 0..<page.count {
        let node = try page.leafNode(index)
        if let previous, order.compare(previous, node.key) >= 0 { throw PageDamage(number, "has keys out of order") }
        previous = node.key
        seen += 1
        try body(node.key, node, number)
      }
    }
    guard seen == count else { throw PageDamage(root, "leads to \(seen) records where \(count) are expected") }
  }
}
