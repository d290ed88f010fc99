/// The area between two axes: places values, draws grid, ticks and axis labels.
struct PlotArea {
  let box: Box
  let x: Scale
  let y: Scale

  static let font = Canvas.Font(11)
  static let labelFont = Canvas.Font(12)
  static let margin = 28.0

  /// Lays the area out in a picture of `size` below `top`, leaving room for tick labels and axis labels.
  init(width: Double, height: Double, top: Double, x: Scale, y: Scale, xLabel: String, yLabel: String) {
    let left = Self.margin + (yLabel.isEmpty ? 0 : 20) + (y.ticks.map { Canvas.width(of: $0.label, Self.font) }.max() ?? 0) + 8
    let bottom = Self.margin + (xLabel.isEmpty ? 0 : 18) + 18
    box = Box(x: left, y: top, width: width - left - Self.margin, height: height - top - bottom)
    self.x = x
    self.y = y
  }

  func point(_ xValue: Double, _ yValue: Double) -> (x: Double, y: Double) {
    (box.x + box.width * x.fraction(of: xValue), box.bottom - box.height * y.fraction(of: yValue))
  }

  func drawAxes(on canvas: Canvas, xLabel: String, yLabel: String) {
    for tick in y.ticks {
      let height = point(0, tick.value).y
      canvas.line([(box.x, height), (box.right, height)], .hairline, width: 1)
      canvas.text(tick.label, x: box.x - 8, y: height + 4, Self.font, .quiet, align: .right)
    }
    for tick in x.ticks {
      let place = point(tick.value, 0).x
      canvas.line([(place, box.bottom), (place, box.bottom + 4)], .quiet)
      canvas.text(tick.label, x: place, y: box.bottom + 17, Self.font, .quiet, align: .centre)
    }
    canvas.line([(box.x, box.bottom), (box.right, box.bottom)], .quiet)
    if !xLabel.isEmpty { canvas.text(xLabel, x: box.middle.x, y: box.bottom + 38, Self.labelFont, align: .centre) }
    if !yLabel.isEmpty { canvas.uprightText(yLabel, x: Self.margin + 8, y: box.middle.y, Self.labelFont) }
  }
}
