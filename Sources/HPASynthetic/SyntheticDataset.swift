public import HPACore

/// A made-up data folder in the layouts of the real one, with planted duplicates whose truth is known.
///
/// ```
/// train/       Kaggle PNG, one grey file a stain           train.csv               Id,Target
/// test/        the same                                    sample_submission.csv   Id,Predicted
/// test-tiff/   some test fields at twice the size, TIFF    HPAv18.csv              Id,Target
/// hpav18/      one RGB JPEG a stain                        truth/                  test_labels, planted_pairs, hard_negatives
/// ```
public enum SyntheticDataset {
  public struct Configuration: Sendable, Equatable {
    public var seed: UInt64 = 1
    public var trainCount = 600
    public var testCount = 200
    /// Images of the HPAv18 layout, planted ones and hard negatives included.
    public var galleryCount = 300
    /// Side of a field in pixels.
    public var fieldSize = 192
    /// Test fields that are written as TIFF as well.
    public var tiffCount = 24
    /// Part of the test fields that the gallery holds again.
    public var plantedShare = 0.12
    /// Part of the test fields of which the gallery holds another position of the same well, and no copy.
    public var hardNegativeShare = 0.12

    /// The classes that occur; nil for all fifteen that can be drawn.
    public var classes: [Int]?

    /// The classes that can be drawn, by id.
    public static var drawableClasses: [Int] { LabelDistribution.weights.map(\.location).sorted() }

    public init() {}

    var plantedCount: Int { Int((Double(testCount) * plantedShare).rounded()) }
    var hardNegativeCount: Int { Int((Double(testCount) * hardNegativeShare).rounded()) }

    /// - Throws: `usage` that names the option that cannot be met.
    func validate() throws {
      guard min(trainCount, testCount, galleryCount, tiffCount) >= 0 else {
        throw Failure(.usage, "a count is negative", cure: "Give counts of 0 or more.")
      }
      if let classes, classes.isEmpty || !classes.allSatisfy(Self.drawableClasses.contains) {
        throw Failure(.usage, "classes \(classes) cannot all be drawn", cure: "Choose from \(Self.drawableClasses).")
      }
      guard (32...4096).contains(fieldSize) else {
        throw Failure(.usage, "a field size of \(fieldSize) pixels", cure: "Give a size from 32 to 4096.")
      }
      guard tiffCount <= testCount else {
        throw Failure(.usage, "\(tiffCount) TIFF fields of \(testCount) test fields", cure: "Ask for at most \(testCount) TIFF fields.")
      }
      guard plantedShare >= 0, hardNegativeShare >= 0, plantedShare + hardNegativeShare <= 1 else {
        throw Failure(
          .usage, "the shares of planted fields and hard negatives do not fit", cure: "Give shares of 0 or more that add up to at most 1.")
      }
      guard plantedCount + hardNegativeCount <= galleryCount else {
        throw Failure(
          .usage, "\(plantedCount) planted fields and \(hardNegativeCount) hard negatives do not fit into \(galleryCount) gallery images",
          cure: "Ask for at least \(plantedCount + hardNegativeCount) gallery images.")
      }
    }
  }

  /// What was written.
  public struct Summary: Sendable, Equatable {
    public var train: Int
    public var test: Int
    public var gallery: Int
    public var tiff: Int
    public var planted: Int
    public var hardNegatives: Int
  }

  /// Pictures that `generate` renders, for the total of its progress.
  public static func fieldCount(_ configuration: Configuration) -> Int {
    configuration.trainCount + configuration.testCount + configuration.galleryCount + configuration.tiffCount
  }

  /// Writes the data folder. The tables come last: where they stand, the pictures are complete.
  ///
  /// - Throws: `usage` for a configuration that cannot be met, what `writer` throws, `interrupted`.
  @discardableResult
  public static func generate(
    _ configuration: Configuration, folder: String, writer: some SyntheticWriter, progress: ProgressLine, threads: Int
  ) throws -> Summary {
    try configuration.validate()
    let plan = SyntheticPlan(configuration)
    let jobs = pictures(of: plan, configuration)
    for job in Picture.Form.allCases { try FileBytes.makeFolder("\(folder)/\(job.folder)") }
    _ = try Parallel.map(count: jobs.count, threads: threads) { index in
      try Interruption.check()
      try jobs[index].write(into: folder, writer: writer)
      progress.advance()
    }
    progress.finish()
    try writeTables(plan, folder: folder)
    return Summary(
      train: plan.train.count, test: plan.test.count, gallery: plan.gallery.count, tiff: configuration.tiffCount,
      planted: plan.planted.count,
      hardNegatives: plan.hardNegatives.count)
  }

  private static func pictures(of plan: SyntheticPlan, _ configuration: Configuration) -> [Picture] {
    let size = configuration.fieldSize
    let tiff = plan.test.prefix(configuration.tiffCount).map { Picture(entry: $0, form: .testTIFF, size: 2 * size) }
    let train = plan.train.map { Picture(entry: $0, form: .train, size: size) }
    let test = plan.test.map { Picture(entry: $0, form: .test, size: size) }
    let gallery = plan.gallery.map { Picture(entry: $0, form: .gallery, size: size) }
    // The largest first, so that no thread is left alone with them.
    return tiff + gallery + train + test
  }

  private static func writeTables(_ plan: SyntheticPlan, folder: String) throws {
    func table(_ name: String, _ header: [String], _ rows: [[String]]) throws {
      try FileBytes.write(([header] + rows).map(CSVTable.line).joined(), to: "\(folder)/\(name)")
    }
    func labels(_ entries: [SyntheticPlan.Entry]) -> [[String]] { entries.map { [$0.id.text, $0.labels.description] } }
    try table("train.csv", ["Id", "Target"], labels(plan.train))
    try table("HPAv18.csv", ["Id", "Target"], labels(plan.gallery))
    try table("sample_submission.csv", ["Id", "Predicted"], plan.test.map { [$0.id.text, "0"] })
    try table("truth/test_labels.csv", ["Id", "Target"], labels(plan.test))
    try table(
      "truth/planted_pairs.csv", ["query", "gallery", "change"],
      plan.planted.map { [$0.pair.query.text, $0.pair.gallery.text, $0.change.rawValue] })
    try table("truth/hard_negatives.csv", ["query", "gallery"], plan.hardNegatives.map { [$0.query.text, $0.gallery.text] })
  }
}

extension SyntheticDataset {
  /// One field in one of the layouts.
  private struct Picture: Sendable {
    enum Form: CaseIterable {
      case train, test, testTIFF, gallery

      var folder: String {
        switch self {
        case .train: "train"
        case .test: "test"
        case .testTIFF: "test-tiff"
        case .gallery: "hpav18"
        }
      }
    }

    /// As good as the atlas serves them: near-duplicates of its files differ by under one level on average.
    static let jpegQuality = 90

    let entry: SyntheticPlan.Entry
    let form: Form
    let size: Int

    func write(into folder: String, writer: some SyntheticWriter) throws {
      let exposure = entry.field.render(size: entry.isTakenLarge ? 2 * size : size).stack
      let stack = entry.change?.apply(to: exposure, seed: entry.fieldSeed) ?? exposure.resized(to: size, method: .area)
      let side = stack.width
      for stain in Stain.allCases {
        let plane = stack.plane(stain.index)
        let name = "\(folder)/\(form.folder)/\(entry.id)_\(stain.rawValue)"
        switch form {
        case .train, .test: try writer.writeGrayPNG(Array(plane), width: side, height: side, path: name + ".png")
        case .testTIFF: try writer.writeGrayTIFF(Array(plane), width: side, height: side, path: name + ".tif")
        case .gallery:
          try writer.writeRGBJPEG(
            ServedPicture.pixels(plane, stain: stain), width: side, height: side, quality: Self.jpegQuality, path: name + ".jpg")
        }
      }
    }
  }
}
