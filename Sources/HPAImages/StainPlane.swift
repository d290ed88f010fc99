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
    let image = try ImageFile.decode(bytes, path: path)
    let (levels, contents) = try Self.levels(of: image, path: path, source: channelMap.source(of: stain), range: range)
    let kinds = [
      contents, .notEightBit(image), .lowRange(image, range: range),
      .wrongFormat(of: try ImageFile.format(of: bytes, path: path), path: path),
    ]
    (width, height) = (image.width, image.height)
    self.path = path
    self.levels = levels
    warnings = kinds.compactMap { $0 }.map { StainWarning(id: id, stain: stain, path: path, kind: $0) }
  }

  private static func levels(
    of image: RasterImage, path: String, source: ChannelMap.Source, range: SampleRange
  ) throws -> ([UInt8], StainWarning.Kind?) {
    let bytes = image.bytes(range: range)
    switch image.channels {
    case 1: return (bytes, .blank(bytes))
    case 2:
      let grey = ChannelMap.Source.red.plane(of: bytes, channels: 2)
      return (grey, .blank(grey))
    case 3, 4:
      let plane = source.plane(of: bytes, channels: image.channels)
      return (plane, .emptyChannel(of: plane, pixels: bytes, channels: image.channels) ?? .blank(plane))
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
