public import HPACore

/// How many images carry each class, how many classes an image carries, and which classes meet.
public struct LabelStatistics: Codable, Sendable, Equatable {
  public struct ClassCount: Codable, Sendable, Equatable {
    public let id: Int
    public let name: String
    public let images: Int
  }

  public let images: Int
  /// All 28 classes, by id.
  public let classes: [ClassCount]
  /// Element n is the number of images with n labels; it begins with the images without any and ends with the most that occur.
  public let labelsPerImage: [Int]
  /// (28, 28), symmetric: the images that carry both classes; the diagonal repeats the class counts.
  public let cooccurrence: [[Int]]

  public init(_ table: LabelTable) {
    var together = Array(repeating: Array(repeating: 0, count: ProteinLocation.count), count: ProteinLocation.count)
    var perImage = [0]
    for labels in table.labels {
      let ids = labels.ids
      while perImage.count <= ids.count { perImage.append(0) }
      perImage[ids.count] += 1
      for first in ids { for second in ids { together[first][second] += 1 } }
    }
    images = table.count
    classes = ProteinLocation.all.map { ClassCount(id: $0.id, name: $0.name, images: together[$0.id][$0.id]) }
    labelsPerImage = perImage
    cooccurrence = together
  }
}
