import Foundation
import HPACore

/// What can be reached of a damaged file from one of its two first pages.
struct Wreck {
  /// A view as far as it is there. No vectors are taken from pages that two trees claim, since they may be another view's.
  struct View {
    let name: String
    let header: ViewHeader?
    let tree: Tree?
    var leaves: [Int]
    /// Where something is missing.
    var gaps: [(damage: PageDamage, bounds: KeyBounds)]
  }

  private(set) var views: [View] = []
  private(set) var damage: [PageDamage] = []
  private let content: Snapshot.Content
  private var claimed: PageSet
  private var contested: PageSet
  /// Nil where the list of free pages cannot be read.
  private var free: PageSet?

  init(_ content: Snapshot.Content, path: String) {
    self.content = content
    claimed = PageSet(count: content.pages.count)
    contested = PageSet(count: content.pages.count)
    free = Wreck.freePages(content, &damage)
    readViews(path)
    for index in views.indices { leaveContestedPages(index) }
    placeLostLeaves()
  }

  private static func freePages(_ content: Snapshot.Content, _ damage: inout [PageDamage]) -> PageSet? {
    var free = PageSet(count: content.pages.count)
    do {
      try Census.forEachFreePage(content) { _ = free.insert($0) }
      var own = Census(pages: content.pages.count)
      try own.add(content.free, depth: .leaves)
      for page in 0..<content.pages.count where own.owned.contains(page) || page < 2 { _ = free.insert(page) }
      return free
    } catch {
      damage.append(error as? PageDamage ?? PageDamage(0, "\(error)"))
      return nil
    }
  }

  private mutating func claim(_ page: Int) {
    guard page >= 0, page < claimed.count else { return }
    if !claimed.insert(page) || free?.contains(page) == true { _ = contested.insert(page) }
  }

  /// The leaf pages of a tree that can be reached, and what is missing.
  private mutating func walk(_ tree: Tree) -> (leaves: [Int], gaps: [(damage: PageDamage, bounds: KeyBounds)]) {
    var (leaves, gaps, pages): ([Int], [(damage: PageDamage, bounds: KeyBounds)], [Int]) = ([], [], [])
    do {
      try tree.forEachLeaf(onBranch: { pages.append($0) }, onDamage: { gaps.append(($0, $1)) }) { number, bounds in
        do {
          _ = try TreePage(number, isLeaf: true, in: tree.pages)
          leaves.append(number)
        } catch let damage as PageDamage {
          gaps.append((damage, bounds))
        }
      }
    } catch {
      gaps.append((error as? PageDamage ?? PageDamage(0, "\(error)"), KeyBounds()))
    }
    for page in pages + leaves { claim(page) }
    for number in leaves {
      Wreck.forEachNode(of: number, tree) { node in
        if node.flags == TreePage.Node.isOverflow { claim(tree.overflowPage(node)) }
      }
    }
    return (leaves, gaps)
  }

  private static func forEachNode(of number: Int, _ tree: Tree, _ body: (TreePage.Node) -> Void) {
    guard let page = try? TreePage(number, isLeaf: true, in: tree.pages) else { return }
    for index in 0..<page.count {
      if let node = try? page.leafNode(index) { body(node) }
    }
  }

  private mutating func readViews(_ path: String) {
    let main = walk(content.main)
    damage += main.gaps.map(\.damage)
    var trees: [String: Result<Tree, any Error>] = [:]
    var copies: [(name: String, json: UnsafeRawBufferPointer)] = []
    for leaf in main.leaves {
      Wreck.forEachNode(of: leaf, content.main) { node in
        let key = String(decoding: node.key, as: UTF8.self)
        if node.flags == TreePage.Node.isTree {
          trees[key] = Result { try content.tree(node, page: leaf) }
        } else if key.hasPrefix(FeatureStore.headerCopy), let json = try? content.main.value(node, page: leaf) {
          copies.append((String(key.dropFirst(FeatureStore.headerCopy.count)), json))
        }
      }
    }
    var headers = readHeaders(try? trees[FeatureStore.headers]?.get(), path)
    for (name, json) in copies where ViewHeader.isValid(name: name) && (headers[name] ?? nil) == nil {
      headers.updateValue(Wreck.header(json, name: name, path: path), forKey: name)
    }
    let prefix = FeatureStore.databaseName("")
    let names = Set(trees.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }).union(headers.keys)
    for name in names.sorted() {
      guard let tree = try? trees[FeatureStore.databaseName(name)]?.get() else {
        let gap = PageDamage(0, "leads to no tree of view '\(name)'")
        views.append(View(name: name, header: headers[name] ?? nil, tree: nil, leaves: [], gaps: [(gap, KeyBounds())]))
        continue
      }
      let (leaves, gaps) = walk(tree)
      views.append(View(name: name, header: headers[name] ?? nil, tree: tree, leaves: leaves, gaps: gaps))
    }
  }

  /// The headers by view; nil for those that cannot be read.
  private mutating func readHeaders(_ tree: Tree?, _ path: String) -> [String: ViewHeader?] {
    guard let tree else {
      damage.append(PageDamage(0, "leads to no headers"))
      return [:]
    }
    let (leaves, gaps) = walk(tree)
    damage += gaps.map(\.damage)
    var headers: [String: ViewHeader?] = [:]
    for leaf in leaves {
      Wreck.forEachNode(of: leaf, tree) { node in
        let name = String(decoding: node.key, as: UTF8.self)
        guard ViewHeader.isValid(name: name), let json = try? tree.value(node, page: leaf) else { return }
        if (try? ViewHeader(json: json, name: name, path: path)) == nil {
          damage.append(PageDamage(leaf, "has a damaged header of view '\(name)'"))
        }
        headers.updateValue(Wreck.header(json, name: name, path: path), forKey: name)
      }
    }
    return headers
  }

  private static func header(_ json: UnsafeRawBufferPointer, name: String, path: String) -> ViewHeader? {
    (try? ViewHeader(json: json, name: name, path: path)) ?? ViewHeader.mended(json, name: name, path: path)
  }

  private mutating func leaveContestedPages(_ index: Int) {
    let lost = views[index].leaves.filter { contested.contains($0) }
    views[index].leaves.removeAll { contested.contains($0) }
    views[index].gaps += lost.map { (PageDamage($0, "belongs to two trees, or to one and to the free pages"), KeyBounds()) }
    damage += views[index].gaps.map(\.damage)
  }

  /// Leaf pages that nothing leads to any more go to the one view that misses such keys.
  private mutating func placeLostLeaves() {
    guard let free else { return }
    for number in 2..<max(2, min(content.pages.count, content.lastPage + 1)) where !claimed.contains(number) && !free.contains(number) {
      guard let page = try? TreePage(number, isLeaf: true, in: content.pages), let first = try? page.key(0),
        let last = try? page.key(page.count - 1)
      else { continue }
      let takers = views.indices.filter { index in
        views[index].gaps.contains { gap in
          (gap.bounds.lower.map { KeyOrder.bytes.compare($0, first) <= 0 } ?? true)
            && (gap.bounds.upper.map { KeyOrder.bytes.compare(last, $0) < 0 } ?? true)
        }
      }
      if takers.count == 1, let taker = takers.first { views[taker].leaves.append(number) }
    }
  }

  /// Gives every record whose checksum is right.
  func forEachRecord(of view: View, _ body: (_ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer) throws -> Void) rethrows {
    // A value with pages of its own is found by way of the tree; without one, the main database's rule serves.
    let tree = view.tree ?? content.main
    for leaf in view.leaves {
      guard let page = try? TreePage(leaf, isLeaf: true, in: content.pages) else { continue }
      for index in 0..<page.count {
        guard let node = try? page.leafNode(index), let record = try? value(node, tree, page: leaf) else { continue }
        let dimension = view.header?.dimension ?? FeatureRecord.dimension(bytes: record.count)
        if FeatureRecord.defect(key: node.key, record: record, dimension: dimension) == nil { try body(node.key, record) }
      }
    }
  }

  private func value(_ node: TreePage.Node, _ tree: Tree, page: Int) throws -> UnsafeRawBufferPointer {
    guard node.flags == TreePage.Node.isOverflow else { return try tree.value(node, page: page) }
    let first = tree.overflowPage(node)
    guard first >= 0, first < claimed.count, !contested.contains(first) else { throw PageDamage(first, "belongs to two trees") }
    return try content.pages.overflow(first, size: node.size)
  }

  /// Vectors that can be saved together with what is known about them.
  var count: Int {
    var count = 0
    for view in views where view.header != nil { forEachRecord(of: view) { _, _ in count += 1 } }
    return count
  }
}
