import HPACore

/// One stain as read: its levels, and what was odd about its file.
struct StainPlane {
  let path: String
  let width: Int
  let height: Int
  let levels: [UInt8]
  let warnings: [StainWarning]

  /// - Throws: `badData` for a damaged file, or one in which the stain cannot be told.
  init(of id: ImageID, _ stain: Stain, bytes: [UInt8], path: String, channelMap: ChannelMap, range: SampleRange) throws {
    let header = try ImageFile.header(of: bytes, path: path)
    var kinds: [StainWarning.Kind?] = []
    if header.format == .jpeg, header.channels == 3 {
      (levels, kinds) = Self.levels(of: try ImageFile.decode(bytes, header, taking: channelMap.source(of: stain), path: path))
    } else {
      let image = try ImageFile.decode(bytes, header, path: path)
      (levels, kinds) = try Self.levels(of: image, path: path, source: channelMap.source(of: stain), range: range)
    }
    kinds.append(.wrongFormat(of: header.format, path: path))
    (width, height) = (header.width, header.height)
    self.path = path
    warnings = kinds.compactMap { $0 }.map { StainWarning(id: id, stain: stain, path: path, kind: $0) }
  }

  private static func levels(of plane: ColourPlane) -> ([UInt8], [StainWarning.Kind?]) {
    (plane.levels, [.emptyChannel(of: plane) ?? .blank(plane.levels)])
  }

  private static func levels(
    of image: RasterImage, path: String, source: ChannelMap.Source, range: SampleRange
  ) throws -> ([UInt8], [StainWarning.Kind?]) {
    let bytes = image.bytes(range: range)
    let depth: [StainWarning.Kind?] = [.notEightBit(image), .lowRange(image, range: range)]
    switch image.channels {
    case 1: return (bytes, [.blank(bytes)] + depth)
    case 2:
      let grey = stride(from: 0, to: bytes.count, by: 2).map { bytes[$0] }
      return (grey, [.blank(grey)] + depth)
    case 3, 4:
      let (plane, contents) = levels(of: source.plane(of: bytes, channels: image.channels))
      return (plane, contents + depth)
    default:
      throw Failure(
        .badData, "\(image.channels) channels: which of them is the stain cannot be told", at: .file(path),
        cure: "Save each stain as a file of its own, grey or RGB.")
    }
  }
}

extension StainFolder.Image {
  /// Puts the four planes of an image together, in the order of `Stain`.
  ///
  /// - Throws: `badData` where their sizes differ.
  init(of id: ImageID, _ planes: [StainPlane]) throws(Failure) {
    let first = planes[0]
    if let other = planes.first(where: { $0.width != first.width || $0.height != first.height }) {
      throw Failure(
        .badData,
        "the stains differ in size: \(first.path) is \(first.width) x \(first.height), \(other.path) is \(other.width) x \(other.height)",
        at: .file(other.path, id: id.text), cure: "All four stains must be of one field at one size. Fetch them again.")
    }
    var pixels: [UInt8] = []
    pixels.reserveCapacity(4 * first.width * first.height)
    for plane in planes { pixels += plane.levels }
    stack = PixelStack(height: first.height, width: first.width, pixels: pixels)
    warnings = planes.flatMap(\.warnings) + [StainWarning.notSquare(id, first)].compactMap { $0 }
  }
}

extension StainWarning {
  /// - Parameter plane: the first stain of the image; the others have its size.
  static func notSquare(_ id: ImageID, _ plane: StainPlane) -> StainWarning? {
    guard plane.width != plane.height else { return nil }
    return StainWarning(id: id, stain: .red, path: plane.path, kind: .notSquare(width: plane.width, height: plane.height))
  }
}
