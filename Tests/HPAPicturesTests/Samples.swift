import Foundation
import HPACore
import HPAPictures

/// One picture of every kind, with made-up data.
enum Samples {
  static let names = ["matches", "curves", "counts", "scores", "panels", "heat"]

  static func picture(_ name: String) -> Picture {
    switch name {
    case "matches": sheet.picture
    case "curves": curves.picture
    case "counts": counts.picture
    case "panels": panels.picture
    case "heat": heat.picture
    default: scores.picture
    }
  }

  /// A plain colour with a lighter disc, so that position and orientation show.
  static func thumbnail(_ id: String, _ colour: (UInt8, UInt8, UInt8), side: Int = 80, height: Int? = nil) -> MatchSheet.Thumbnail {
    let height = height ?? side
    var pixels: [UInt8] = []
    for row in 0..<height {
      for column in 0..<side {
        let (down, across) = (row - height / 4, column - side / 4)
        let isDisc = down * down + across * across < side * side / 64
        pixels.append(isDisc ? 240 : colour.0)
        pixels.append(isDisc ? 240 : colour.1)
        pixels.append(isDisc ? 240 : colour.2)
      }
    }
    return .init(id: ImageID(id), image: RGBImage(width: side, height: height, pixels: pixels))
  }

  static let marks: [MatchSheet.Mark?] = [.planted, .known, .notPlanted, nil]

  static let sheet = MatchSheet(
    title: "The best matches of the test set in HPAv18",
    subtitle:
      "Cosine similarity of 128-d features, inceptionv4 at 800 pixels; left the test image, right the gallery image with its labels",
    pairs: (0..<5).map { index in
      let labels: [LabelSet] = [[0], [21, 25], [0, 2, 25], [18, 19, 22, 3, 6], [27]]
      return .init(
        query: thumbnail("7729b27c-bacc-11e8-b2b8-ac1f6b6435d\(index)", (UInt8(20 + 50 * index), 60, 140)),
        gallery: thumbnail("44431_556_B9_\(index)", (UInt8(20 + 50 * index), 120, 40), height: index == 4 ? 50 : 80),
        rank: index + 1, score: 0.99998 - Double(index * index) * 0.004, labels: labels[index], mark: marks[index % 4])
    })

  static let curves = LineChart.learningCurves(
    title: "Learning curves",
    models: ["inceptionv3@512", "inceptionv4@512", "xception@512", "resnet18@512"].enumerated().map { index, name in
      let folds = (0...2 * index).map { fold in
        let training = (0..<25).map { 0.06 + 0.12 * exp(-Double($0) / (4 + Double(index))) + 0.002 * Double(fold) }
        return LineChart.LearningCurve(
          training: training, validation: training.enumerated().map { $1 + 0.01 + 0.0008 * Double($0) * Double(1 + index) / 2 })
      }
      return (name, folds)
    })

  /// As many panels as there are classes, one of them empty.
  static let panels = LineChart(
    title: "F1 against the threshold", subtitle: "3,108 images", xLabel: "Threshold", yLabel: "F1",
    panels: ProteinLocation.all.map { location in
      guard location.id != 27 else { return .init("27  Rods & rings", note: "no image carries it", series: []) }
      let best = 0.1 + 0.025 * Double(location.id)
      let value = { (place: Double) in max(0, 0.9 - 3 * (place - best) * (place - best)) }
      return .init(
        "\(location.id)  \(location.name)", note: "\(40 * location.id + 3) images",
        series: [
          .init("F1", points: (0...50).map { (Double($0) / 50, value(Double($0) / 50)) }, colour: .series(0)),
          .init("chosen threshold", points: [(best, 0), (best, value(best))], colour: .series(1), marked: 1),
        ])
    }, columns: 4)

  static let heat = HeatMap(
    title: "Classes that meet", rows: ProteinLocation.all.map(\.name), columns: ProteinLocation.all.map(\.name),
    cells: ProteinLocation.all.map { row in
      ProteinLocation.all.map { column in
        row.id == column.id ? nil : .init(Double(row.id * column.id) / 729, text: "\(row.id * column.id / 8)")
      }
    }, keyLabel: "% of the row's images", keyTicks: [(0, "0"), (0.1, "10"), (0.5, "50"), (1, "100")])

  static let counts = BarChart(
    title: "Images of each class", subtitle: "31,072 images of train.csv; 1 to 5 labels an image", valueLabel: "Images (logarithmic)",
    categories: ProteinLocation.all.map(\.name),
    series: [
      .init(
        "train",
        values: [
          12885, 1254, 3621, 1561, 1858, 2513, 1008, 2822, 53, 45, 28, 1093, 688, 537, 1066, 21, 530, 210, 902, 1482, 172, 3777, 802, 2965,
          322, 8228,
          328, 11,
        ])
    ], isLogarithmic: true)

  static let scores: Histogram = {
    var generator = SeededGenerator(seed: 7)
    let others = (0..<3000).map { _ in 0.55 + 0.12 * generator.normal() }.map { min($0, 0.97) }
    let planted = (0..<120).map { _ in 1 - abs(generator.normal()) * 0.015 }
    return Histogram(
      title: "Best match of every test image", valueLabel: "Cosine similarity", countLabel: "Images",
      series: [.init("not planted", values: others), .init("planted", values: planted)], cut: .init(0.93, label: "300th pair: 0.9300"),
      isLogarithmic: true)
  }()
}
