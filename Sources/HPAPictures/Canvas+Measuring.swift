internal import CCairo

extension Canvas {
  /// The width in points that `text` takes; the same on every canvas, so that a layout is made before there is one.
  public static func width(of text: String, _ font: Font) -> Double {
    guard let surface = cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1), let ruler = try? Canvas(owning: surface) else { return 0 }
    return ruler.advance(of: text, font)
  }

  /// `text`, or its head and tail around an ellipsis where it is wider than `width`.
  public static func shortened(_ text: String, to width: Double, _ font: Font) -> String {
    guard Canvas.width(of: text, font) > width else { return text }
    let letters = Array(text)
    for kept in stride(from: letters.count - 1, through: 2, by: -1) {
      let short = String(letters.prefix((kept + 1) / 2)) + "…" + String(letters.suffix(kept / 2))
      if Canvas.width(of: short, font) <= width { return short }
    }
    return "…"
  }

  /// `words` joined by `separator` in lines no wider than `width`; where `most` lines do not hold them all, the last ends in an ellipsis.
  public static func wrapped(_ words: [String], separator: String, to width: Double, most: Int, _ font: Font) -> [String] {
    var lines: [String] = []
    for word in words {
      if let last = lines.last, Canvas.width(of: last + separator + word, font) <= width || lines.count == most {
        lines[lines.count - 1] = last + separator + word
      } else {
        lines.append(word)
      }
    }
    return lines.map { line in
      guard Canvas.width(of: line, font) > width else { return line }
      return String(line.indices.map { line[...$0] + "…" }.last { Canvas.width(of: String($0), font) <= width } ?? "…")
    }
  }
}
