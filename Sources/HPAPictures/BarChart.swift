/// Horizontal bars, one group a category, such as the number of images of each class.
public struct BarChart: Sendable {
  public struct Series: Sendable {
    public let name: String
    /// One value a category, 0 or more.
    public let values: [Double]

    public init(_ name: String, values: [Double]) {
      self.name = name
      self.values = values
    }
  }

  public let title: String
  public let subtitle: String
  public let valueLabel: String
  public let categories: [String]
  public let series: [Series]
  public let isLogarithmic: Bool
  public let width: Double

  /// - Precondition: every series has as many values as there are categories.
  public init(
    title: String, subtitle: String = "", valueLabel: String, categories: [String], series: [Series], isLogarithmic: Bool = false,
    width: Double = 760
  ) {
    precondition(series.allSatisfy { $0.values.count == categories.count })
    self.title = title
    self.subtitle = subtitle
    self.valueLabel = valueLabel
    self.categories = categories
    self.series = series
    self.isLogarithmic = isLogarithmic
    self.width = width
  }

  private var barHeight: Double { series.count > 1 ? 11 : 13 }
  private var groupHeight: Double { barHeight * Double(series.count) + 8 }

  public var picture: Picture {
    let header = Header(
      title: title, subtitle: subtitle,
      legend: series.count < 2 ? [] : series.enumerated().map { .init(name: $1.name, colour: .series($0), isArea: true) })
    let inner = width - 2 * PlotArea.margin
    let top = PlotArea.margin + header.height(width: inner)
    let box = plotBox(top: top)
    let values = series.flatMap(\.values)
    let scale = isLogarithmic ? Scale(logarithmic: values) : Scale(linear: values, includingZero: true)
    return Picture(title: title, width: width, height: box.bottom + 46 + PlotArea.margin) { canvas in
      header.draw(on: canvas, x: PlotArea.margin, y: PlotArea.margin, width: inner)
      drawAxis(scale, on: canvas, in: box)
      for index in categories.indices { drawGroup(index, scale, on: canvas, in: box) }
      canvas.line([(box.x, box.y), (box.x, box.bottom)], .quiet)
    }
  }

  private func plotBox(top: Double) -> Box {
    let left = PlotArea.margin + 10 + (categories.map { Canvas.width(of: $0, PlotArea.font) }.max() ?? 0)
    let numbers = series.flatMap(\.values).map { Canvas.width(of: Scale.label($0, step: 1), Self.numberFont) }.max() ?? 0
    return Box(x: left, y: top, width: width - left - PlotArea.margin - numbers - 6, height: Double(categories.count) * groupHeight)
  }

  private static let numberFont = Canvas.Font(9.5)

  private func drawAxis(_ scale: Scale, on canvas: Canvas, in box: Box) {
    for tick in scale.ticks {
      let x = box.x + box.width * scale.fraction(of: tick.value)
      canvas.line([(x, box.y), (x, box.bottom)], .hairline)
      canvas.text(tick.label, x: x, y: box.bottom + 17, PlotArea.font, .quiet, align: .centre)
    }
    canvas.text(valueLabel, x: box.middle.x, y: box.bottom + 40, PlotArea.labelFont, align: .centre)
  }

  private func drawGroup(_ category: Int, _ scale: Scale, on canvas: Canvas, in box: Box) {
    let top = box.y + Double(category) * groupHeight + 4
    canvas.text(categories[category], x: box.x - 8, y: top + (groupHeight - 8) / 2 + 4, PlotArea.font, align: .right)
    for (index, one) in series.enumerated() {
      let value = one.values[category]
      // However short, a bar that stands for something is seen.
      let length = value > 0 ? max(1.5, box.width * scale.fraction(of: value)) : 0
      let bar = Box(x: box.x, y: top + Double(index) * barHeight, width: length, height: barHeight - 1)
      canvas.fill(bar, .series(index))
      let number = Scale.label(value, step: 1)
      // No grid line through a number.
      canvas.fill(Box(x: bar.right + 2, y: bar.y, width: Canvas.width(of: number, Self.numberFont) + 6, height: bar.height), .paper)
      canvas.text(number, x: bar.right + 5, y: bar.middle.y + 3.5, Self.numberFont, .quiet)
    }
  }
}
