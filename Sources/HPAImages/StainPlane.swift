import HPACore

/// One stain as read: its levels, and what was odd about its file.
struct StainPlane: Sendable {
  let path: String
  let width: Int
  let height: Int
  let levels: [UInt8]
  let warnings: [StainWarning]

  /// - Throws: `badData` for a damaged file, or one in which the stain cannot be told.
  init(of id: ImageID, _ stain: Stain, bytes: [UInt8], path: String, channelMap: ChannelMap, range: SampleRange) throws {
    let header = try ImageFile.header(of: bytes, path: path)
    let (levels, kinds) =
      if header.format == .jpeg, header.channels == 3 {
        Self.levels(
          of: try ColourPlane(count: header.width * header.height) { levels, sums in
            try ImageFile.decode(bytes, header, taking: channelMap.source(of: stain), path: path, into: levels, sums: sums)
          })
      } else {
        try Self.levels(
          of: try ImageFile.decode(bytes, header, path: path), path: path, source: channelMap.source(of: stain), range: range)
      }
    (width, height) = (header.width, header.height)
    self.path = path
    self.levels = levels
    warnings = (kinds + [.wrongFormat(of: header.format, path: path)]).compactMap { $0 }
      .map { StainWarning(id: id, stain: stain, path: path, kind: $0) }
  }

  private static func levels(of plane: ColourPlane) -> (levels: [UInt8], contents: [StainWarning.Kind?]) {
    (plane.levels, [.emptyChannel(of: plane) ?? .blank(plane.levels)])
  }

  /// - Throws: `badData` where the stain cannot be told.
  static func levels(
    of image: RasterImage, path: String, source: ChannelMap.Source, range: SampleRange
  ) throws -> (levels: [UInt8], contents: [StainWarning.Kind?]) {
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
    try StainFile.checkSizes(of: id, planes.map { ($0.path, $0.width, $0.height) })
    var pixels: [UInt8] = []
    pixels.reserveCapacity(planes.count * first.width * first.height)
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
