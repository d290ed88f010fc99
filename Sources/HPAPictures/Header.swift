/// Title, subtitle and legend at the head of a picture.
struct Header {
  struct LegendEntry: Equatable {
    let name: String
    let colour: Colour
    var isDashed = false
    var isArea = false
  }

  let title: String
  let subtitle: String
  var legend: [LegendEntry] = []

  private static let titleFont = Canvas.Font(17, bold: true)
  private static let subtitleFont = Canvas.Font(12)
  private static let legendFont = Canvas.Font(11.5)
  private static let lineSwatch = 19.0
  private static let areaSwatch = 11.0
  private static let legendLine = 19.0

  func height(width: Double) -> Double {
    let legend = Double(legendRows(width: width).count) * Self.legendLine
    return Double(titleLines(width: width).count) * 22 + Double(subtitleLines(width: width).count) * 17 + 6 + legend + 14
  }

  func draw(on canvas: Canvas, x: Double, y: Double, width: Double) {
    var top = y
    for line in titleLines(width: width) {
      canvas.text(line, x: x, y: top + 15, Self.titleFont)
      top += 22
    }
    for line in subtitleLines(width: width) {
      canvas.text(line, x: x, y: top + 11, Self.subtitleFont, .quiet)
      top += 17
    }
    top += 6
    for row in legendRows(width: width) {
      var left = x
      for entry in row {
        draw(entry, on: canvas, x: left, middle: top + Self.legendLine / 2)
        left += Self.width(of: entry)
      }
      top += Self.legendLine
    }
  }

  private func draw(_ entry: LegendEntry, on canvas: Canvas, x: Double, middle: Double) {
    if entry.isArea {
      canvas.fill(Box(x: x, y: middle - 5, width: Self.areaSwatch, height: 11), entry.colour, radius: 2)
    } else {
      canvas.line([(x, middle), (x + Self.lineSwatch, middle)], entry.colour, width: 2, dash: entry.isDashed ? [5, 3] : [])
    }
    canvas.text(entry.name, x: x + Self.swatch(of: entry) + 6, y: middle + 4, Self.legendFont)
  }

  private func titleLines(width: Double) -> [String] { Self.lines(of: title, width: width, most: 2, Self.titleFont) }
  private func subtitleLines(width: Double) -> [String] { Self.lines(of: subtitle, width: width, most: 3, Self.subtitleFont) }

  private static func lines(of text: String, width: Double, most: Int, _ font: Canvas.Font) -> [String] {
    Canvas.wrapped(text.split(separator: " ").map(String.init), separator: " ", to: width, most: most, font)
  }

  private func legendRows(width: Double) -> [[LegendEntry]] {
    var rows: [[LegendEntry]] = []
    var used = 0.0
    for entry in legend {
      used += Self.width(of: entry)
      if rows.isEmpty || used > width {
        rows.append([])
        used = Self.width(of: entry)
      }
      rows[rows.count - 1].append(entry)
    }
    return rows
  }

  private static func swatch(of entry: LegendEntry) -> Double { entry.isArea ? areaSwatch : lineSwatch }
  private static func width(of entry: LegendEntry) -> Double { swatch(of: entry) + 6 + Canvas.width(of: entry.name, legendFont) + 20 }
}
