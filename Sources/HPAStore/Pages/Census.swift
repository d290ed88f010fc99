/// Who owns every page of a snapshot. A page number that was damaged leads to a page of another tree or to a free one, whose records may be
/// whole; so each page may belong to one tree only, and to none where it is free.
struct Census {
  /// How far a census looks.
  enum Depth {
    /// Down to the numbers of the leaf pages: enough to read, since leaf pages are checked when they are read.
    case branches
    /// Into every leaf page: what LMDB relies on when it writes.
    case leaves
  }

  private(set) var owned: PageSet

  init(pages: Int) { owned = PageSet(count: pages) }

  /// - Throws: PageDamage for the first thing that is wrong.
  static func check(_ content: Snapshot.Content, depth: Depth) throws {
    var census = Census(pages: content.pages.count)
    try census.claim(0)
    try census.claim(1)
    try census.add(content.free, depth: .leaves)
    try Census.forEachFreePage(content) { try census.claim($0) }
    try census.add(content.main, depth: .leaves)
    for tree in try Census.trees(content) { try census.add(tree, depth: depth) }
  }

  /// The named databases.
  static func trees(_ content: Snapshot.Content) throws -> [Tree] {
    var trees: [Tree] = []
    try content.main.forEachNode { _, node, page in
      if node.flags == TreePage.Node.isTree { trees.append(try content.tree(node, page: page)) }
    }
    return trees
  }

  /// The pages in the free list that lie in the file; LMDB does not write pages at the end that it has freed already.
  static func forEachFreePage(_ content: Snapshot.Content, _ body: (Int) throws -> Void) throws {
    let width = MemoryLayout<UInt64>.size
    try content.free.forEachNode { key, node, page in
      let list = try content.free.value(node, page: page)
      guard key.count == width, list.count >= width, list.count % width == 0 else { throw PageDamage(page, "is no list of free pages") }
      let count = pageNumber(list.loadUnaligned(as: UInt64.self))
      guard count <= list.count / width - 1 else { throw PageDamage(page, "has a wrong list of free pages") }
      var previous = content.lastPage + 1
      for index in 0..<count {
        let free = pageNumber(list.loadUnaligned(fromByteOffset: (index + 1) * width, as: UInt64.self))
        guard free < previous else { throw PageDamage(page, "has a wrong list of free pages") }
        previous = free
        if free < content.pages.count { try body(free) }
      }
    }
  }

  /// Adds the pages of a tree.
  ///
  /// - Throws: PageDamage for a page that has an owner already, and for damage inside the pages that are looked at.
  mutating func add(_ tree: Tree, depth: Depth) throws {
    let looksInside = depth == .leaves || tree.overflowPages > 0
    var (records, overflow) = (0, 0)
    try tree.forEachLeaf(onBranch: { try claim($0) }) { number, bounds in
      try claim(number)
      guard looksInside else { return }
      let page = try TreePage(number, isLeaf: true, in: tree.pages)
      try page.check(isLeaf: true, order: tree.order, bounds: bounds)
      records += page.count
      for index in 0..<page.count {
        let node = try page.leafNode(index)
        guard node.flags == TreePage.Node.isOverflow else { continue }
        let (first, length) = (tree.overflowPage(node), tree.pages.overflowPages(size: node.size))
        _ = try tree.value(node, page: number)
        for page in first..<first + length { try claim(page) }
        overflow += length
      }
    }
    guard !looksInside || (records == tree.count && overflow == tree.overflowPages) else {
      throw PageDamage(0, "leads to a tree of \(records) records where \(tree.count) are expected")
    }
  }

  mutating func claim(_ page: Int) throws {
    guard page >= 0, page < owned.count else { throw PageDamage(page, "lies beyond the end of the file") }
    guard owned.insert(page) else { throw PageDamage(page, "belongs to two trees, or to one and to the free pages") }
  }
}

/// A set of page numbers.
struct PageSet {
  let count: Int
  private var words: [UInt64]

  init(count: Int) {
    self.count = count
    words = Array(repeating: 0, count: (count + 63) / 64)
  }

  func contains(_ page: Int) -> Bool { words[page / 64] >> UInt64(page % 64) & 1 == 1 }

  /// Returns false where it was there already.
  mutating func insert(_ page: Int) -> Bool {
    guard !contains(page) else { return false }
    words[page / 64] |= 1 << UInt64(page % 64)
    return true
  }
}
