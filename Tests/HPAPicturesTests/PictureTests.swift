import Foundation
import HPACore
import HPAPictures
import HPATestSupport
import Testing

@Suite struct PictureTests {
  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"), arguments: Samples.names)
  func `Pillow reads a PNG of the size that was asked for, on white paper`(name: String) throws {
    let folder = try TemporaryFolder()
    let picture = Samples.picture(name)
    try picture.write(to: folder.path("a.png"), scale: 2)
    let printed = try Python.run(
      """
      import sys; from PIL import Image
      image = Image.open(sys.argv[1]); image.load()
      print(image.width, image.height, *image.convert('RGB').getpixel((3, 3)), len(image.convert('RGB').getcolors(1 << 24)))
      """, [folder.path("a.png")])
    let numbers = printed.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
    #expect(Array(numbers.prefix(5)) == [Int(picture.width) * 2, Int(picture.height) * 2, 255, 255, 255])
    #expect(try #require(numbers.last) > 50)
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test")) func `the pixels of thumbnails appear where they should`() throws {
    let folder = try TemporaryFolder()
    let sheet = Samples.sheet
    try sheet.picture.write(to: folder.path("a.png"), scale: 2)
    let boxes = sheet.pairs.indices.map { sheet.thumbnailBoxes(of: $0) }.flatMap { [$0.query, $0.gallery] }
    // A quarter in and down lies the disc; right and below the middle, the plain colour. The last image is a lower one, centred.
    let points = boxes.flatMap { ["\(Int($0.x + 40) * 2)", "\(Int($0.y + 40) * 2)", "\(Int($0.x + 120) * 2)", "\(Int($0.y + 100) * 2)"] }
    let printed = try Python.run(
      """
      import sys; from PIL import Image
      image = Image.open(sys.argv[1]).convert('RGB'); n = list(map(int, sys.argv[2:]))
      print(*(v for i in range(0, len(n), 2) for v in image.getpixel((n[i], n[i + 1]))))
      """, [folder.path("a.png")] + points)
    let seen = printed.split(whereSeparator: \.isWhitespace).compactMap { UInt8($0) }
    let expected = sheet.pairs.flatMap { [$0.query, $0.gallery] }.flatMap { thumbnail -> [UInt8] in
      [240, 240, 240] + thumbnail.image.pixels.suffix(3)
    }
    #expect(Array(seen.dropLast(6)) == Array(expected.dropLast(6)))
    #expect(Array(seen.suffix(3)) == Array(expected.suffix(3)))
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `nearest keeps hard edges where bilinear blends them, and both keep the corners`() throws {
    let folder = try TemporaryFolder()
    let image = RGBImage(width: 2, height: 1, pixels: [250, 0, 0, 0, 0, 250])
    for (filter, name) in [(Canvas.Filter.nearest, "nearest.png"), (.bilinear, "bilinear.png")] {
      try Picture(title: "two pixels", width: 40, height: 20) {
        $0.image(image, in: Box(x: 0, y: 0, width: 40, height: 20), filter: filter)
      }
      .write(to: folder.path(name), scale: 1)
    }
    let printed = try Python.run(
      """
      import sys; from PIL import Image
      for path in sys.argv[1:]:
        image = Image.open(path).convert('RGB')
        print(len(image.getcolors()), *image.getpixel((0, 0)), *image.getpixel((39, 19)))
      """, [folder.path("nearest.png"), folder.path("bilinear.png")])
    let rows = printed.split(separator: "\n").map { $0.split(separator: " ").compactMap { Int($0) } }
    #expect(rows[0] == [2, 250, 0, 0, 0, 0, 250])
    #expect(rows[1][0] > 5)
    #expect(Array(rows[1].dropFirst()) == [250, 0, 0, 0, 0, 250])
  }

  @Test(
    .enabled(if: Python.isPresent, "needs scripts/setup test"),
    arguments: [
      ("matches", ["0.99598", "44431_556_B9_1", "Plasma membrane · Cytosol", "planted", "Rods & rings"]),
      ("curves", ["inceptionv4@512", "validation", "3 folds", "Epoch", "0.10"]),
      ("panels", ["18  Microtubule organizing center", "no image carries it", "chosen threshold", "Threshold"]),
      ("heat", ["Rods & rings", "% of the row's images", "87"]),
      ("counts", ["12,885", "Microtubule organizing center"]),
      ("scores", ["300th pair: 0.9300", "Cosine similarity"]),
    ])
  func `an SVG is XML, holds its words and draws them`(name: String, words: [String]) throws {
    let folder = try TemporaryFolder()
    let picture = Samples.picture(name)
    try picture.write(to: folder.path("a.svg"))
    let printed = try Python.run(
      """
      import sys, xml.etree.ElementTree as tree
      name = '{http://www.w3.org/2000/svg}'; root = tree.parse(sys.argv[1]).getroot()
      ids = {node.get('id') for node in root.iter()}; link = '{http://www.w3.org/1999/xlink}href'
      assert all(node.get(link)[1:] in ids for node in root.iter(name + 'use')), 'a dangling name'
      assert len(list(root.iter(name + 'use'))) > 100, 'no letters'
      print(root.find(name + 'title').text); print(root.find(name + 'desc').text)
      """, [folder.path("a.svg")])
    let lines = Set(printed.split(separator: "\n").map(String.init))
    #expect(lines.isSuperset(of: words + [picture.title]))
  }

  @Test(arguments: Samples.names) func `the same input gives the same bytes`(name: String) throws {
    #expect(try Samples.picture(name).png(scale: 1) == Samples.picture(name).png(scale: 1))
    #expect(try Samples.picture(name).svg() == Samples.picture(name).svg())
  }

  @Test func `a picture of another kind or without a folder is refused and leaves nothing behind`() throws {
    let folder = try TemporaryFolder()
    let picture = Picture(title: "empty", width: 10, height: 10) { _ in }
    let failure = #expect(throws: Failure.self) { try picture.write(to: folder.path("a.jpeg")) }
    #expect(failure?.kind == .usage)
    #expect(failure?.place.path == folder.path("a.jpeg"))
    try FileBytes.write("", to: folder.path("file"))
    #expect(throws: Failure.self) { try picture.write(to: folder.path("file/a.png")) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["file"])
  }

  @Test func `an image too large for Cairo is a failure, not an empty place`() {
    let image = RGBImage(width: 40_000, height: 1, pixels: Array(repeating: 9, count: 120_000))
    let picture = Picture(title: "wide", width: 10, height: 10) { $0.image(image, in: Box(x: 0, y: 0, width: 10, height: 1)) }
    #expect(throws: Failure.self) { try picture.png() }
    #expect(throws: Failure.self) { try picture.svg() }
  }

  @Test func `a picture too large for a PNG is refused with a cure`() {
    let failure = #expect(throws: Failure.self) { try Picture(title: "tall", width: 100, height: 20_000) { _ in }.png(scale: 2) }
    #expect(failure?.kind == .usage)
    #expect(failure?.cure != nil)
  }

  @Test func `nothing to show, one value and values that are not finite are drawn without harm`() throws {
    for picture in [
      LineChart(title: "", xLabel: "", yLabel: "", series: []).picture,
      LineChart(title: "no panels", xLabel: "", yLabel: "", panels: [], columns: 4).picture,
      LineChart.learningCurves(
        title: "gaps", models: [("a", [.init(training: [.nan, 1, .infinity], validation: [.nan])]), ("b", [])]
      ).picture,
      HeatMap(title: "none", rows: [], columns: [], cells: [], keyLabel: "", keyTicks: []).picture,
      HeatMap(title: "zeros", rows: ["a"], columns: ["b", "c"], cells: [[.init(0, text: ""), nil]], keyLabel: "", keyTicks: [(0, "0")])
        .picture,
      BarChart(title: "none", valueLabel: "", categories: [], series: []).picture,
      BarChart(title: "zeros", valueLabel: "n", categories: ["a"], series: [.init("s", values: [0])], isLogarithmic: true).picture,
      Histogram(title: "none", valueLabel: "", series: []).picture,
      Histogram(title: "one", valueLabel: "", series: [.init("s", values: [0.5, .nan])], cut: .init(0.5, label: "cut")).picture,
      Histogram(title: "same", valueLabel: "", series: [.init("s", values: Array(repeating: 1, count: 9))], isLogarithmic: true).picture,
      MatchSheet(title: "no matches", pairs: []).picture,
    ] {
      #expect(try picture.png(scale: 1).count > 100)
      #expect(try picture.svg().count > 100)
    }
  }
}

@Suite struct PanelTests {
  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `a cell is as dark as its value, on a square-root scale, and the key shows the same colours`() throws {
    let folder = try TemporaryFolder()
    let values = [0, 0.04, 0.16, 0.36, 0.64, 1]
    try HeatMap(
      title: "t", rows: ["row"], columns: values.map { "\($0)" }, cells: [values.map { .init($0, text: "") }], keyLabel: "",
      keyTicks: [(1, "1")]
    ).picture.write(to: folder.path("a.png"), scale: 1)
    // Cells are 31 points apart and end a margin of 28 before the right edge (480 wide here, so their left is measured from the label).
    let printed = try Python.run(
      """
      import sys, numpy as np; from PIL import Image
      image = np.asarray(Image.open(sys.argv[1]).convert('RGB')).astype(int)
      row = image[-28 - 12]; start = np.flatnonzero((row != 255).any(1))
      # The first run after the label: cells of 30 pixels with white lines between them.
      cells = [row[c] for c in range(start[-1] - 5 * 31 - 15, start[-1] + 1, 31)]
      print(*(int(c.sum()) for c in cells)); print(*cells[-1], *cells[0])
      """, [folder.path("a.png")])
    let lines = printed.split(separator: "\n").map { $0.split(separator: " ").compactMap { Int($0) } }
    #expect(lines[0].count == 6 && zip(lines[0], lines[0].dropFirst()).allSatisfy { $0 > $1 + 40 }, "\(printed)")
    #expect(lines[1] == [8, 48, 107, 247, 251, 255])
  }
}

@Suite struct CanvasTests {
  private let font = Canvas.Font(10)

  @Test func `an id that is too wide keeps its head and tail`() {
    let id = "7729b27c-bacc-11e8-b2b8-ac1f6b6435d0"
    let short = Canvas.shortened(id, to: 100, font)
    #expect(Canvas.width(of: short, font) <= 100)
    #expect(short.hasPrefix("7729") && short.hasSuffix("35d0") && short.contains("…"))
    #expect(Canvas.shortened(id, to: 1000, font) == id)
  }

  @Test func `words are wrapped, and those that do not fit end in an ellipsis`() {
    let words = ["Nucleoplasm", "Cytosol", "Mitochondria", "Golgi apparatus", "Centrosome"]
    let all = Canvas.wrapped(words, separator: " · ", to: 150, most: 9, font)
    #expect(all.joined(separator: " · ") == words.joined(separator: " · "))
    let two = Canvas.wrapped(words, separator: " · ", to: 150, most: 2, font)
    #expect(two.count == 2 && two[1].hasSuffix("…"))
    #expect((all + two).allSatisfy { Canvas.width(of: $0, font) <= 150 })
  }
}
