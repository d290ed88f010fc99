internal import Foundation

/// A table as coloured cells with their numbers, such as which classes meet.
public struct HeatMap: Sendable {
  public struct Cell: Sendable {
    /// 0 or more; decides the colour.
    public let value: Double
    public let text: String

    public init(_ value: Double, text: String) {
      self.value = value
      self.text = text
    }
  }

  public let title: String
  public let subtitle: String
  public let rows: [String]
  public let columns: [String]
  /// (rows, columns); nil is a place where nothing can stand.
  public let cells: [[Cell?]]
  /// What the colours mean, and the values that the key names.
  public let keyLabel: String
  public let keyTicks: [(value: Double, label: String)]

  /// - Precondition: as many cells as rows times columns.
  public init(
    title: String, subtitle: String = "", rows: [String], columns: [String], cells: [[Cell?]], keyLabel: String,
    keyTicks: [(value: Double, label: String)]
  ) {
    precondition(cells.count == rows.count && cells.allSatisfy { $0.count == columns.count })
    self.title = title
    self.subtitle = subtitle
    self.rows = rows
    self.columns = columns
    self.cells = cells
    self.keyLabel = keyLabel
    self.keyTicks = keyTicks
  }

  private static let cell = (width: 31.0, height: 24.0)
  private static let labelFont = Canvas.Font(11)
  private static let numberFont = Canvas.Font(9.5)
  private static let key = (width: 260.0, height: 12.0)

  public var picture: Picture {
    let left = PlotArea.margin + Self.widest(rows) + 10
    let width = max(left + Double(columns.count) * Self.cell.width + PlotArea.margin, 480)
    let header = Header(title: title, subtitle: subtitle)
    let keyTop = PlotArea.margin + header.height(width: width - 2 * PlotArea.margin)
    let box = Box(
      x: left, y: keyTop + 50 + Self.widest(columns) + 10, width: Double(columns.count) * Self.cell.width,
      height: Double(rows.count) * Self.cell.height)
    return Picture(title: title, width: width, height: box.bottom + PlotArea.margin) { canvas in
      header.draw(on: canvas, x: PlotArea.margin, y: PlotArea.margin, width: width - 2 * PlotArea.margin)
      drawKey(on: canvas, x: PlotArea.margin, y: keyTop)
      for (index, row) in rows.enumerated() {
        canvas.text(row, x: box.x - 8, y: Self.place(index, 0, in: box).middle.y + 4, Self.labelFont, align: .right)
      }
      for (index, column) in columns.enumerated() {
        canvas.uprightText(column, x: Self.place(0, index, in: box).middle.x + 4, y: box.y - 8, Self.labelFont, align: .left)
      }
      for row in rows.indices {
        for column in columns.indices { draw(cells[row][column], in: Self.place(row, column, in: box), on: canvas) }
      }
    }
  }

  private static func widest(_ names: [String]) -> Double { names.map { Canvas.width(of: $0, labelFont) }.max() ?? 0 }

  private static func place(_ row: Int, _ column: Int, in box: Box) -> Box {
    Box(x: box.x + Double(column) * cell.width, y: box.y + Double(row) * cell.height, width: cell.width - 1, height: cell.height - 1)
  }

  private func draw(_ cell: Cell?, in box: Box, on canvas: Canvas) {
    guard let cell else { return canvas.fill(box, .hairline) }
    let shade = shade(of: cell.value)
    canvas.fill(box, Colour.ramp(shade))
    canvas.text(
      cell.text, x: box.middle.x, y: box.middle.y + 3.5, Self.numberFont, shade > 0.55 ? .paper : .text, align: .centre)
  }

  private var largest: Double { max(cells.joined().compactMap { $0?.value }.max() ?? 0, keyTicks.map(\.value).max() ?? 0) }

  /// The square root of the share of the largest value, for most values are small ones.
  private func shade(of value: Double) -> Double { largest > 0 ? (max(value, 0) / largest).squareRoot() : 0 }

  private func drawKey(on canvas: Canvas, x: Double, y: Double) {
    let steps = 65
    for step in 0..<steps {
      let width = Self.key.width / Double(steps)
      // A little wider than its step, so that no seam shows.
      canvas.fill(
        Box(x: x + Double(step) * width, y: y, width: width + 0.5, height: Self.key.height), .ramp(Double(step) / Double(steps - 1)))
    }
    for tick in keyTicks {
      let place = x + Self.key.width * shade(of: tick.value)
      canvas.line([(place, y + Self.key.height), (place, y + Self.key.height + 4)], .quiet)
      canvas.text(tick.label, x: place, y: y + Self.key.height + 16, Self.numberFont, .quiet, align: .centre)
    }
    canvas.text(keyLabel, x: x + Self.key.width + 16, y: y + 10, Self.labelFont, .quiet)
  }
}
