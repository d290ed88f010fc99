import Foundation
public import HPACore

/// A folder of stain files, four to an image: `<Id>_red.png`, `<Id>_green.png`, `<Id>_blue.png`, `<Id>_yellow.png`.
///
/// The folder is listed once, when the value is made.
public struct StainFolder: Sendable {
  /// One image as read, and what was odd about it.
  public struct Image: Sendable {
    public let stack: PixelStack
    public let warnings: [StainWarning]
  }

  public let path: String
  /// The extensions that count as pictures, lower case.
  public let extensions: [String]
  /// File names by `<Id>_<stain>`.
  private let names: [String: [String]]

  public static let allExtensions = ["png", "tif", "tiff", "jpg", "jpeg"]

  /// - Parameter layout: restricts the extensions; nil takes all of `allExtensions`.
  /// - Throws: `missingInput` where there is no such folder.
  public init(_ path: String, layout: ImageLayout? = nil) throws {
    self.path = path
    extensions = layout?.extensions ?? Self.allExtensions
    var names: [String: [String]] = [:]
    for name in try Self.list(path) {
      guard let dot = name.lastIndex(of: "."), !name.hasPrefix("."), extensions.contains(name[dot...].dropFirst().lowercased()) else {
        continue
      }
      names[String(name[..<dot]), default: []].append(name)
    }
    self.names = names.mapValues { $0.sorted() }
  }

  private static func list(_ path: String) throws -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      throw Failure(
        .missingInput, "is no folder that can be read", at: .file(path), cure: "Check the path; it is taken from the folder you are in.")
    }
  }

  /// The ids with at least one stain file, in the order of ids. An id that lacks a stain is among them, and fails when it is read.
  public func ids() -> [ImageID] {
    var ids: Set<ImageID> = []
    for stem in names.keys {
      guard let underscore = stem.lastIndex(of: "_"), underscore > stem.startIndex,
        Stain(rawValue: String(stem[underscore...].dropFirst())) != nil
      else { continue }
      ids.insert(ImageID(String(stem[..<underscore])))
    }
    return ids.sorted()
  }

  /// How many files could be meant by one stain.
  func count(of id: ImageID, _ stain: Stain) -> Int { names[Self.stem(id, stain)]?.count ?? 0 }

  private static func stem(_ id: ImageID, _ stain: Stain) -> String { "\(id)_\(stain.rawValue)" }

  /// The file of one stain.
  ///
  /// - Throws: `missingInput` that names what was looked for; `badData` where two files could be meant.
  public func file(of id: ImageID, _ stain: Stain) throws -> String {
    let stem = Self.stem(id, stain)
    let found = names[stem] ?? []
    guard let first = found.first else {
      throw Failure(
        .missingInput, "the \(stain.rawValue) stain is missing", at: .file("\(path)/\(stem).\(extensions[0])", id: id.text),
        cure:
          "Looked for \(extensions.map { "\(stem).\($0)" }.joined(separator: ", ")) in \(path). Fetch the file, or take the id out of the list."
      )
    }
    guard found.count == 1 else {
      throw Failure(
        .badData, "\(found.count) files for the \(stain.rawValue) stain: \(found.map { "\(path)/\($0)" }.joined(separator: " and "))",
        at: .file("\(path)/\(first)", id: id.text), cure: "Keep one of them.")
    }
    return "\(path)/\(first)"
  }

  /// The four stains of an image, (4, height, width).
  ///
  /// - Parameter threads: how many of the stains are decoded at a time; 1 where images are read on several threads already.
  /// - Throws: `missingInput` for a stain that is not there; `badData` for two files for one stain, a damaged file, or sizes that differ.
  public func stack(
    of id: ImageID, channelMap: ChannelMap = .rgbr, range: SampleRange = .full, threads: Int = Parallel.availableThreads
  ) throws -> PixelStack {
    try stack(of: id, size: nil, method: .linear, channelMap, range, threads: threads)
  }

  /// The same, resized to (4, size, size).
  public func stack(
    of id: ImageID, size: Int, method: Resize.Method = .linear, channelMap: ChannelMap = .rgbr, range: SampleRange = .full,
    threads: Int = Parallel.availableThreads
  ) throws -> PixelStack {
    try stack(of: id, size: size, method: method, channelMap, range, threads: threads)
  }

  /// Every stain is decoded, and resized, straight to its place in the stack.
  private func stack(
    of id: ImageID, size: Int?, method: Resize.Method, _ channelMap: ChannelMap, _ range: SampleRange, threads: Int
  ) throws -> PixelStack {
    let files = try files(of: id)
    let stains = try Parallel.map(count: files.count, threads: threads) { try StainFile(files[$0]) }
    try StainFile.checkSizes(of: id, stains.map { ($0.path, $0.header.width, $0.header.height) })
    let (height, width) = (size ?? stains[0].header.height, size ?? stains[0].header.width)
    let pixels = try [UInt8](unsafeUninitializedCapacity: stains.count * height * width) { pixels, filled in
      filled = stains.count * height * width
      // Each call writes to a part of its own.
      nonisolated(unsafe) let pixels = pixels
      _ = try Parallel.map(count: stains.count, threads: threads) { index in
        let place = UnsafeMutableBufferPointer(rebasing: pixels[index * height * width..<(index + 1) * height * width])
        try stains[index].read(
          source: channelMap.source(of: Stain.allCases[index]), range: range, method: method, into: place, width: width, height: height)
      }
    }
    return PixelStack(height: height, width: width, pixels: pixels)
  }

  /// The pixels of `stack`, with the warnings.
  public func read(_ id: ImageID, channelMap: ChannelMap = .rgbr, range: SampleRange = .full) throws -> Image {
    try Image(
      of: id,
      zip(Stain.allCases, files(of: id)).map { stain, file in
        try StainPlane(of: id, stain, bytes: try FileBytes.read(file), path: file, channelMap: channelMap, range: range)
      })
  }

  /// All names before any is read: a missing file should be told before seconds of decoding.
  private func files(of id: ImageID) throws -> [String] { try Stain.allCases.map { try file(of: id, $0) } }
}
