public import HPACore
internal import Foundation

/// Matches side by side: a query and the gallery image found for it, with rank, score, ids and the labels of the gallery image.
public struct MatchSheet: Sendable {
  /// One image of a match; 320 pixels or more a side look sharp at scale 2.
  public struct Thumbnail: Sendable {
    public let id: ImageID
    public let image: RGBImage

    public init(id: ImageID, image: RGBImage) {
      self.id = id
      self.image = image
    }
  }

  /// What is known of a match from elsewhere, as a badge.
  public struct Mark: Sendable {
    public let text: String
    public let colour: Colour

    public init(_ text: String, colour: Colour) {
      self.text = text
      self.colour = colour
    }

    public static let planted = Mark("planted", colour: Colour(0x00785A))
    public static let notPlanted = Mark("not planted", colour: Colour(0xB84A00))
    public static let known = Mark("known", colour: Colour(0x0072B2))
  }

  public struct Pair: Sendable {
    public let query: Thumbnail
    public let gallery: Thumbnail
    public let rank: Int
    /// Cosine similarity.
    public let score: Double
    /// Of the gallery image.
    public let labels: LabelSet
    public let mark: Mark?

    public init(query: Thumbnail, gallery: Thumbnail, rank: Int, score: Double, labels: LabelSet, mark: Mark? = nil) {
      self.query = query
      self.gallery = gallery
      self.rank = rank
      self.score = score
      self.labels = labels
      self.mark = mark
    }
  }

  public let title: String
  public let subtitle: String
  public let pairs: [Pair]
  /// Pairs beside each other.
  public let columns: Int

  /// - Parameter columns: at most; fewer pairs make a narrower sheet.
  public init(title: String, subtitle: String = "", pairs: [Pair], columns: Int = 3) {
    self.title = title
    self.subtitle = subtitle
    self.pairs = pairs
    self.columns = max(1, min(columns, pairs.count))
  }

  public var picture: Picture {
    let header = Header(title: title, subtitle: subtitle)
    let layout = Layout(sheet: self, header: header)
    return Picture(title: title, width: layout.width, height: layout.height) { canvas in
      header.draw(on: canvas, x: Layout.margin, y: Layout.margin, width: layout.width - 2 * Layout.margin)
      for (index, pair) in pairs.enumerated() { draw(pair, on: canvas, at: layout.place(of: index)) }
    }
  }

  /// Where the images of the pair at `index` stand in the picture, in points.
  public func thumbnailBoxes(of index: Int) -> (query: Box, gallery: Box) {
    let place = Layout(sheet: self, header: Header(title: title, subtitle: subtitle)).place(of: index)
    return (place.query, place.gallery)
  }
}

extension MatchSheet {
  /// Lengths in points.
  private struct Layout {
    static let margin = 28.0
    static let gutter = 36.0
    static let thumbnail = 160.0
    static let pairWidth = 2 * thumbnail + 8
    static let headline = 26.0
    static let line = 15.0
    static let labelFont = Canvas.Font(11)
    static let mostLabelLines = 3

    struct Place {
      let x: Double
      let y: Double
      var query: Box { Box(x: x, y: y + headline, width: thumbnail, height: thumbnail) }
      var gallery: Box { Box(x: x + pairWidth - thumbnail, y: y + headline, width: thumbnail, height: thumbnail) }
    }

    let columns: Int
    let width: Double
    let height: Double
    private let top: Double
    private let pitch: Double

    init(sheet: MatchSheet, header: Header) {
      columns = sheet.columns
      width = 2 * Self.margin + Double(columns) * (Self.pairWidth + Self.gutter) - Self.gutter
      top = Self.margin + header.height(width: width - 2 * Self.margin)
      let labelLines = sheet.pairs.map { Self.lines(of: $0.labels).count }.max() ?? 0
      pitch = Self.headline + Self.thumbnail + 6 + Self.line * Double(1 + labelLines) + 28
      height = top + pitch * Double((sheet.pairs.count + columns - 1) / columns)
    }

    func place(of index: Int) -> Place {
      Place(x: Self.margin + Double(index % columns) * (Self.pairWidth + Self.gutter), y: top + Double(index / columns) * pitch)
    }

    static func lines(of labels: LabelSet) -> [String] {
      Canvas.wrapped(labels.ids.map { ProteinLocation.all[$0].name }, separator: " · ", to: pairWidth, most: mostLabelLines, labelFont)
    }
  }

  private func draw(_ pair: Pair, on canvas: Canvas, at place: Layout.Place) {
    drawHeadline(of: pair, on: canvas, x: place.x, baseline: place.y + 16)
    draw(pair.query, on: canvas, in: place.query)
    draw(pair.gallery, on: canvas, in: place.gallery)
    for (index, line) in Layout.lines(of: pair.labels).enumerated() {
      canvas.text(line, x: place.x, y: place.query.bottom + 5 + Layout.line * Double(index + 2), Layout.labelFont)
    }
  }

  private func drawHeadline(of pair: Pair, on canvas: Canvas, x: Double, baseline: Double) {
    let (bold, font) = (Canvas.Font(13, bold: true), Canvas.Font(13))
    let rank = "\(pair.rank)"
    canvas.text(rank, x: x, y: baseline, bold)
    canvas.text(String(format: "%.5f", pair.score), x: x + Canvas.width(of: rank, bold) + 10, y: baseline, font, .quiet)
    guard let mark = pair.mark else { return }
    let badge = Canvas.Font(10.5, bold: true)
    let width = Canvas.width(of: mark.text, badge) + 14
    let box = Box(x: x + Layout.pairWidth - width, y: baseline - 13, width: width, height: 18)
    canvas.fill(box, mark.colour.faded(to: 0.12), radius: 9)
    canvas.text(mark.text, x: box.middle.x, y: baseline, badge, mark.colour, align: .centre)
  }

  private func draw(_ thumbnail: Thumbnail, on canvas: Canvas, in box: Box) {
    let fitted = box.fitting(width: Double(thumbnail.image.width), height: Double(thumbnail.image.height))
    canvas.image(thumbnail.image, in: fitted)
    canvas.stroke(fitted, .hairline, width: 1)
    let font = Canvas.Font(10)
    canvas.text(Canvas.shortened(thumbnail.id.text, to: box.width, font), x: box.x, y: box.bottom + 6 + 9, font, .quiet)
  }
}
