import Foundation
import HPACore

/// What a synthetic data set will hold, drawn before anything is rendered.
struct SyntheticPlan: Sendable {
  /// One field of view with its name.
  struct Entry: Sendable {
    let id: ImageID
    let labels: LabelSet
    /// Fixes the look that all fields of a well share.
    let wellSeed: UInt64
    /// Fixes the cells.
    let fieldSeed: UInt64
    /// Nil where the picture is served as it was taken.
    var change: PlantedChange?
    /// True for both of a pair that is served at two sizes: one exposure of twice the side, made smaller.
    var isTakenLarge = false

    var field: SyntheticField { SyntheticField(seed: fieldSeed, style: SyntheticStyle(seed: wellSeed, labels: labels)) }
  }

  struct Pair: Sendable, Equatable {
    let query: ImageID
    let gallery: ImageID
  }

  private(set) var train: [Entry] = []
  private(set) var test: [Entry] = []
  private(set) var gallery: [Entry] = []
  /// Test fields that the gallery holds again, changed.
  private(set) var planted: [(pair: Pair, change: PlantedChange)] = []
  /// Test fields of which the gallery holds another position of the same well.
  private(set) var hardNegatives: [Pair] = []

  init(_ configuration: SyntheticDataset.Configuration) {
    var generator = SeededGenerator(seed: configuration.seed, stream: "synthetic plan")
    train = (0..<configuration.trainCount).map { _ in Self.kaggleEntry(among: configuration.classes, using: &generator) }.sorted {
      $0.id < $1.id
    }
    test = (0..<configuration.testCount).map { _ in Self.kaggleEntry(among: configuration.classes, using: &generator) }.sorted {
      $0.id < $1.id
    }
    var names = WellNames()
    let queries = Array(test.indices).shuffled(using: &generator)
    for (order, row) in queries.prefix(configuration.plantedCount + configuration.hardNegativeCount).enumerated() {
      let query = test[row]
      let well = names.next(using: &generator)
      if order < configuration.plantedCount {
        let change = PlantedChange.allCases[order % PlantedChange.allCases.count]
        let copy = Entry(
          id: Self.galleryID(well, position: 1), labels: query.labels, wellSeed: query.wellSeed, fieldSeed: query.fieldSeed, change: change,
          isTakenLarge: change == .size)
        test[row].isTakenLarge = copy.isTakenLarge
        gallery.append(copy)
        planted.append((Pair(query: query.id, gallery: copy.id), change))
      } else {
        let sibling = Entry(
          id: Self.galleryID(well, position: 2), labels: query.labels, wellSeed: query.wellSeed, fieldSeed: generator.next())
        gallery.append(sibling)
        hardNegatives.append(Pair(query: query.id, gallery: sibling.id))
      }
    }
    while gallery.count < configuration.galleryCount {
      let well = names.next(using: &generator)
      let (labels, wellSeed) = (LabelDistribution.draw(among: configuration.classes, using: &generator), generator.next())
      for position in 1...2 where gallery.count < configuration.galleryCount {
        gallery.append(Entry(id: Self.galleryID(well, position: position), labels: labels, wellSeed: wellSeed, fieldSeed: generator.next()))
      }
    }
    gallery.sort { $0.id < $1.id }
    planted.sort { $0.pair.query < $1.pair.query }
    hardNegatives.sort { $0.query < $1.query }
  }

  private static func kaggleEntry(among classes: [Int]?, using generator: inout SeededGenerator) -> Entry {
    let hex = String(generator.next(), radix: 16)
    let digits = String(repeating: "0", count: 16 - hex.count) + hex
    // The rest is that of the real ids, whose last twelve digits are those of one machine.
    let id = ImageID("\(digits.prefix(8))-\(digits.dropFirst(8).prefix(4))-11e8-\(digits.suffix(4))-ac1f6b6435d0")
    let labels = LabelDistribution.draw(among: classes, using: &generator)
    return Entry(id: id, labels: labels, wellSeed: generator.next(), fieldSeed: generator.next())
  }

  private static func galleryID(_ well: String, position: Int) -> ImageID { ImageID("\(well)_\(position)") }

  /// `antibody_plate_well`, as in `10580_1610_C1`; never the same twice.
  private struct WellNames {
    private var antibody = 10_000

    mutating func next(using generator: inout SeededGenerator) -> String {
      antibody += 1 + generator.index(below: 97)
      let row = Array("ABCDEFGH")[generator.index(below: 8)]
      return "\(antibody)_\(20 + generator.index(below: 1900))_\(row)\(1 + generator.index(below: 12))"
    }
  }
}
