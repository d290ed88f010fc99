import Foundation
public import HPACore

/// Makes the working copies of a set of images: `<out>/<size>/<Id>_<stain>.png`, 8-bit grey, one folder a size.
///
/// It goes on where an earlier run ended: every file is renamed into place when it is whole, and an id whose files are all there and which
/// stands in the journal is done, unless its stain files have changed since. How the pixels were made stands in `<out>/import.json`; a folder never holds images made in two ways.
/// What is odd about the images stands in `<out>/import_report.csv` (schemas/import.md).
public struct ImageImport: Sendable {
  /// What happens where an image cannot be read.
  public enum ErrorRule: String, Sendable, CaseIterable {
    case fail, skip
  }

  /// The folder that is read, and its layout.
  public var images: String
  public var layout: ImageLayout
  /// The folder that is written.
  public var out: String
  /// The images that are wanted; nil takes all that the folder holds.
  public var ids: [ImageID]?
  public var channelMap = ChannelMap.rgbr
  public var range = SampleRange.full
  public var method = Resize.Method.linear
  /// Sides of the square outputs, in pixels.
  public var sizes = [512, 1024]
  public var errorRule = ErrorRule.fail
  /// Makes what is there already once more.
  public var force = false
  public var threads = Parallel.availableThreads
  /// Recorded in `import.json`.
  public var programVersion: String

  public init(images: String, layout: ImageLayout, out: String, programVersion: String) {
    self.images = images
    self.layout = layout
    self.out = out
    self.programVersion = programVersion
  }

  public struct Rejection: Sendable, Equatable {
    public let id: ImageID
    public let reason: String
    /// The file that is to blame, where one is.
    public let file: String
  }

  /// What a run did; lists are in the order of ids.
  public struct Report: Sendable, Equatable {
    public var imported = 0
    public var alreadyThere = 0
    public var rejected: [Rejection] = []
    /// What is odd about the images that the folder holds and those that were rejected.
    public var findings: [ImportFinding] = []

    public init(imported: Int = 0, alreadyThere: Int = 0) {
      self.imported = imported
      self.alreadyThere = alreadyThere
    }
  }

  /// The list of rejected images, `Id,Reason,File`; written wherever `errorRule` is `skip`, with the header alone if none was rejected.
  public var rejectList: String { "\(out)/\(Self.rejectListName)" }
  public static let rejectListName = "rejected.csv"

  /// Every finding, `Id,Stain,File,Kind,Detail`; written even where an image stops the import, with what was seen up to then.
  public var findingList: String { "\(out)/\(Self.findingListName)" }
  public static let findingListName = "import_report.csv"

  /// What was seen of every image, and how the images were made (schemas/import.md).
  public var journal: String { "\(out)/\(ImportJournal.name)" }
  public var record: String { "\(out)/\(ImportRecord.name)" }

  /// - Throws: `usage` for impossible sizes; `missingInput` for a folder without images; `badData` where `out` holds images made in another way;
  ///   under `ErrorRule.fail` what reading an image threw; `unavailable` where another import is at work in `out`; `cannotCreate`,
  ///   `inputOutput`, `interrupted`.
  public func run() throws -> Report {
    try checkSizes()
    let folder = try StainFolder(images, layout: layout)
    let wanted = try ids ?? allIDs(of: folder)
    try FileBytes.makeFolder(out)
    let lock = try FolderLock(out, busy: "another import writes into this folder", cure: "Wait for it, or choose another --out.")
    defer { withExtendedLifetime(lock) {} }
    for folder in [out] + sizes.map({ "\(out)/\($0)" }) { FileBytes.removeLeftovers(in: folder) }
    let present = try filesPresent()
    try ImportRecord(self).agree(with: out, isEmpty: present.isEmpty)
    let journal = try ImportJournal(in: out)
    let missing = force ? wanted : wanted.filter { !isDone($0, journal[$0], present: present) }
    let progress = ProgressLine("import", total: wanted.count, unit: "images", alreadyDone: wanted.count - missing.count)
    let work = Result {
      try Parallel.map(count: missing.count, threads: threads) { index in
        try Interruption.check()
        defer { progress.advance() }
        return try importImage(missing[index], from: folder, journal: journal)
      }
    }
    progress.finish()
    if case .failure(let failure as Failure) = work, ![.badData, .missingInput].contains(failure.kind) { throw failure }
    let tried = Set(missing)
    let entries = try journal.close { tried.contains($0.imageID) || $0.rejection == nil && isComplete($0.imageID, in: present) }
    var report = Report(alreadyThere: wanted.count - missing.count)
    report.findings = ImportReport.findings(of: entries)
    try ImportReport.write(report.findings, to: findingList)
    report.rejected = try rejections(work)
    report.imported = missing.count - report.rejected.count
    if errorRule == .skip { try write(report.rejected) }
    return report
  }

  private func rejections(_ work: Result<[Rejection?], any Error>) throws -> [Rejection] {
    do {
      return try work.get().compactMap { $0 }
    } catch var failure as Failure {
      let more = "What was odd up to here: \(findingList). --on-error skip leaves such images out and lists them."
      failure.cure = [failure.cure, more].compactMap { $0 }.joined(separator: "\n  ")
      throw failure
    }
  }

  /// Returns why the image was left out, under `ErrorRule.skip`.
  private func importImage(_ id: ImageID, from folder: StainFolder, journal: ImportJournal) throws -> Rejection? {
    let (entry, image) = try ImportEntry.examine(id, in: folder, channelMap: channelMap, range: range)
    switch image {
    case .success(let image):
      for (size, stack) in resized(image) {
        for stain in Stain.allCases {
          let plane = RasterImage(width: size, height: size, grey: Array(stack.plane(stain.index)))
          try ImageFile.write(plane, to: "\(out)/\(size)/\(Self.name(of: id, stain))", as: .png(level: 3))
        }
      }
      // Last, so that an image with a line has its files.
      try journal.append(entry)
      return nil
    case .failure(let failure):
      try journal.append(entry)
      guard errorRule == .skip else { throw failure }
      return Rejection(id: id, reason: failure.message, file: failure.place.path ?? "")
    }
  }

  /// A lack of memory or an interruption is no fault of the image, and must not put it on the list of rejects.
  static func blamesTheImage(_ kind: Failure.Kind) -> Bool { [.badData, .missingInput, .inputOutput].contains(kind) }

  /// Largest first, so that the large stack can go before the small ones are made.
  private func resized(_ stack: PixelStack) -> [(Int, PixelStack)] {
    var source = stack
    return sizes.sorted(by: >).map { size in
      if let intermediate = layout.intermediateSize, size <= intermediate, min(source.width, source.height) > intermediate {
        source = source.resized(to: intermediate, method: method)
      }
      return (size, source.resized(to: size, method: method))
    }
  }

  private func write(_ rejected: [Rejection]) throws {
    let rows = rejected.map { CSVTable.line([$0.id.text, $0.reason, $0.file]) }
    try FileBytes.write(CSVTable.line(["Id", "Reason", "File"]) + rows.joined(), to: rejectList)
  }
}

extension ImageImport {
  private static func name(of id: ImageID, _ stain: Stain) -> String { "\(id)_\(stain.rawValue).png" }

  private func checkSizes() throws {
    guard !sizes.isEmpty, Set(sizes).count == sizes.count, sizes.allSatisfy({ (1...ImageFile.maximumSide).contains($0) }) else {
      throw Failure(
        .usage, "sizes \(sizes) cannot be made",
        cure: "Give different sizes from 1 to \(ImageFile.maximumSide), for example --sizes 512,1024.")
    }
  }

  private func allIDs(of folder: StainFolder) throws -> [ImageID] {
    let ids = folder.ids()
    guard !ids.isEmpty else {
      throw Failure(
        .missingInput, "no stain files of the layout \(layout.rawValue)", at: .file(images),
        cure:
          "Files such as <Id>_red.\(layout.extensions[0]) are expected. Layouts are \(ImageLayout.allCases.map(\.rawValue).joined(separator: ", "))."
      )
    }
    return ids
  }

  /// The stain files in the folders of all sizes, as `<size>/<name>`. A folder that is not there yet is an empty one.
  func filesPresent() throws -> Set<String> {
    var present: Set<String> = []
    for size in sizes {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(out)/\(size)")) ?? []
      for name in names where Stain.allCases.contains(where: { name.hasSuffix("_\($0.rawValue).png") }) {
        present.insert("\(size)/\(name)")
      }
    }
    return present
  }

  /// Whether an image is imported, from the files as they are now.
  func isDone(_ id: ImageID, _ entry: ImportEntry?, present: Set<String>) -> Bool {
    guard let entry, entry.rejection == nil, isComplete(id, in: present) else { return false }
    return entry.isCurrent(in: images)
  }

  private func isComplete(_ id: ImageID, in present: Set<String>) -> Bool {
    sizes.allSatisfy { size in Stain.allCases.allSatisfy { present.contains("\(size)/\(Self.name(of: id, $0))") } }
  }
}
