import Foundation
public import HPACore

/// Makes the working copies of a set of images: `<out>/<size>/<Id>_<stain>.png`, 8-bit grey, one folder a size.
///
/// It goes on where an earlier run ended: every file is renamed into place when it is whole, so an id whose files are all there is done.
/// How the pixels were made stands in `<out>/import.json`; a folder never holds images made in two ways.
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
    public var warnings: [StainWarning] = []

    public init(imported: Int = 0, alreadyThere: Int = 0) {
      self.imported = imported
      self.alreadyThere = alreadyThere
    }
  }

  /// The list of rejected images, `Id,Reason,File`; written wherever `errorRule` is `skip`, with the header alone if none was rejected.
  public var rejectList: String { "\(out)/rejected.csv" }

  /// - Throws: `usage` for impossible sizes; `missingInput` for a folder without images; `badData` where `out` holds images made in another way;
  ///   under `ErrorRule.fail` what reading an image threw; `cannotCreate`, `inputOutput`, `interrupted`.
  public func run() throws -> Report {
    try checkSizes()
    let folder = try StainFolder(images, layout: layout)
    let wanted = try ids ?? allIDs(of: folder)
    let present = try filesPresent()
    try ImportRecord(self).agree(with: out, isEmpty: present.isEmpty)
    let missing = force ? wanted : wanted.filter { !isComplete($0, in: present) }
    let progress = ProgressLine("import", total: wanted.count, unit: "images", alreadyDone: wanted.count - missing.count)
    let outcomes = try Parallel.map(count: missing.count, threads: threads) { index in
      try Interruption.check()
      defer { progress.advance() }
      return try importImage(missing[index], from: folder)
    }
    progress.finish()
    return try report(outcomes, alreadyThere: wanted.count - missing.count)
  }

  private enum Outcome: Sendable {
    case imported([StainWarning])
    case rejected(Rejection)
  }

  private func importImage(_ id: ImageID, from folder: StainFolder) throws -> Outcome {
    let image: StainFolder.Image
    do {
      image = try folder.read(id, channelMap: channelMap, range: range)
    } catch let failure as Failure where errorRule == .skip && Self.blamesTheImage(failure.kind) {
      return .rejected(Rejection(id: id, reason: failure.message, file: failure.place.path ?? ""))
    }
    for (size, stack) in resized(image.stack) {
      for stain in Stain.allCases {
        let plane = RasterImage(width: size, height: size, grey: Array(stack.plane(stain.index)))
        try ImageFile.write(plane, to: "\(out)/\(size)/\(Self.name(of: id, stain))", as: .png(level: 3))
      }
    }
    return .imported(image.warnings)
  }

  /// A lack of memory or an interruption is no fault of the image, and must not put it on the list of rejects.
  private static func blamesTheImage(_ kind: Failure.Kind) -> Bool { [.badData, .missingInput, .inputOutput].contains(kind) }

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

  private func report(_ outcomes: [Outcome], alreadyThere: Int) throws -> Report {
    var report = Report(alreadyThere: alreadyThere)
    for outcome in outcomes {
      switch outcome {
      case .imported(let warnings):
        report.imported += 1
        report.warnings += warnings
      case .rejected(let rejection): report.rejected.append(rejection)
      }
    }
    if errorRule == .skip {
      let rows = report.rejected.map { CSVTable.line([$0.id.text, $0.reason, $0.file]) }
      try FileBytes.write(CSVTable.line(["Id", "Reason", "File"]) + rows.joined(), to: rejectList)
    }
    return report
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
  private func filesPresent() throws -> Set<String> {
    var present: Set<String> = []
    for size in sizes {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(out)/\(size)")) ?? []
      for name in names where Stain.allCases.contains(where: { name.hasSuffix("_\($0.rawValue).png") }) {
        present.insert("\(size)/\(name)")
      }
    }
    return present
  }

  private func isComplete(_ id: ImageID, in present: Set<String>) -> Bool {
    sizes.allSatisfy { size in Stain.allCases.allSatisfy { present.contains("\(size)/\(Self.name(of: id, $0))") } }
  }
}
