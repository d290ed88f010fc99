/// Curves over a common x, such as the loss of each epoch, in one area or in several of the same axes.
public struct LineChart: Sendable {
  public struct Series: Sendable {
    /// For the legend, which names series of one name and look once; an empty name is not there.
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

  /// One of several areas.
  public struct Panel: Sendable {
    public let title: String
    /// A quiet line under the title.
    public let note: String
    public let series: [Series]

    public init(_ title: String, note: String = "", series: [Series]) {
      self.title = title
      self.note = note
      self.series = series
    }
  }

  public let title: String
  public let subtitle: String
  public let xLabel: String
  public let yLabel: String
  public let panels: [Panel]
  /// Panels side by side.
  public let columns: Int
  public let width: Double

  /// Panels, row by row.
  public init(title: String, subtitle: String = "", xLabel: String, yLabel: String, panels: [Panel], columns: Int, width: Double = 1080) {
    self.title = title
    self.subtitle = subtitle
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.panels = panels
    self.columns = max(1, min(columns, panels.count))
    self.width = width
  }

  /// One area.
  public init(title: String, subtitle: String = "", xLabel: String, yLabel: String, series: [Series], width: Double = 760) {
    self.init(
      title: title, subtitle: subtitle, xLabel: xLabel, yLabel: yLabel, panels: [Panel("", series: series)], columns: 1, width: width)
  }

  /// The losses of one training.
  public struct LearningCurve: Sendable {
    /// One value an epoch, counted from 1.
    public let training: [Double]
    public let validation: [Double]

    public init(training: [Double], validation: [Double]) {
      self.training = training
      self.validation = validation
    }
  }

  /// A panel a model, with the curves of all its folds; a dot at the lowest validation loss of each.
  public static func learningCurves(title: String, models: [(name: String, folds: [LearningCurve])]) -> LineChart {
    let hasFolds = models.contains { $0.folds.count > 1 }
    let panels = models.map { model in
      let trainings = model.folds.map { Series("training", points: points($0.training), colour: .series(1), isDashed: true) }
      let validations = model.folds.map { curve in
        let best = curve.validation.indices.filter { curve.validation[$0].isFinite }.min { curve.validation[$0] < curve.validation[$1] }
        return Series("validation", points: points(curve.validation), colour: .series(0), marked: best)
      }
      return Panel(
        model.name, note: hasFolds ? "\(model.folds.count) fold\(model.folds.count == 1 ? "" : "s")" : "", series: trainings + validations)
    }
    return LineChart(
      title: title, subtitle: "The dot is the epoch of the lowest validation loss, whose weights are kept", xLabel: "Epoch", yLabel: "Loss",
      panels: panels, columns: 3, width: models.count == 1 ? 760 : 1080)
  }

  private static func points(_ losses: [Double]) -> [(x: Double, y: Double)] { losses.enumerated().map { (Double($0 + 1), $1) } }

  public var picture: Picture {
    let header = Header(title: title, subtitle: subtitle, legend: legend)
    let inner = width - 2 * PlotArea.margin
    let points = panels.flatMap { $0.series.flatMap(\.points) }
    let x = Scale(linear: points.map(\.x), isTight: true, most: columns > 1 ? 5 : 10)
    let y = Scale(linear: points.map(\.y), most: columns > 2 ? 5 : 7)
    let grid = Grid(self, y: y, top: PlotArea.margin + header.height(width: inner))
    return Picture(title: title, width: width, height: grid.bottom + 46 + PlotArea.margin) { canvas in
      header.draw(on: canvas, x: PlotArea.margin, y: PlotArea.margin, width: inner)
      for (index, panel) in panels.enumerated() {
        let area = PlotArea(box: grid.box(index), x: x, y: y)
        drawHead(of: panel, above: area.box, on: canvas)
        area.drawAxes(on: canvas, hasXLabels: index + columns >= panels.count, hasYLabels: index % columns == 0)
        for one in panel.series { draw(one, in: area, on: canvas) }
      }
      grid.all.drawLabels(x: xLabel, y: yLabel, on: canvas)
    }
  }

  /// Every look once, in the order of its first series.
  private var legend: [Header.LegendEntry] {
    var entries: [Header.LegendEntry] = []
    for series in panels.flatMap(\.series) where !series.name.isEmpty {
      let entry = Header.LegendEntry(name: series.name, colour: series.colour, isDashed: series.isDashed)
      if !entries.contains(entry) { entries.append(entry) }
    }
    return entries
  }

  private static let noteFont = Canvas.Font(10.5)

  private func drawHead(of panel: Panel, above box: Box, on canvas: Canvas) {
    let noteHeight = panel.note.isEmpty ? 0.0 : 15
    canvas.text(panel.note, x: box.x, y: box.y - 9, Self.noteFont, .quiet)
    let font = Canvas.Font(columns > 2 ? 11 : 12, bold: true)
    canvas.text(Canvas.shortened(panel.title, to: box.width, font), x: box.x, y: box.y - 9 - noteHeight, font)
  }

  private func draw(_ series: Series, in area: PlotArea, on canvas: Canvas) {
    for run in series.points.split(whereSeparator: { !$0.x.isFinite || !$0.y.isFinite }) {
      let points = run.map { area.point($0.x, $0.y) }
      canvas.line(points, series.colour, width: columns > 2 ? 1.5 : 2, dash: series.isDashed ? [6, 4] : [])
      if points.count == 1 { canvas.dot(x: points[0].x, y: points[0].y, radius: 3, series.colour) }
    }
    guard let marked = series.marked, series.points.indices.contains(marked) else { return }
    let dot = area.point(series.points[marked].x, series.points[marked].y)
    let radius = columns > 2 ? 3.5 : 4.5
    canvas.dot(x: dot.x, y: dot.y, radius: radius + 1.5, .paper)
    canvas.dot(x: dot.x, y: dot.y, radius: radius, series.colour)
  }
}

extension LineChart {
  /// Where the panels stand.
  private struct Grid {
    private let columns: Int
    private let headHeight: Double
    private let first: Box
    private let rows: Int

    /// Wide enough that the labels of two x axes keep apart.
    private static let gap = 36.0

    init(_ chart: LineChart, y: Scale, top: Double) {
      columns = chart.columns
      rows = (chart.panels.count + columns - 1) / columns
      let hasTitles = chart.panels.contains { !$0.title.isEmpty }
      headHeight = (hasTitles ? 24 : 0) + (chart.panels.contains { !$0.note.isEmpty } ? 15 : 0)
      let left = PlotArea.left(of: y, hasLabel: !chart.yLabel.isEmpty)
      let width = (chart.width - left - PlotArea.margin - Double(columns - 1) * Self.gap) / Double(columns)
      first = Box(x: left, y: top + headHeight, width: width, height: width * (columns > 2 ? 0.62 : 0.5))
    }

    func box(_ index: Int) -> Box {
      var box = first
      box.x += Double(index % columns) * (first.width + Self.gap)
      box.y += Double(index / columns) * (first.height + headHeight + Self.gap)
      return box
    }

    /// From the first panel's top to the last row's foot.
    var all: Box {
      let last = box(max(rows, 1) * columns - 1)
      return Box(x: first.x, y: first.y, width: last.right - first.x, height: last.bottom - first.y)
    }

    var bottom: Double { all.bottom }
  }
}
