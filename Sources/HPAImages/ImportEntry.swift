import HPACore

/// What an import found of one image: a line of `import_journal.jsonl`.
struct ImportEntry: Sendable, Codable {
  struct File: Sendable, Codable {
    let stain: Stain
    /// In the folder of images.
    let name: String
    let sha256: String
    /// Of the file when it was read; nil in journals of old versions.
    let stamp: FileStamp?
  }

  struct Rejection: Sendable, Codable {
    let reason: String
    let file: String
  }

  let id: String
  /// Every stain file that could be opened.
  private(set) var files: [File] = []
  /// Size and SHA-256 of the four planes in the order of `Stain`; nil where the image was rejected.
  private(set) var pixels: String?
  private(set) var findings: [ImportFinding] = []
  /// Why the image was not imported.
  private(set) var rejection: Rejection?

  var imageID: ImageID { ImageID(id) }

  /// Whether the files that it was read from are still as they were.
  func isCurrent(in folder: String) -> Bool {
    files.allSatisfy { file in file.stamp.map { $0 == FileStamp(of: "\(folder)/\(file.name)") } ?? true }
  }
}

extension ImportEntry {
  /// An image as an import sees it.
  typealias Examination = (entry: ImportEntry, image: Result<PixelStack, Failure>)

  /// Reads all stains of an image and tells all that is odd about them, even where the first of them makes the image unusable.
  ///
  /// - Throws: what is no fault of the image, such as a lack of memory.
  static func examine(_ id: ImageID, in folder: StainFolder, channelMap: ChannelMap, range: SampleRange) throws -> Examination {
    var entry = ImportEntry(id: id.text)
    var failure: Failure?
    var planes: [StainPlane] = []
    for stain in Stain.allCases {
      switch try entry.read(stain, from: folder, channelMap: channelMap, range: range) {
      case .success(let plane): planes.append(plane)
      case .failure(let found): failure = failure ?? found
      }
    }
    let image: Result<PixelStack, Failure>
    if let failure { image = .failure(failure) } else { image = entry.stack(planes) }
    if case .failure(let failure) = image { entry.rejection = Rejection(reason: failure.message, file: failure.place.path ?? "") }
    return (entry, image)
  }

  private mutating func read(
    _ stain: Stain, from folder: StainFolder, channelMap: ChannelMap, range: SampleRange
  ) throws -> Result<StainPlane, Failure> {
    var bytes: [UInt8]?
    do {
      let path = try folder.file(of: imageID, stain)
      // Before the bytes: a file that changes in between is read once more by the next import.
      let stamp = FileStamp(of: path)
      let read = try FileBytes.read(path)
      bytes = read
      files.append(File(stain: stain, name: Self.name(of: path), sha256: ContentDigest.sha256(read), stamp: stamp))
      let plane = try StainPlane(of: imageID, stain, bytes: read, path: path, channelMap: channelMap, range: range)
      findings += plane.warnings.map(ImportFinding.init)
      return .success(plane)
    } catch let failure as Failure where ImageImport.blamesTheImage(failure.kind) {
      let kind: ImportFinding.Kind =
        if let bytes { ImageFile.isCutOff(bytes) ? .truncated : .unreadable } else { Self.kind(of: folder.count(of: imageID, stain)) }
      add(kind, stain, file: failure.place.path ?? "", failure.message)
      return .failure(failure)
    }
  }

  /// Why no bytes of a stain could be read, by the number of its files.
  private static func kind(of files: Int) -> ImportFinding.Kind { files == 0 ? .missing : files == 1 ? .unreadable : .ambiguous }

  private mutating func stack(_ planes: [StainPlane]) -> Result<PixelStack, Failure> {
    do throws(Failure) {
      let image = try StainFolder.Image(of: imageID, planes)
      findings += [StainWarning.notSquare(imageID, planes[0])].compactMap { $0 }.map(ImportFinding.init)
      pixels = "\(image.stack.width)x\(image.stack.height):\(ContentDigest.sha256(image.stack.pixels))"
      return .success(image.stack)
    } catch {
      for (stain, plane) in zip(Stain.allCases, planes) where (plane.width, plane.height) != (planes[0].width, planes[0].height) {
        add(
          .otherSize, stain, file: plane.path,
          "\(plane.width) x \(plane.height) pixels where the red stain has \(planes[0].width) x \(planes[0].height)")
      }
      return .failure(error)
    }
  }

  private mutating func add(_ kind: ImportFinding.Kind, _ stain: Stain, file: String, _ detail: String) {
    findings.append(ImportFinding(id: imageID, stain: stain, file: Self.name(of: file), kind: kind, detail: detail))
  }

  static func name(of path: String) -> String { String(path.split(separator: "/").last ?? "") }
}

extension ImportFinding {
  init(_ warning: StainWarning) {
    self.init(
      id: warning.id, stain: warning.stain, file: ImportEntry.name(of: warning.path), kind: Kind(warning.kind),
      detail: warning.kind.description)
  }
}

extension ImportFinding.Kind {
  fileprivate init(_ kind: StainWarning.Kind) {
    self =
      switch kind {
      case .emptyChannel: .emptyChannel
      case .blank: .blank
      case .lowRange: .lowRange
      case .notEightBit: .notEightBit
      case .notSquare: .notSquare
      case .wrongFormat: .wrongFormat
      }
  }
}
