public import HPACore

/// Images of one set that look alike, as groups of two or more.
public struct SimilarityGroups: Sendable, Equatable {
  public enum Linkage: String, Sendable, CaseIterable {
    /// Two images whose score reaches the minimum are in one group, and so chains of such images are, however unlike their ends.
    case single
    /// Every pair of a group reaches the minimum; the most alike groups are joined first (complete linkage, Defays 1977).
    case complete
  }

  public struct Group: Sendable, Equatable {
    /// Ascending, two or more.
    public let ids: [ImageID]
    /// The lowest score of all pairs in the group.
    public let smallestScore: Float
    /// The pair that has it: the first in the order of ids.
    public let first: ImageID
    public let second: ImageID

    /// The smallest id.
    public var name: ImageID { ids[0] }
  }

  /// In the order of their names.
  public let groups: [Group]
  /// How many pairs reach the minimum score.
  public let pairs: Int

  /// Every pair is scored as in `ExactSearch`; the groups depend on ids and features only, not on the order of rows or on threads.
  ///
  /// Memory beside the rows: that of `ExactSearch`, and 16 bytes for each pair that reaches the minimum (ten times that for `complete`).
  /// - Parameter rows: every id once.
  /// - Throws: `badData` for unfit rows or an id that stands twice; `usage` for a minimum score that parts nothing; `interrupted`.
  public init(
    of rows: NamedRows<Float>, minimumScore: Float, linkage: Linkage, options: ExactSearch.Options = .init(), path: String? = nil,
    progress: ProgressLine? = nil
  ) throws {
    let sorted = rows.ids.indices.sorted { rows.ids[$0] < rows.ids[$1] }
    let ids = sorted.map { rows.ids[$0] }
    if let twice = ids.indices.dropFirst().first(where: { ids[$0] == ids[$0 - 1] }) {
      throw Failure(.badData, "the id stands twice", at: .init(path: path, id: ids[twice].text), cure: "Keep one row for each id.")
    }
    let search = try ExactSearch(gallery: NamedRows(ids: ids, matrix: rows.matrix.selecting(rows: sorted)), path: path)
    let pairs = try search.pairs(atLeast: minimumScore, options: options, progress: progress)
    let members =
      switch linkage {
      case .single: SingleLinkage.groups(of: pairs, count: ids.count)
      case .complete: try CompleteLinkage.groups(of: pairs)
      }
    self.pairs = pairs.count
    groups = try search.described(members, threads: options.threads)
  }
}

extension ExactSearch {
  /// Looks at all pairs of every group.
  fileprivate func described(_ groups: [[Int]], threads: Int) throws -> [SimilarityGroups.Group] {
    let places = groups.enumerated().flatMap { group, members in members.indices.dropLast().map { (group: group, member: $0) } }
    let least = try Parallel.map(count: places.count, threads: threads) { index in
      try Interruption.check()
      let members = groups[places[index].group]
      let first = members[places[index].member]
      return members[(places[index].member + 1)...].map { (score: Float(gallery.cosine(first, gallery, $0)), first: first, second: $0) }
        .reduce((score: Float.infinity, first: first, second: first)) { $1.score < $0.score ? $1 : $0 }
    }
    var next = 0
    return groups.map { members in
      let own = least[next..<next + members.count - 1]
      next += members.count - 1
      let worst = own.reduce(own[own.startIndex]) { $1.score < $0.score ? $1 : $0 }
      return SimilarityGroups.Group(
        ids: members.map { gallery.ids[$0] }, smallestScore: worst.score, first: gallery.ids[worst.first], second: gallery.ids[worst.second]
      )
    }
  }
}

/// Connected parts, by disjoint sets (Tarjan 1975).
private enum SingleLinkage {
  static func groups(of pairs: [SimilarPair], count: Int) -> [[Int]] {
    var parent = Array(0..<count)
    func root(_ row: Int) -> Int {
      var row = row
      while parent[row] != row {
        parent[row] = parent[parent[row]]
        row = parent[row]
      }
      return row
    }
    for pair in pairs {
      let (left, right) = (root(Int(pair.first)), root(Int(pair.second)))
      parent[max(left, right)] = min(left, right)
    }
    var members: [Int: [Int]] = [:]
    for row in 0..<count { members[root(row), default: []].append(row) }
    return members.values.filter { $0.count > 1 }.sorted { $0[0] < $1[0] }
  }
}

/// Agglomerative clustering in which a cluster is as similar to another as its least similar pair, by chains of nearest neighbours
/// (Murtagh 1983): the tree is that of joining the most similar clusters first.
///
/// Only pairs that reach the minimum are there, so clusters are neighbours only while all pairs across them are.
private struct CompleteLinkage {
  /// By the smallest row of a cluster: the rows in it, and the clusters near it with their least cosine.
  private var members: [Int: [Int]] = [:]
  private var neighbours: [Int: [Int: Double]] = [:]

  static func groups(of pairs: [SimilarPair]) throws -> [[Int]] {
    var linkage = CompleteLinkage(pairs)
    try linkage.join()
    return linkage.members.values.filter { $0.count > 1 }.map { $0.sorted() }.sorted { $0[0] < $1[0] }
  }

  private init(_ pairs: [SimilarPair]) {
    for pair in pairs {
      let (first, second) = (Int(pair.first), Int(pair.second))
      neighbours[first, default: [:]][second] = pair.cosine
      neighbours[second, default: [:]][first] = pair.cosine
    }
    for row in neighbours.keys { members[row] = [row] }
  }

  private mutating func join() throws {
    var waiting = Array(neighbours.keys.sorted().reversed())
    while let start = waiting.popLast() {
      try Interruption.check()
      var chain = members[start] == nil ? [] : [start]
      while let end = chain.last {
        let before = chain.dropLast().last
        guard let next = nearest(to: end, before: before) else {
          chain.removeLast()
          continue
        }
        guard next == before else {
          chain.append(next)
          continue
        }
        chain.removeLast(2)
        waiting.append(merge(end, next))
      }
    }
  }

  /// The most similar cluster; of equally similar ones the one that the chain came from, else the one with the smallest row.
  private func nearest(to cluster: Int, before: Int?) -> Int? {
    let near = neighbours[cluster] ?? [:]
    guard let best = near.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }) else { return nil }
    if let before, near[before] == best.value { return before }
    return best.key
  }

  /// Returns the name of the cluster of both.
  private mutating func merge(_ left: Int, _ right: Int) -> Int {
    let (name, other) = (min(left, right), max(left, right))
    let (near, far) = (neighbours[name] ?? [:], neighbours[other] ?? [:])
    for cluster in Set(near.keys).union(far.keys) {
      neighbours[cluster]?[name] = nil
      neighbours[cluster]?[other] = nil
    }
    var shared: [Int: Double] = [:]
    for (cluster, cosine) in near {
      guard cluster != other, let second = far[cluster] else { continue }
      shared[cluster] = min(cosine, second)
      neighbours[cluster]?[name] = min(cosine, second)
    }
    neighbours[name] = shared
    neighbours[other] = nil
    members[name, default: []] += members.removeValue(forKey: other) ?? []
    return name
  }
}
