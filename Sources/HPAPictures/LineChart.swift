/// Curves over a common x, such as the loss of each epoch.
public struct LineChart: Sendable {
  public struct Series: Sendable {
    public let name: String
    public let points: [(x: Double, y: Double)]
    public let colour: Colour
    public let isDashed: Bool
    /// Index of a point worth a dot, such as the epoch that was kept.
    public let marked: Int?

    /// - Parameter points: a point that is not finite leaves a gap in the curve.
    public init(_ name: String, points: [(x: Double, y: Double)], colour: Colour, isDashed: Bool = false, marked: Int? = nil) {
      self.name = name
      self.points = points
      self.colour = colour
      self.isDashed = isDashed
      self.marked = marked
    }
  }

  public let title: String
  public let subtitle: String
  public let xLabel: String
  public let yLabel: String
  public let series: [Series]
  public let width: Double
  public let height: Double

  public init(
    title: String, subtitle: String = "", xLabel: String, yLabel: String, series: [Series], width: Double = 760, height: Double = 460
  ) {
    self.title = title
    self.subtitle = subtitle
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.series = series
    self.width = width
    self.height = height
  }

  /// The learning curves of one or more models: validation solid, training dashed, one colour a model, a dot at the lowest validation loss.
  ///
  /// Epochs are counted from 1.
  public static func learningCurves(
    title: String, subtitle: String = "", models: [(name: String, training: [Double], validation: [Double])]
  ) -> LineChart {
    let series = models.enumerated().flatMap { index, model in
      let best = model.validation.indices.filter { model.validation[$0].isFinite }.min { model.validation[$0] < model.validation[$1] }
      return [
        Series(named(model.name, "training"), points: points(model.training), colour: .series(index), isDashed: true),
        Series(named(model.name, "validation"), points: points(model.validation), colour: .series(index), marked: best),
      ]
    }
    return LineChart(title: title, subtitle: subtitle, xLabel: "Epoch", yLabel: "Loss", series: series)
  }

  private static func named(_ model: String, _ part: String) -> String { model.isEmpty ? part : "\(model), \(part)" }
  private static func points(_ losses: [Double]) -> [(x: Double, y: Double)] { losses.enumerated().map { (Double($0 + 1), $1) } }

  public var picture: Picture {
    let header = Header(
      title: title, subtitle: subtitle, legend: series.map { .init(name: $0.name, colour: $0.colour, isDashed: $0.isDashed) })
    let inner = width - 2 * PlotArea.margin
    let area = PlotArea(
      width: width, height: height, top: PlotArea.margin + header.height(width: inner),
      x: Scale(linear: series.flatMap { $0.points.map(\.x) }, isTight: true, most: 10),
      y: Scale(linear: series.flatMap { $0.points.map(\.y) }),
      xLabel: xLabel, yLabel: yLabel)
    return Picture(title: title, width: width, height: height) { canvas in
      header.draw(on: canvas, x: PlotArea.margin, y: PlotArea.margin, width: inner)
      area.drawAxes(on: canvas, xLabel: xLabel, yLabel: yLabel)
      for one in series { draw(one, in: area, on: canvas) }
    }
  }

  private func draw(_ series: Series, in area: PlotArea, on canvas: Canvas) {
    for run in series.points.split(whereSeparator: { !$0.x.isFinite || !$0.y.isFinite }) {
      let points = run.map { area.point($0.x, $0.y) }
      canvas.line(points, series.colour, width: 2, dash: series.isDashed ? [6, 4] : [])
      if points.count == 1 { canvas.dot(x: points[0].x, y: points[0].y, radius: 3, series.colour) }
    }
    guard let marked = series.marked, series.points.indices.contains(marked) else { return }
    let dot = area.point(series.points[marked].x, series.points[marked].y)
    canvas.dot(x: dot.x, y: dot.y, radius: 6, .paper)
    canvas.dot(x: dot.x, y: dot.y, radius: 4.5, series.colour)
  }
}
