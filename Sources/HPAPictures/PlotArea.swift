/// The area between two axes: places values, draws grid and ticks.
struct PlotArea {
  let box: Box
  let x: Scale
  let y: Scale

  static let font = Canvas.Font(11)
  static let labelFont = Canvas.Font(12)
  static let margin = 28.0

  /// Where an area begins, right of the labels of its y axis.
  static func left(of y: Scale, hasLabel: Bool) -> Double {
    margin + (hasLabel ? 20 : 0) + (y.ticks.map { Canvas.width(of: $0.label, font) }.max() ?? 0) + 8
  }

  func point(_ xValue: Double, _ yValue: Double) -> (x: Double, y: Double) {
    (box.x + box.width * x.fraction(of: xValue), box.bottom - box.height * y.fraction(of: yValue))
  }

  func drawAxes(on canvas: Canvas, hasXLabels: Bool = true, hasYLabels: Bool = true) {
    for tick in y.ticks {
      let height = point(0, tick.value).y
      canvas.line([(box.x, height), (box.right, height)], .hairline, width: 1)
      if hasYLabels { canvas.text(tick.label, x: box.x - 8, y: height + 4, Self.font, .quiet, align: .right) }
    }
    for tick in x.ticks {
      let place = point(tick.value, 0).x
      canvas.line([(place, box.bottom), (place, box.bottom + 4)], .quiet)
      if hasXLabels { canvas.text(tick.label, x: place, y: box.bottom + 17, Self.font, .quiet, align: .centre) }
    }
    canvas.line([(box.x, box.bottom), (box.right, box.bottom)], .quiet)
  }
}

extension Box {
  /// Draws what the axes of this area, or of several in it, mean.
  func drawLabels(x: String, y: String, on canvas: Canvas) {
    if !x.isEmpty { canvas.text(x, x: middle.x, y: bottom + 38, PlotArea.labelFont, align: .centre) }
    if !y.isEmpty { canvas.uprightText(y, x: PlotArea.margin + 8, y: middle.y, PlotArea.labelFont) }
  }
}
