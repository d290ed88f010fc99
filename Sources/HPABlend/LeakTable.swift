public import HPACore

/// Test images found again among labelled ones, with the labels to take over: the leak step of the challenge.
///
/// Every gallery image found for one test image adds its labels; where they disagree the union is taken and `conflicts` lists the image.
public struct LeakTable: Sendable, Equatable {
  /// One gallery image that a test image was found to equal.
  public struct Source: Sendable, Equatable {
    public let gallery: ImageID
    public let labels: LabelSet
    /// Cosine similarity; nil in the published table, which holds hash distances instead.
    public let score: Double?
    /// The line of the file that says so.
    public let row: Int
    /// Every row of the gallery's label table that is this image, one for each gene; `labels` unites them.
    public let listings: [Listing]
  }

  /// One row of a label table.
  public struct Listing: Sendable, Equatable {
    public let id: ImageID
    public let labels: LabelSet
  }

  /// One test image with everything that it was found to equal, in the order of the file.
  public struct Entry: Sendable, Equatable {
    public let test: ImageID
    public internal(set) var sources: [Source]

    /// The labels of all sources together.
    public var labels: LabelSet { sources.reduce(LabelSet()) { $0.union($1.labels) } }
    /// True where sources, or the rows of one source under several genes, carry different labels.
    public var isConflict: Bool { Set(sources.flatMap(\.listings).map(\.labels)).count > 1 }
  }

  public let path: String
  /// One entry a test image, in the order of their first rows.
  public let entries: [Entry]

  /// Test images that stand in more than one row.
  public var repeated: [Entry] { entries.filter { $0.sources.count > 1 } }
  /// Test images whose gallery images carry different labels.
  public var conflicts: [Entry] { entries.filter(\.isConflict) }

  init(path: String, rows: [(test: ImageID, source: Source)]) {
    var entries: [Entry] = []
    var position: [ImageID: Int] = [:]
    for (test, source) in rows {
      if let known = position[test] {
        entries[known].sources.append(source)
      } else {
        position[test] = entries.count
        entries.append(Entry(test: test, sources: [source]))
      }
    }
    self.init(path: path, entries: entries)
  }

  private init(path: String, entries: [Entry]) {
    self.path = path
    self.entries = entries
  }

  /// Splits off the entries of images that `ids` does not hold; a caller that goes on without them has them to report.
  public func split(by ids: [ImageID]) -> (known: LeakTable, unknown: [Entry]) {
    let wanted = Set(ids)
    return (LeakTable(path: path, entries: entries.filter { wanted.contains($0.test) }), entries.filter { !wanted.contains($0.test) })
  }
}
