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

  /// The file of one stain.
  ///
  /// - Throws: `missingInput` that names what was looked for; `badData` where two files could be meant.
  public func file(of id: ImageID, _ stain: Stain) throws -> String {
    let stem = "\(id)_\(stain.rawValue)"
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
  /// - Throws: `missingInput` for a stain that is not there; `badData` for two files for one stain, a damaged file, or sizes that differ.
  public func stack(of id: ImageID, channelMap: ChannelMap = .rgbr, range: SampleRange = .full) throws -> PixelStack {
    try read(id, channelMap: channelMap, range: range).stack
  }

  /// The same, resized to (4, size, size).
  public func stack(
    of id: ImageID, size: Int, method: Resize.Method = .linear, channelMap: ChannelMap = .rgbr, range: SampleRange = .full
  ) throws -> PixelStack {
    try stack(of: id, channelMap: channelMap, range: range).resized(to: size, method: method)
  }

  /// The same as `stack`, with the warnings.
  public func read(_ id: ImageID, channelMap: ChannelMap = .rgbr, range: SampleRange = .full) throws -> Image {
    // All names first: a missing file should be told before seconds of decoding.
    let files = try Stain.allCases.map { try file(of: id, $0) }
    var pixels: [UInt8] = []
    var warnings: [StainWarning] = []
    var (width, height) = (0, 0)
    for (stain, file) in zip(Stain.allCases, files) {
      let image = try ImageFile.read(file)
      if stain == .red {
        (width, height) = (image.width, image.height)
        pixels.reserveCapacity(4 * width * height)
      }
      guard image.width == width, image.height == height else {
        throw Failure(
          .badData, "the stains differ in size: \(files[0]) is \(width) x \(height), \(file) is \(image.width) x \(image.height)",
          at: .file(file, id: id.text), cure: "All four stains must be of one field at one size. Fetch them again.")
      }
      let (plane, odd) = try Self.plane(of: image, path: file, source: channelMap.source(of: stain), range: range)
      pixels += plane
      warnings += odd.map { StainWarning(id: id, stain: stain, path: file, kind: $0) }
    }
    if width != height {
      warnings.append(StainWarning(id: id, stain: .red, path: files[0], kind: .notSquare(width: width, height: height)))
    }
    return Image(stack: PixelStack(height: height, width: width, pixels: pixels), warnings: warnings)
  }

  private static func plane(
    of image: RasterImage, path: String, source: ChannelMap.Source, range: SampleRange
  ) throws -> ([UInt8], [StainWarning.Kind]) {
    let bytes = image.bytes(range: range)
    let lowRange = StainWarning.Kind.lowRange(image, range: range)
    switch image.channels {
    case 1: return (bytes, [StainWarning.Kind.blank(bytes), lowRange].compactMap { $0 })
    case 2:
      let grey = ChannelMap.Source.red.plane(of: bytes, channels: 2)
      return (grey, [StainWarning.Kind.blank(grey), lowRange].compactMap { $0 })
    case 3, 4:
      let plane = source.plane(of: bytes, channels: image.channels)
      let empty = StainWarning.Kind.emptyChannel(of: plane, pixels: bytes, channels: image.channels)
      return (plane, [empty ?? .blank(plane), lowRange].compactMap { $0 })
    default:
      throw Failure(
        .badData, "\(image.channels) channels: which of them is the stain cannot be told", at: .file(path),
        cure: "Save each stain as a file of its own, grey or RGB.")
    }
  }
}
