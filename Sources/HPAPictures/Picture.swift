internal import CCairo
internal import Foundation
internal import HPACore

/// A drawing that can be written as PNG or as SVG: the same strokes, once as pixels and once as paths.
public struct Picture {
  public let title: String
  /// Size in points.
  public let width: Double
  public let height: Double
  private let draw: (Canvas) -> Void

  public init(title: String, width: Double, height: Double, draw: @escaping (Canvas) -> Void) {
    self.title = title
    self.width = width.rounded(.up)
    self.height = height.rounded(.up)
    self.draw = draw
  }

  /// Writes a `.png` or an `.svg`, by the extension of `path`; nothing half-written is left where that fails.
  ///
  /// - Parameter scale: pixels a point of a PNG; 2 is sharp on today's screens.
  /// - Throws: `usage` for another extension or a picture too large for a PNG; `cannotCreate`, `inputOutput`.
  public func write(to path: String, scale: Double = 2) throws {
    do {
      switch (path as NSString).pathExtension.lowercased() {
      case "png": try FileBytes.write(try png(scale: scale), to: path)
      case "svg": try FileBytes.write(try svg(), to: path)
      default: throw Failure(.usage, "is neither .png nor .svg", cure: "End the name of the picture in .png or .svg.")
      }
    } catch var failure as Failure {
      failure.place.path = path
      throw failure
    }
  }

  /// The bytes of a PNG of width * scale by height * scale pixels.
  ///
  /// - Throws: `usage` where a side is longer than Cairo's 32,767 pixels.
  public func png(scale: Double = 2) throws -> [UInt8] {
    let (columns, rows) = ((width * scale).rounded(), (height * scale).rounded())
    guard (1...32767).contains(columns), (1...32767).contains(rows) else {
      throw Failure(
        .usage, "a PNG of \(columns) x \(rows) pixels cannot be drawn", cure: "Show fewer things on one picture, or write an .svg.")
    }
    let surface = try Self.made(cairo_image_surface_create(CAIRO_FORMAT_RGB24, Int32(columns), Int32(rows)))
    try paint(on: try Canvas(owning: cairo_surface_reference(surface), scale: scale))
    defer { cairo_surface_destroy(surface) }
    let sink = ByteSink()
    let status = cairo_surface_write_to_png_stream(surface, ByteSink.take, Unmanaged.passUnretained(sink).toOpaque())
    try Self.check(status)
    return sink.bytes
  }

  /// The bytes of an SVG; its letters are outlines, so that it looks the same everywhere, and its `<desc>` holds the words.
  public func svg() throws -> [UInt8] {
    let sink = ByteSink()
    let surface = try Self.made(
      cairo_svg_surface_create_for_stream(ByteSink.take, Unmanaged.passUnretained(sink).toOpaque(), width, height))
    defer { cairo_surface_destroy(surface) }
    let canvas = try Canvas(owning: cairo_surface_reference(surface))
    try paint(on: canvas)
    cairo_surface_finish(surface)
    try Self.check(cairo_surface_status(surface))
    return SVGText.finished(sink.bytes, title: title, texts: canvas.texts)
  }

  private func paint(on canvas: Canvas) throws {
    canvas.fill(Box(x: 0, y: 0, width: width, height: height), .paper)
    draw(canvas)
    try canvas.check()
  }

  private static func made(_ surface: OpaquePointer?) throws -> OpaquePointer {
    guard let surface else { throw Failure(.software, "no memory to draw a picture") }
    do {
      try check(cairo_surface_status(surface))
    } catch {
      cairo_surface_destroy(surface)
      throw error
    }
    return surface
  }

  private static func check(_ status: cairo_status_t) throws {
    guard status == CAIRO_STATUS_SUCCESS else {
      throw Failure(.software, "drawing failed: \(String(cString: cairo_status_to_string(status)))")
    }
  }
}

/// Where Cairo's streams end: bytes in memory.
private final class ByteSink {
  var bytes: [UInt8] = []

  static let take: cairo_write_func_t = { closure, data, length in
    guard let closure else { return CAIRO_STATUS_WRITE_ERROR }
    let sink = Unmanaged<ByteSink>.fromOpaque(closure).takeUnretainedValue()
    sink.bytes.append(contentsOf: UnsafeBufferPointer(start: data, count: Int(length)))
    return CAIRO_STATUS_SUCCESS
  }
}
