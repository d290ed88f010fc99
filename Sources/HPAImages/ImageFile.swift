import CImageCodecs
import HPACore

/// PNG, TIFF and JPEG files. What a file is, its first bytes decide, never its name.
public enum ImageFile {
  public enum Format: String, Sendable {
    case png = "PNG"
    case tiff = "TIFF"
    case jpeg = "JPEG"

    /// What names of such files end in, lower case.
    var extensions: [String] {
      switch self {
      case .png: ["png"]
      case .tiff: ["tif", "tiff"]
      case .jpeg: ["jpg", "jpeg"]
      }
    }
  }

  /// What a file says of itself before any pixel is decoded.
  public struct Header: Sendable, Equatable {
    public let format: Format
    public let width: Int
    public let height: Int
    public let channels: Int
    public let bits: Int
  }

  /// The longest side that is read, in pixels.
  public static let maximumSide = Int(HPA_IMAGE_MAX_SIDE)
  /// The most bytes of samples that a picture may take; a decoder's own working memory stays below this, too.
  public static let maximumBytes = Int(HPA_IMAGE_MAX_BYTES)

  /// Reads a picture whole. Palettes become RGB, 1, 2 and 4-bit greys become 8-bit, MinIsWhite is inverted.
  ///
  /// - Throws: `missingInput` where there is no such file; `badData` where it is no PNG, TIFF or JPEG, ends early, is damaged, is larger
  ///   than `maximumSide` or 1 GiB of samples, or is of a kind that is not read (several pages, floating point, CMYK).
  public static func read(_ path: String) throws -> RasterImage { try decode(FileBytes.read(path), path: path) }

  /// The header alone.
  ///
  /// - Throws: as `read`.
  public static func header(of path: String) throws -> Header { try header(of: FileBytes.read(path), path: path) }

  /// The header of a file whose bytes are at hand.
  ///
  /// - Throws: `badData`, as `read`.
  public static func header(of bytes: [UInt8], path: String) throws -> Header {
    var (native, error) = (hpa_image_header(), hpa_image_error())
    guard hpa_image_probe(bytes, bytes.count, &native, &error) == HPA_IMAGE_OK else { throw failure(error, path: path) }
    return Header(native)
  }

  /// - Parameter path: the name that a failure points at.
  /// - Throws: `badData`, as `read`.
  public static func decode(_ bytes: [UInt8], path: String) throws -> RasterImage {
    try decode(bytes, header(of: bytes, path: path), path: path)
  }

  /// - Parameter header: that of the same bytes.
  /// - Throws: `badData`, as `read`.
  static func decode(_ bytes: [UInt8], _ header: Header, path: String) throws -> RasterImage {
    let count = header.width * header.height * header.channels
    let samples: RasterImage.Samples =
      header.bits == 16
      ? .words(try samples(of: bytes, header, count: count, path: path)) : .bytes(try samples(of: bytes, header, count: count, path: path))
    return RasterImage(width: header.width, height: header.height, channels: header.channels, samples: samples)
  }

  /// The samples as `decode` gives them, written to `target`, which has room for all.
  ///
  /// - Throws: `badData`, as `read`; what `target` holds then means nothing.
  static func decode(_ bytes: [UInt8], _ header: Header, path: String, into target: UnsafeMutableRawPointer?) throws {
    var (native, error) = (header.native, hpa_image_error())
    guard hpa_image_decode(bytes, bytes.count, &native, target, &error) == HPA_IMAGE_OK else { throw failure(error, path: path) }
  }

  /// One stain of a JPEG of 3 channels, which is never whole in memory.
  ///
  /// - Parameter sums: three numbers to which the levels of R, G and B are added, where they are wanted.
  /// - Throws: `badData`, as `read`.
  package static func decode(
    _ bytes: [UInt8], _ header: Header, taking source: ChannelMap.Source, path: String, into levels: UnsafeMutablePointer<UInt8>?,
    sums: UnsafeMutablePointer<UInt64>?
  ) throws {
    var (native, error) = (header.native, hpa_image_error())
    let status = hpa_image_decode_jpeg_stain(bytes, bytes.count, &native, source.native, levels, sums, &error)
    guard status == HPA_IMAGE_OK else { throw failure(error, path: path) }
  }

  /// The pixels of a TIFF that lie in the file as they are decoded: 8-bit grey, without compression, from `offset` on.
  ///
  /// - Parameters:
  ///   - head: the first bytes of the file.
  ///   - size: of the file.
  /// - Returns: nil for any other picture, and where the head does not tell.
  package static func plainPixels(inHead head: UnsafeBufferPointer<UInt8>, ofFile size: Int) -> (header: Header, offset: Int)? {
    var (native, offset) = (hpa_image_header(), UInt64(0))
    guard hpa_image_find_plain(head.baseAddress, head.count, size, &native, &offset) else { return nil }
    return (Header(native), Int(offset))
  }

  private static func samples<Sample>(of bytes: [UInt8], _ header: Header, count: Int, path: String) throws -> [Sample] {
    try [Sample](unsafeUninitializedCapacity: count) { target, filled in
      try decode(bytes, header, path: path, into: target.baseAddress)
      filled = count
    }
  }

  private static func failure(_ error: hpa_image_error, path: String) -> Failure {
    let detail = withUnsafeBytes(of: error.detail) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    let (message, cure) =
      switch error.status {
      case HPA_IMAGE_UNKNOWN_FORMAT: ("is no picture: \(detail)", "PNG, TIFF and JPEG are read. Fetch the file again, or convert it.")
      case HPA_IMAGE_TOO_LARGE: ("is too large: \(detail)", "Cut or shrink the picture, or fetch the file again if its header is wrong.")
      case HPA_IMAGE_UNSUPPORTED: ("is of a kind that is not read: \(detail)", "Save it as 8- or 16-bit grey or RGB, one picture a file.")
      case HPA_IMAGE_OUT_OF_MEMORY: ("needs more memory than there is: \(detail)", "Use fewer threads: --threads 1.")
      default: ("is damaged or cut off: \(detail)", "Fetch the file again.")
      }
    return Failure(error.status == HPA_IMAGE_OUT_OF_MEMORY ? .unavailable : .badData, message, at: .file(path), cure: cure)
  }
}

extension ImageFile.Header {
  fileprivate init(_ native: hpa_image_header) {
    format = native.format == HPA_IMAGE_PNG ? .png : native.format == HPA_IMAGE_TIFF ? .tiff : .jpeg
    (width, height) = (Int(native.width), Int(native.height))
    (channels, bits) = (Int(native.channels), Int(native.bits))
  }

  fileprivate var native: hpa_image_header {
    hpa_image_header(
      format: format == .png ? HPA_IMAGE_PNG : format == .tiff ? HPA_IMAGE_TIFF : HPA_IMAGE_JPEG, width: UInt32(width),
      height: UInt32(height), channels: UInt32(channels), bits: UInt32(bits))
  }
}

extension ImageFile {
  public enum TIFFCompression: Sendable, CaseIterable {
    case none, lzw, deflate
  }

  /// How a picture is written; the parameters are those of the format.
  public enum Encoding: Sendable {
    /// Grey or RGB of 8 or 16 bits; `level` is zlib's, 0 (fast) to 9 (small).
    case png(level: Int = 6)
    /// Grey or RGB of 8 or 16 bits, in strips, or in square tiles whose side is a multiple of 16.
    case tiff(TIFFCompression = .deflate, tileSide: Int? = nil)
    /// Grey or RGB of 8 bits; `quality` 1 to 100.
    case jpeg(quality: Int = 90)
  }

  /// Writes by way of a file beside `path`, so that what stands under this name is always whole.
  ///
  /// - Throws: `cannotCreate`, `inputOutput`; `usage` where the format cannot hold the picture or the parameters are out of range.
  public static func write(_ image: RasterImage, to path: String, as encoding: Encoding = .png()) throws {
    let bytes = try encode(image, as: encoding, path: path)
    try FileBytes.write(bytes, to: path)
  }

  /// - Throws: `usage` where the format cannot hold the picture or the parameters are out of range.
  public static func encode(_ image: RasterImage, as encoding: Encoding, path: String = "") throws -> [UInt8] {
    try check(encoding, path: path)
    var header = hpa_image_header()
    (header.width, header.height) = (UInt32(image.width), UInt32(image.height))
    (header.channels, header.bits) = (UInt32(image.channels), UInt32(image.bits))
    var error = hpa_image_error()
    var encoded: UnsafeMutablePointer<UInt8>?
    var count = 0
    let status = image.withSamples { samples in
      switch encoding {
      case .png(let level): hpa_image_encode_png(samples, &header, Int32(level), &encoded, &count, &error)
      case .jpeg(let quality): hpa_image_encode_jpeg(samples, &header, Int32(quality), &encoded, &count, &error)
      case .tiff(let compression, let side):
        hpa_image_encode_tiff(samples, &header, compression.native, UInt32(side ?? 0), &encoded, &count, &error)
      }
    }
    guard status == HPA_IMAGE_OK else { throw unwritable(error, path: path) }
    defer { hpa_image_free(encoded) }
    return [UInt8](UnsafeBufferPointer(start: encoded, count: count))
  }

  private static func check(_ encoding: Encoding, path: String) throws {
    let isFine =
      switch encoding {
      case .png(let level): (0...9).contains(level)
      case .jpeg(let quality): (1...100).contains(quality)
      case .tiff(_, let side): side.map { (16...maximumSide).contains($0) && $0 % 16 == 0 } ?? true
      }
    guard !isFine else { return }
    throw Failure(
      .usage, "\(encoding) cannot be written", at: .file(path),
      cure: "PNG levels are 0 to 9, JPEG qualities 1 to 100, TIFF tiles a multiple of 16.")
  }

  private static func unwritable(_ error: hpa_image_error, path: String) -> Failure {
    let detail = withUnsafeBytes(of: error.detail) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    return Failure(
      .usage, "this picture cannot be written in this format: \(detail)", at: .file(path),
      cure: "PNG and TIFF take grey or RGB of 8 or 16 bits, JPEG of 8 bits, up to \(maximumSide) pixels a side.")
  }
}

extension ImageFile.TIFFCompression {
  fileprivate var native: hpa_tiff_compression {
    switch self {
    case .none: HPA_TIFF_NONE
    case .lzw: HPA_TIFF_LZW
    case .deflate: HPA_TIFF_DEFLATE
    }
  }
}

extension RasterImage {
  fileprivate func withSamples<Result>(_ body: (UnsafeRawPointer?) -> Result) -> Result {
    switch samples {
    case .bytes(let bytes): bytes.withUnsafeBytes { body($0.baseAddress) }
    case .words(let words): words.withUnsafeBytes { body($0.baseAddress) }
    }
  }
}
