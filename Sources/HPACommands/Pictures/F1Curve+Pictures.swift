import HPABlend
import HPACore
import HPAPictures

extension [F1Curve] {
  /// A panel a class: F1 over all thresholds, with the chosen one.
  func picture(title: String, images: Int, thresholds: Thresholds) -> Picture {
    let ends = (low: Swift.min(0, compactMap(\.scores.first).min() ?? 0), high: Swift.max(1, compactMap(\.scores.last).max() ?? 1))
    let panels = map { curve in
      let name = "\(curve.classID)  \(ProteinLocation.all[curve.classID].name)"
      guard curve.positives > 0 else { return LineChart.Panel(name, note: "no image carries it", series: []) }
      let threshold = thresholds[curve.classID]
      let best = curve.value(at: threshold)
      return LineChart.Panel(
        name,
        note:
          "\(Output.grouped(curve.positives)) image\(curve.positives == 1 ? "" : "s"); F1 \(Output.decimal(best, places: 3)) at \(Output.decimal(threshold, places: 3))",
        series: [
          .init("F1", points: curve.outline(from: ends.low, to: ends.high), colour: .series(0)),
          .init("chosen threshold", points: [(threshold, 0), (threshold, best)], colour: .series(1), marked: 1),
        ])
    }
    return LineChart(
      title: title, subtitle: "\(Output.grouped(images)) images with known labels; a label is given where its score is above the threshold",
      xLabel: "Threshold", yLabel: "F1", panels: panels, columns: 4
    ).picture
  }
}

extension F1Curve {
  /// The staircase for a picture: of every one of `columns` narrow strips its first, lowest and highest F1, so that no peak is lost.
  func outline(from low: Double, to high: Double, columns: Int = 400) -> [(x: Double, y: Double)] {
    let place = { (column: Int) in low + (high - low) * Double(column) / Double(columns) }
    var step = scores.prefix { $0 <= low }.count
    return (0...columns).flatMap { column -> [(x: Double, y: Double)] in
      let first = (x: place(column), y: values[step])
      var within: [(x: Double, y: Double)] = []
      while step < scores.count, scores[step] <= place(column + 1) {
        within.append((scores[step], values[step + 1]))
        step += 1
      }
      let extremes = [within.indices.min { within[$0].y < within[$1].y }, within.indices.max { within[$0].y < within[$1].y }]
      return [first] + Set(extremes.compactMap { $0 }).sorted().map { within[$0] }
    }
  }
}
