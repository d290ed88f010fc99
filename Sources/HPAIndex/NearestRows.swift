/// A gallery row that was found for a query.
struct ScoredRow: Sendable, Equatable {
  /// Cosine, computed in float64 and rounded to float32.
  let score: Float
  let row: Int32
}

/// The best gallery rows of one query so far, at most `capacity` of them: a heap whose root is the worst.
struct NearestRows: Sendable {
  struct Entry: Sendable {
    /// Cosine, computed in float64 and rounded to float32.
    let score: Float
    let row: Int32
    /// Place of the row's id in the order of all gallery ids; it decides ties.
    let order: Int32

    func isBetter(than other: Entry) -> Bool { score > other.score || score == other.score && order < other.order }
  }

  let capacity: Int
  private let minimumScore: Float
  private(set) var heap: [Entry] = []

  init(capacity: Int, minimumScore: Float) {
    self.capacity = capacity
    self.minimumScore = minimumScore
  }

  /// A score below this cannot enter any more.
  var leastUsefulScore: Float { heap.count == capacity ? max(heap[0].score, minimumScore) : minimumScore }

  mutating func offer(_ entry: Entry) {
    guard entry.score >= minimumScore else { return }
    if heap.count < capacity {
      heap.append(entry)
      siftUp(heap.count - 1)
    } else if entry.isBetter(than: heap[0]) {
      heap[0] = entry
      siftDown(0)
    }
  }

  /// Best first.
  func sorted() -> [ScoredRow] { heap.sorted { $0.isBetter(than: $1) }.map { ScoredRow(score: $0.score, row: $0.row) } }

  private mutating func siftUp(_ start: Int) {
    var child = start
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[parent].isBetter(than: heap[child]) else { return }
      heap.swapAt(parent, child)
      child = parent
    }
  }

  private mutating func siftDown(_ start: Int) {
    var parent = start
    while true {
      var worst = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[worst].isBetter(than: heap[child]) { worst = child }
      guard worst != parent else { return }
      heap.swapAt(parent, worst)
      parent = worst
    }
  }
}
