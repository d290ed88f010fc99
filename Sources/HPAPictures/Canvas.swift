internal import CCairo
internal import HPACore

/// A sheet to draw on, over a Cairo surface; coordinates are points, y grows downwards, text is set in DejaVu Sans.
///
/// Not for use from two threads.
public final class Canvas {
  /// Where text stands in relation to its x.
  public enum Alignment: Sendable { case left, centre, right }

  /// How an image is enlarged or reduced.
  public enum Filter: Sendable { case nearest, bilinear }

  public struct Font: Sendable {
    public var size: Double
    public var isBold: Bool

    public init(_ size: Double, bold: Bool = false) {
      self.size = size
      isBold = bold
    }
  }

  private let surface: OpaquePointer
  private let context: OpaquePointer
  /// Every text drawn, in order: what an SVG says in words, for its letters are outlines.
  private(set) var texts: [String] = []

  /// Takes ownership of `surface`.
  init(owning surface: OpaquePointer, scale: Double = 1) throws {
    self.surface = surface
    context = cairo_create(surface)
    cairo_scale(context, scale, scale)
    useUnhintedText()
    try check()
  }

  deinit {
    cairo_destroy(context)
    cairo_surface_destroy(surface)
  }

  /// Hinted text has other widths at other scales; unhinted, PNG and SVG lay out alike.
  private func useUnhintedText() {
    let options = cairo_font_options_create()
    defer { cairo_font_options_destroy(options) }
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE)
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF)
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY)
    cairo_set_font_options(context, options)
  }

  /// - Throws: `software` or `inputOutput` with Cairo's message, once any call has failed.
  func check() throws {
    let status = cairo_status(context)
    guard status == CAIRO_STATUS_SUCCESS else {
      throw Failure(
        status == CAIRO_STATUS_WRITE_ERROR ? .inputOutput : .software, "drawing failed: \(String(cString: cairo_status_to_string(status)))")
    }
  }
}

extension Canvas {
  public func fill(_ box: Box, _ colour: Colour, radius: Double = 0) {
    outline(box, radius: radius)
    use(colour)
    cairo_fill(context)
  }

  /// Draws the edge of `box`, centred on it.
  public func stroke(_ box: Box, _ colour: Colour, width: Double = 1, radius: Double = 0) {
    outline(box, radius: radius)
    use(colour)
    cairo_set_line_width(context, width)
    cairo_stroke(context)
  }

  /// - Parameter dash: lengths of stroke and gap; empty for a solid line.
  public func line(_ points: [(x: Double, y: Double)], _ colour: Colour, width: Double = 1, dash: [Double] = []) {
    guard let first = points.first else { return }
    cairo_move_to(context, first.x, first.y)
    for point in points.dropFirst() { cairo_line_to(context, point.x, point.y) }
    use(colour)
    cairo_set_line_width(context, width)
    cairo_set_line_join(context, CAIRO_LINE_JOIN_ROUND)
    cairo_set_dash(context, dash, Int32(dash.count), 0)
    cairo_stroke(context)
    cairo_set_dash(context, [], 0, 0)
  }

  public func dot(x: Double, y: Double, radius: Double, _ colour: Colour) {
    cairo_arc(context, x, y, radius, 0, 2 * .pi)
    use(colour)
    cairo_fill(context)
  }

  /// Draws `image` over the whole of `box`.
  public func image(_ image: RGBImage, in box: Box, filter: Filter = .bilinear) {
    let source = Canvas.surface(of: image)
    defer { cairo_surface_destroy(source) }
    cairo_save(context)
    cairo_rectangle(context, box.x, box.y, box.width, box.height)
    cairo_clip(context)
    cairo_translate(context, box.x, box.y)
    cairo_scale(context, box.width / Double(image.width), box.height / Double(image.height))
    cairo_set_source_surface(context, source, 0, 0)
    cairo_pattern_set_filter(cairo_get_source(context), filter == .nearest ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_GOOD)
    // Without it the edge pixels fade into the paper.
    cairo_pattern_set_extend(cairo_get_source(context), CAIRO_EXTEND_PAD)
    cairo_paint(context)
    cairo_restore(context)
  }

  /// A surface that could not be made holds no bytes; painting with it puts the context in the state that `check` throws.
  private static func surface(of image: RGBImage) -> OpaquePointer {
    let surface: OpaquePointer = cairo_image_surface_create(CAIRO_FORMAT_RGB24, Int32(image.width), Int32(image.height))
    guard let bytes = cairo_image_surface_get_data(surface) else { return surface }
    let stride = Int(cairo_image_surface_get_stride(surface))
    for row in 0..<image.height {
      let words = UnsafeMutableRawPointer(bytes + row * stride).bindMemory(to: UInt32.self, capacity: image.width)
      for column in 0..<image.width {
        let at = (row * image.width + column) * 3
        words[column] = UInt32(image.pixels[at]) << 16 | UInt32(image.pixels[at + 1]) << 8 | UInt32(image.pixels[at + 2])
      }
    }
    cairo_surface_mark_dirty(surface)
    return surface
  }

  private func outline(_ box: Box, radius: Double) {
    guard radius > 0 else { return cairo_rectangle(context, box.x, box.y, box.width, box.height) }
    cairo_new_sub_path(context)
    cairo_arc(context, box.right - radius, box.y + radius, radius, -.pi / 2, 0)
    cairo_arc(context, box.right - radius, box.bottom - radius, radius, 0, .pi / 2)
    cairo_arc(context, box.x + radius, box.bottom - radius, radius, .pi / 2, .pi)
    cairo_arc(context, box.x + radius, box.y + radius, radius, .pi, 1.5 * .pi)
    cairo_close_path(context)
  }

  private func use(_ colour: Colour) { cairo_set_source_rgba(context, colour.red, colour.green, colour.blue, colour.opacity) }
}

extension Canvas {
  /// Draws one line of text whose baseline is at `y`.
  public func text(_ text: String, x: Double, y: Double, _ font: Font, _ colour: Colour = .text, align: Alignment = .left) {
    let width = Canvas.width(of: text, font)
    let offset =
      switch align {
      case .left: 0.0
      case .centre: -width / 2
      case .right: -width
      }
    use(colour)
    show(text, x: x + offset, y: y, font)
  }

  /// Draws text that reads upwards; `x` is its baseline, and `y` its middle, its lower end (`left`) or its upper one (`right`).
  public func uprightText(_ text: String, x: Double, y: Double, _ font: Font, _ colour: Colour = .text, align: Alignment = .centre) {
    cairo_save(context)
    cairo_translate(context, x, y)
    cairo_rotate(context, -.pi / 2)
    self.text(text, x: 0, y: 0, font, colour, align: align)
    cairo_restore(context)
  }

  func advance(of text: String, _ font: Font) -> Double {
    select(font)
    var extents = cairo_text_extents_t()
    cairo_text_extents(context, text, &extents)
    return extents.x_advance
  }

  private func show(_ text: String, x: Double, y: Double, _ font: Font) {
    texts.append(text)
    select(font)
    cairo_move_to(context, x, y)
    cairo_show_text(context, text)
  }

  private func select(_ font: Font) {
    cairo_select_font_face(context, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, font.isBold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL)
    cairo_set_font_size(context, font.size)
  }
}
