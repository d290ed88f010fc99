import HPACore
import HPADatasets
import HPAPictures

extension LabelStatistics {
  /// Draws label counts, labels per image and which classes meet; returns the files.
  func draw(in folder: PlotFolder) throws -> [String] {
    try folder.write(labelCounts, as: "label_counts") + folder.write(labelsPerImagePicture, as: "labels_per_image")
      + folder.write(cooccurrencePicture, as: "cooccurrence")
  }

  private var labelCounts: Picture {
    BarChart(
      title: "Images of each class", subtitle: "\(Output.grouped(images)) images; an image counts in every class that it carries",
      valueLabel: "Images (logarithmic)", categories: classes.map { "\($0.name)  \($0.id)" },
      series: [.init("images", values: classes.map { Double($0.images) })], isLogarithmic: true
    ).picture
  }

  private var labelsPerImagePicture: Picture {
    let counts = labelsPerImage.indices.filter { $0 > 0 || labelsPerImage[0] > 0 }
    let labels = counts.reduce(0) { $0 + $1 * labelsPerImage[$1] }
    return BarChart(
      title: "Labels per image",
      subtitle:
        "\(Output.grouped(images)) images, \(Output.decimal(Double(labels) / Double(max(images, 1)), places: 2)) labels each on average",
      valueLabel: "Images", categories: counts.map { $0 == 1 ? "1 label" : "\($0) labels" },
      series: [.init("images", values: counts.map { Double(labelsPerImage[$0]) })]
    ).picture
  }

  private var cooccurrencePicture: Picture {
    let cells = classes.map { row in
      classes.map { column -> HeatMap.Cell? in
        guard row.id != column.id else { return nil }
        let share = row.images == 0 ? 0 : Double(cooccurrence[row.id][column.id]) / Double(row.images)
        return HeatMap.Cell(share, text: Self.percent(share))
      }
    }
    return HeatMap(
      title: "Classes that meet in one image",
      subtitle: "In percent of the row's images, whose number stands beside its name: how many of them carry the column's class as well",
      rows: classes.map { "\($0.name) (\(Output.grouped($0.images)))  \($0.id)" }, columns: classes.map { "\($0.id)  \($0.name)" },
      cells: cells,
      keyLabel: "% of the row's images", keyTicks: [0, 0.01, 0.05, 0.1, 0.25, 0.5, 1].map { ($0, Output.decimal(100 * $0, places: 0)) }
    ).picture
  }

  /// Whole percents, a decimal below one, nothing for none.
  private static func percent(_ share: Double) -> String {
    share == 0 ? "" : share < 0.0005 ? "<.1" : Output.decimal(100 * share, places: share < 0.0095 ? 1 : 0)
  }
}
