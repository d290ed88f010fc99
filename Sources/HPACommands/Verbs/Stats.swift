import ArgumentParser
import HPACore
import HPADatasets

struct Stats: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Count classes, labels per image and classes that meet.",
    discussion: """
      With --plots, label counts, labels per image and the classes that meet are drawn as PNG and SVG.

      Example: hpa-feat stats --labels train.csv --plots plots
      """)

  @Option(help: ArgumentHelp("A CSV with the columns Id and Target; the project's training labels by default.", valueName: "file"))
  var labels: String?

  @Option(help: ArgumentHelp("Where to draw pictures of them.", valueName: "folder")) var plots: String?

  @OptionGroup var output: OutputOptions
  @OptionGroup var project: ProjectOptions

  func run() throws {
    let statistics = LabelStatistics(try table())
    let drawn = try plots.map { try statistics.draw(in: PlotFolder(path: $0)) } ?? []
    if output.json { try Output.print(json: statistics) } else { Output.print(Self.text(statistics)) }
    if !drawn.isEmpty { Talk.say("Wrote \(drawn.joined(separator: ", ")).") }
  }

  private func table() throws -> LabelTable {
    if let labels { return try LabelTable(contentsOf: labels) }
    let folder = try project.look()
    return try folder.labels(of: try folder.dataset("train"))
  }

  private static func text(_ statistics: LabelStatistics) -> String {
    let images = Double(max(statistics.images, 1))
    var classes = Table([("class", .right), ("name", .left), ("images", .right), ("share", .right)])
    for row in statistics.classes {
      classes.add(["\(row.id)", row.name, "\(row.images)", Output.decimal(100 * Double(row.images) / images, places: 2) + " %"])
    }
    var labels = Table([("labels", .right), ("images", .right)])
    for (count, images) in statistics.labelsPerImage.enumerated() where images > 0 { labels.add(["\(count)", "\(images)"]) }
    return "\(statistics.images) images\n\n\(classes.text)\n\n\(labels.text)"
  }
}
