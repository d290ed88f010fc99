import HPACore

/// The file of one stain, of which the header is read.
struct StainFile: Sendable {
  let path: String
  let header: ImageFile.Header
  private let contents: Contents

  private enum Contents: Sendable {
    case bytes([UInt8])
    /// Pixels that need no decoding, and are read to their place: where they begin.
    case plain(Int)
  }

  private static let headCount = 1 << 14

  /// - Throws: `missingInput`, `inputOutput`; `badData` where it is no picture that can be read.
  init(_ path: String) throws {
    self.path = path
    var plain: (header: ImageFile.Header, offset: Int)?
    let bytes = try FileBytes.read(path, first: Self.headCount) { head, size in
      plain = ImageFile.plainPixels(inHead: head, ofFile: size)
      return plain != nil
    }
    header = try plain?.header ?? ImageFile.header(of: bytes, path: path)
    contents = plain.map { .plain($0.offset) } ?? .bytes(bytes)
  }

  /// Fills `target`, (height, width), with the levels of the stain, resized where the picture has other sides.
  func read(
    source: ChannelMap.Source, range: SampleRange, method: Resize.Method, into target: UnsafeMutableBufferPointer<UInt8>, width: Int,
    height: Int
  ) throws {
    if (width, height) == (header.width, header.height) { return try decode(source: source, range: range, into: target) }
    let levels = try [UInt8](unsafeUninitializedCapacity: header.width * header.height) { levels, filled in
      filled = header.width * header.height
      try decode(source: source, range: range, into: UnsafeMutableBufferPointer(rebasing: levels[..<filled]))
    }
    levels.withUnsafeBufferPointer {
      Resize.plane($0, width: header.width, height: header.height, into: target, width: width, height: height, method: method)
    }
  }

  private func decode(source: ChannelMap.Source, range: SampleRange, into target: UnsafeMutableBufferPointer<UInt8>) throws {
    let bytes: [UInt8]
    switch contents {
    case .bytes(let all): bytes = all
    case .plain(let offset):
      if try FileBytes.read(path, from: offset, into: target) { return }
      bytes = try FileBytes.read(path)
    }
    if header.channels == 1, header.bits == 8 {
      try ImageFile.decode(bytes, header, path: path, into: target.baseAddress)
    } else if header.format == .jpeg, header.channels == 3 {
      try ImageFile.decode(bytes, header, taking: source, path: path, into: target.baseAddress, sums: nil)
    } else {
      let image = try ImageFile.decode(bytes, header, path: path)
      _ = target.initialize(fromContentsOf: try StainPlane.levels(of: image, path: path, source: source, range: range).levels)
    }
  }
}

extension StainFile {
  /// - Throws: `badData` where the stains of an image differ in size.
  static func checkSizes(of id: ImageID, _ stains: [(path: String, width: Int, height: Int)]) throws(Failure) {
    let first = stains[0]
    guard let other = stains.first(where: { $0.width != first.width || $0.height != first.height }) else { return }
    throw Failure(
      .badData,
      "the stains differ in size: \(first.path) is \(first.width) x \(first.height), \(other.path) is \(other.width) x \(other.height)",
      at: .file(other.path, id: id.text), cure: "All four stains must be of one field at one size. Fetch them again.")
  }
}
