/// How values are distributed, such as match scores, with the line where they are cut.
public struct Histogram: Sendable {
  public struct Series: Sendable {
    public let name: String
    public let values: [Double]

    public init(_ name: String, values: [Double]) {
      self.name = name
      self.values = values
    }
  }

  public struct Cut: Sendable {
    public let value: Double
    public let label: String

    public init(_ value: Double, label: String) {
      self.value = value
      self.label = label
    }
  }

  public let title: String
  public let subtitle: String
  public let valueLabel: String
  public let countLabel: String
  public let series: [Series]
  public let cut: Cut?
  public let isLogarithmic: Bool
  /// Number of bins over the range of all values; values that are not finite are not counted.
  public let bins: Int
  public let width: Double
  public let height: Double

  /// - Parameter isLogarithmic: of the counts.
  public init(
    title: String, subtitle: String = "", valueLabel: String, countLabel: String = "Count", series: [Series], cut: Cut? = nil,
    isLogarithmic: Bool = false, bins: Int = 60, width: Double = 760, height: Double = 420
  ) {
    self.title = title
    self.subtitle = subtitle
    self.valueLabel = valueLabel
    self.countLabel = countLabel
    self.series = series
    self.cut = cut
    self.isLogarithmic = isLogarithmic
    self.bins = max(1, bins)
    self.width = width
    self.height = height
  }

  public var picture: Picture {
    let header = Header(
      title: title, subtitle: subtitle,
      legend: series.count < 2 ? [] : series.enumerated().map { .init(name: $1.name, colour: .series($0), isArea: true) })
    let inner = width - 2 * PlotArea.margin
    let x = Scale(linear: series.flatMap(\.values) + (cut.map { [$0.value] } ?? []), isTight: true, most: 10)
    let counts = series.map { self.counts(of: $0.values, in: x.range) }
    let y = isLogarithmic ? Scale(logarithmic: counts.joined()) : Scale(linear: counts.joined(), includingZero: true)
    let (left, top) = (PlotArea.left(of: y, hasLabel: true), PlotArea.margin + header.height(width: inner) + (cut == nil ? 0 : 16))
    let box = Box(x: left, y: top, width: width - left - PlotArea.margin, height: height - top - PlotArea.margin - 36)
    let area = PlotArea(box: box, x: x, y: y)
    return Picture(title: title, width: width, height: height) { canvas in
      header.draw(on: canvas, x: PlotArea.margin, y: PlotArea.margin, width: inner)
      area.drawAxes(on: canvas)
      box.drawLabels(x: valueLabel, y: countLabel, on: canvas)
      for (index, one) in counts.enumerated() { drawBars(one, .series(index).faded(to: counts.count > 1 ? 0.7 : 1), in: area, on: canvas) }
      if let cut { draw(cut, in: area, on: canvas) }
    }
  }

  /// The highest value belongs to the last bin.
  private func counts(of values: [Double], in range: ClosedRange<Double>) -> [Double] {
    var counts = Array(repeating: 0.0, count: bins)
    for value in values where value.isFinite {
      let place = (value - range.lowerBound) / (range.upperBound - range.lowerBound) * Double(bins)
      counts[min(bins - 1, Int(place))] += 1
    }
    return counts
  }

  private func drawBars(_ counts: [Double], _ colour: Colour, in area: PlotArea, on canvas: Canvas) {
    let width = area.box.width / Double(bins)
    for (bin, count) in counts.enumerated() where count > 0 {
      // On a logarithmic axis a count of 1 lies at the foot, but is to be seen.
      let top = min(area.point(0, count).y, area.box.bottom - 1.5)
      canvas.fill(Box(x: area.box.x + Double(bin) * width, y: top, width: max(width - 1, 0.5), height: area.box.bottom - top), colour)
    }
  }

  private func draw(_ cut: Cut, in area: PlotArea, on canvas: Canvas) {
    let x = area.point(cut.value, 0).x
    let font = Canvas.Font(11, bold: true)
    canvas.line([(x, area.box.y - 4), (x, area.box.bottom)], .text, width: 1.5, dash: [4, 3])
    let half = Canvas.width(of: cut.label, font) / 2
    canvas.text(cut.label, x: min(max(x, area.box.x + half), area.box.right - half), y: area.box.y - 9, font, align: .centre)
  }
}
