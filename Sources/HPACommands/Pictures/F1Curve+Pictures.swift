import HPABlend
import HPACore
import HPAPictures

extension [F1Curve] {
  /// A panel a class: F1 over all thresholds, with the chosen one.
  func picture(title: String, images: Int, thresholds: Thresholds) -> Picture {
    let ends = (low: Swift.min(0, compactMap(\.scores.first).min() ?? 0), high: Swift.max(1, compactMap(\.scores.last).max() ?? 1))
    let steps = 200
    let panels = map { curve in
      let name = "\(curve.classID)  \(ProteinLocation.all[curve.classID].name)"
      guard curve.positives > 0 else { return LineChart.Panel(name, note: "no image carries it", series: []) }
      let threshold = thresholds[curve.classID]
      let best = curve.value(at: threshold)
      let points = (0...steps).map { step in
        let place = ends.low + (ends.high - ends.low) * Double(step) / Double(steps)
        return (x: place, y: curve.value(at: place))
      }
      return LineChart.Panel(
        name,
        note: "\(Output.grouped(curve.positives)) images; F1 \(Output.decimal(best, places: 3)) at \(Output.decimal(threshold, places: 3))",
        series: [
          .init("F1", points: points, colour: .series(0)),
          .init("chosen threshold", points: [(threshold, 0), (threshold, best)], colour: .series(1), marked: 1),
        ])
    }
    return LineChart(
      title: title, subtitle: "\(Output.grouped(images)) images with known labels; a label is given where its score is above the threshold",
      xLabel: "Threshold", yLabel: "F1", panels: panels, columns: 4
    ).picture
  }
}
