import Foundation

/// What one committed transaction left, for reading. LMDB keeps its pages from being used again as long as it lives; they are read here,
/// by way of PageMap's checks, since LMDB's own reading trusts them.
///
/// Bytes that it hands out are gone with it.
struct Snapshot: ~Copyable {
  private let pin: Transaction
  let content: Content

  /// The trees of a snapshot, without what keeps their pages.
  struct Content: Sendable {
    private let mapping: Mapping
    let transaction: UInt64
    let lastPage: Int
    let pages: PageMap
    let free: Tree
    let main: Tree

    init(_ meta: MetaPage, _ mapping: Mapping, fileLength: Int) throws {
      self.mapping = mapping
      transaction = meta.transaction
      lastPage = meta.lastPage
      pages = PageMap(mapping, fileLength: fileLength, pageSize: meta.pageSize)
      (free, main) = try meta.trees(pages)
    }

    /// A named database.
    func tree(_ name: String) throws -> Tree? {
      guard let (page, node) = try Array(name.utf8).withUnsafeBytes({ try main.find($0) }) else { return nil }
      return try tree(node, page: page)
    }

    func tree(_ node: TreePage.Node, page: Int) throws -> Tree {
      guard node.flags == TreePage.Node.isTree, node.size == Tree.recordBytes else { throw PageDamage(page, "describes no tree") }
      return try Tree(node.data, in: pages, page: page)
    }
  }

  init(_ pin: consuming Transaction, _ content: Content) {
    self.pin = pin
    self.content = content
  }

  /// The main database.
  var main: Tree { content.main }

  func tree(_ name: String) throws -> Tree? { try content.tree(name) }
}
