import Foundation
import HPACore
import HPATestSupport
import Synchronization
import Testing

@testable import HPASynthetic

/// Keeps pictures in memory instead of encoding them.
final class PictureRecorder: SyntheticWriter {
  struct Picture: Equatable {
    let form: String
    let width: Int
    let height: Int
    let bytes: [UInt8]
  }

  private let kept = Mutex<[String: Picture]>([:])

  var pictures: [String: Picture] { kept.withLock { $0 } }

  func writeGrayPNG(_ plane: [UInt8], width: Int, height: Int, path: String) throws { keep("png", plane, width, height, path) }
  func writeGrayTIFF(_ plane: [UInt8], width: Int, height: Int, path: String) throws { keep("tiff", plane, width, height, path) }
  func writeRGBJPEG(_ pixels: [UInt8], width: Int, height: Int, quality: Int, path: String) throws {
    keep("jpeg", pixels, width, height, path)
  }

  private func keep(_ form: String, _ bytes: [UInt8], _ width: Int, _ height: Int, _ path: String) {
    let name = path.split(separator: "/").suffix(2).joined(separator: "/")
    kept.withLock { $0[name] = Picture(form: form, width: width, height: height, bytes: bytes) }
  }
}

@Suite struct SyntheticDatasetTests {
  private func configuration(seed: UInt64) -> SyntheticDataset.Configuration {
    var configuration = SyntheticDataset.Configuration()
    configuration.seed = seed
    (configuration.trainCount, configuration.testCount, configuration.galleryCount) = (3, 12, 8)
    (configuration.fieldSize, configuration.tiffCount) = (48, 1)
    (configuration.plantedShare, configuration.hardNegativeShare) = (0.25, 0.15)
    return configuration
  }

  private func generate(_ configuration: SyntheticDataset.Configuration, threads: Int = 2) throws -> (TemporaryFolder, PictureRecorder) {
    let (folder, recorder) = (try TemporaryFolder(), PictureRecorder())
    let progress = ProgressLine("synthetic fields", total: SyntheticDataset.fieldCount(configuration), unit: "fields")
    let summary = try SyntheticDataset.generate(configuration, folder: folder.path, writer: recorder, progress: progress, threads: threads)
    #expect(summary.train + summary.test + summary.gallery + summary.tiff == SyntheticDataset.fieldCount(configuration))
    return (folder, recorder)
  }

  private static let tables = [
    "train.csv", "HPAv18.csv", "sample_submission.csv", "truth/test_labels.csv", "truth/planted_pairs.csv", "truth/hard_negatives.csv",
  ]

  @Test func `the same seed gives the same bytes with one thread and with four`() throws {
    let configuration = configuration(seed: testSeed())
    let (first, one) = try generate(configuration, threads: 1)
    let (second, four) = try generate(configuration, threads: 4)
    #expect(one.pictures == four.pictures)
    for table in Self.tables { #expect(try FileBytes.read(first.path(table)) == FileBytes.read(second.path(table)), "\(table)") }
    var other = configuration
    other.seed &+= 1
    #expect(SyntheticPlan(other).train.map(\.id) != SyntheticPlan(configuration).train.map(\.id))
  }

  @Test func `every picture has its row and every row its four pictures`() throws {
    let (folder, recorder) = try generate(configuration(seed: testSeed()))
    func names(_ table: String, _ subfolder: String, _ suffix: String) throws -> [String] {
      try ImageID.list(contentsOf: folder.path(table)).flatMap { id in Stain.allCases.map { "\(subfolder)/\(id)_\($0.rawValue).\(suffix)" }
      }
    }
    let test = try names("sample_submission.csv", "test", "png")
    let expected = try names("train.csv", "train", "png") + test + names("HPAv18.csv", "hpav18", "jpg")
    let tiff = test.prefix(4).map { $0.replacing("test/", with: "test-tiff/").replacing(".png", with: ".tif") }
    #expect(Set(recorder.pictures.keys) == Set(expected + tiff))
    #expect(recorder.pictures.count == 4 * (3 + 12 + 8 + 1))
    for name in tiff { #expect(recorder.pictures[name]?.width == 96) }
    #expect(
      try LabelTable(contentsOf: folder.path("truth/test_labels.csv")).ids == ImageID.list(contentsOf: folder.path("sample_submission.csv"))
    )
    #expect(try FileBytes.read(folder.path("sample_submission.csv")).starts(with: Array("Id,Predicted\n".utf8)))
  }

  @Test func `ids have the form of the real ones`() throws {
    let plan = SyntheticPlan(configuration(seed: testSeed()))
    for entry in plan.train + plan.test {
      #expect(entry.id.text.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-11e8-[0-9a-f]{4}-ac1f6b6435d0/) != nil, "\(entry.id)")
    }
    for entry in plan.gallery { #expect(entry.id.text.wholeMatch(of: /\d+_\d+_[A-H]\d{1,2}_[12]/) != nil, "\(entry.id)") }
    #expect(Set((plan.train + plan.test + plan.gallery).map(\.id)).count == 3 + 12 + 8)
  }

  @Test func `planted pairs are the same field and hard negatives are not`() throws {
    let (folder, recorder) = try generate(configuration(seed: testSeed()))
    func likeness(_ row: CSVTable.Row, _ stain: Stain) throws -> Double {
      let query = try #require(recorder.pictures["test/\(row[0])_\(stain.rawValue).png"])
      let gallery = try #require(recorder.pictures["hpav18/\(row[1])_\(stain.rawValue).jpg"])
      let channel = [0, 1, 2, 0][stain.index]
      let plane = stride(from: channel, to: gallery.bytes.count, by: 3).map { gallery.bytes[$0] }
      return correlation(query.bytes, resized(plane, from: gallery.width, to: query.width))
    }
    let planted = try CSVTable(contentsOf: folder.path("truth/planted_pairs.csv"))
    let negatives = try CSVTable(contentsOf: folder.path("truth/hard_negatives.csv"))
    #expect(planted.rows.count == 3)
    #expect(negatives.rows.count == 2)
    #expect(Set(planted.rows.map { $0[2] }) == ["encoding", "tint", "size"])
    for row in planted.rows { for stain in Stain.allCases { #expect(try likeness(row, stain) > 0.9, "\(row.fields) \(stain)") } }
    for row in negatives.rows { #expect(try likeness(row, .blue) < 0.6, "\(row.fields)") }
  }

  @Test func `a planted pair and a hard negative carry their query's labels`() throws {
    let (folder, _) = try generate(configuration(seed: testSeed()))
    let test = try LabelTable(contentsOf: folder.path("truth/test_labels.csv"))
    let gallery = try LabelTable(contentsOf: folder.path("HPAv18.csv"))
    for table in ["truth/planted_pairs.csv", "truth/hard_negatives.csv"] {
      for row in try CSVTable(contentsOf: folder.path(table)).rows {
        let labels: LabelSet = try #require(test[ImageID(row[0])])
        #expect(gallery[ImageID(row[1])] == labels)
      }
    }
  }

  @Test func `nucleoplasm and cytosol lead an uneven distribution of one to three labels`() {
    var generator = SeededGenerator(seed: testSeed())
    let sets = (0..<20_000).map { _ in LabelDistribution.draw(using: &generator) }
    let counts = (0..<ProteinLocation.count).map { id in sets.count { $0.contains(id) } }
    let order = counts.indices.sorted { counts[$0] > counts[$1] }
    #expect(Array(order.prefix(2)) == [0, 25])
    #expect(counts.count { $0 > 0 } == LabelDistribution.weights.count)
    #expect(LabelDistribution.weights.allSatisfy { counts[$0.location] > 600 })
    for (count, chance) in zip(1...3, LabelDistribution.countChances) {
      #expect(abs(Double(sets.count { $0.count == count }) / 20_000 - chance) < 0.02)
    }
  }

  @Test func `the channels of a served picture differ as those of the atlas do`() {
    let plane = (0...255).map { UInt8($0) }[...]
    let means = Dictionary(
      uniqueKeysWithValues: Stain.allCases.map { stain in
        let pixels = ServedPicture.pixels(plane, stain: stain)
        return (
          stain, (0..<3).map { channel in Double(stride(from: channel, to: pixels.count, by: 3).reduce(0) { $0 + Int(pixels[$1]) }) / 256 }
        )
      })
    for (stain, channel) in [(Stain.red, 0), (.green, 1), (.blue, 2)] {
      for other in 0..<3 where other != channel { #expect(means[stain]![channel] > 10 * means[stain]![other]) }
    }
    #expect(means[.yellow]![0] > 9 * means[.yellow]![2])
    #expect(abs(means[.yellow]![0] - means[.yellow]![1]) < 2)
  }

  enum Mistake: CaseIterable {
    case negativeCount, tinyField, moreTIFFThanTestFields, smallGallery, sharesAboveOne

    func make(in configuration: inout SyntheticDataset.Configuration) {
      switch self {
      case .negativeCount: configuration.trainCount = -1
      case .tinyField: configuration.fieldSize = 8
      case .moreTIFFThanTestFields: configuration.tiffCount = 25
      case .smallGallery: configuration.galleryCount = 2
      case .sharesAboveOne: configuration.plantedShare = 0.95
      }
    }
  }

  @Test(arguments: Mistake.allCases) func `a configuration that cannot be met is refused with a cure`(mistake: Mistake) throws {
    var configuration = configuration(seed: 1)
    mistake.make(in: &configuration)
    let failure = #expect(throws: Failure.self) { try generate(configuration) }
    #expect(failure?.kind == .usage)
    #expect(failure?.cure != nil)
  }
}
