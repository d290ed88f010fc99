import Foundation
import HPACore

/// The records of a view in key order, cut into parts of whole leaf pages that several threads look at.
struct ViewScan: Sendable {
  struct Part: Sendable {
    let leaves: Range<Int>
    let rows: Range<Int>
  }

  private static let partsPerThread = 16
  private static let headersAhead = 16

  let header: ViewHeader
  let tree: Tree
  let parts: [Part]
  private let leaves: [Int]
  private let threads = Parallel.availableThreads

  /// - Throws: PageDamage where the leaf pages do not hold as many records as the view has.
  init(_ header: ViewHeader, _ tree: Tree) throws {
    let leaves = try tree.leaves()
    let wanted = max(1, min(leaves.count, threads * ViewScan.partsPerThread))
    let ranges = (0..<wanted).map { $0 * leaves.count / wanted..<($0 + 1) * leaves.count / wanted }
    let counts = try Parallel.map(count: wanted, threads: threads) { part in
      try ranges[part].reduce(0) { count, leaf in
        tree.pages.prefetchHeader(leaves[min(leaf + ViewScan.headersAhead, leaves.count - 1)])
        return count + (try TreePage(leaves[leaf], isLeaf: true, in: tree.pages).count)
      }
    }
    var (row, parts): (Int, [Part]) = (0, [])
    for (range, count) in zip(ranges, counts) {
      parts.append(Part(leaves: range, rows: row..<row + count))
      row += count
    }
    guard row == tree.count else { throw PageDamage(leaves.first ?? 0, "and others hold \(row) records where \(tree.count) are expected") }
    (self.header, self.tree, self.leaves, self.parts) = (header, tree, leaves, parts)
  }

  /// The results of `body` for all parts, in key order.
  func map<Result: Sendable>(_ body: @Sendable (Part) throws -> Result) throws -> [Result] {
    try Parallel.map(count: parts.count, threads: threads) { index in
      try Interruption.check()
      return try body(parts[index])
    }
  }

  /// Gives every record of a part.
  ///
  /// - Throws: PageDamage where its keys are out of order, or do not follow those of the part before.
  @inline(__always)
  func forEach(in part: Part, _ body: (_ row: Int, _ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer) throws -> Void) throws {
    var row = part.rows.lowerBound
    var previous = try lastKey(before: part)
    for place in part.leaves {
      let number = leaves[place]
      let next = place + 1 < part.leaves.upperBound ? leaves[place + 1] : number
      let page = try TreePage(number, isLeaf: true, in: tree.pages)
      for index in 0..<page.count {
        let node = try page.leafNode(index)
        if let previous, tree.order.compare(previous, node.key) >= 0 { throw PageDamage(number, "has keys out of order") }
        previous = node.key
        tree.pages.prefetch(next, share: index, of: page.count)
        try body(row, node.key, try tree.value(node, page: number))
        row += 1
      }
    }
  }

  /// Gives every record, one by one.
  func forEach(_ body: (_ row: Int, _ key: UnsafeRawBufferPointer, _ record: UnsafeRawBufferPointer) throws -> Void) throws {
    for part in parts {
      try Interruption.check()
      try forEach(in: part, body)
    }
  }

  private func lastKey(before part: Part) throws -> UnsafeRawBufferPointer? {
    guard part.leaves.lowerBound > 0 else { return nil }
    let page = try TreePage(leaves[part.leaves.lowerBound - 1], isLeaf: true, in: tree.pages)
    return try page.key(page.count - 1)
  }
}
