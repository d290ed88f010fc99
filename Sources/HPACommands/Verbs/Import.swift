import ArgumentParser
import HPACore
import HPAImages

struct Import: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make working copies of images: 8-bit grey PNG, one folder a size.",
    discussion: """
      Channel maps say how a stain is taken from an RGB file:
      \(ChannelMap.all.map { "  \($0.name)  \($0.summary)" }.joined(separator: "\n"))

      Killed and run again, it goes on where it was. What is odd about the images (blank, truncated, doubled, ...) is counted at the end
      and listed in import_report.csv beside them.

      Example: hpa-feat import --layout hpav18 --images HPAv18 --channels rgbr --sizes 512,1024 --out hpav18
      In a project folder: hpa-feat import
      """)

  @Option(help: "kaggle-png, kaggle-tiff or hpav18.") var layout: ImageLayout?
  @Option(help: ArgumentHelp("The folder of stain files (Id_red.png, Id_green.png, ...).", valueName: "folder")) var images: String?
  @Option(help: ArgumentHelp("The channel map for RGB files.", valueName: "name")) var channels = ChannelMap.rgbr.name
  @Option(help: ArgumentHelp("Sides in pixels, separated by commas.", valueName: "n,n")) var sizes = "512,1024"
  @Option(help: "linear, or area for strong reductions.") var resize = Resize.Method.linear
  @Option(help: "What white is in 16-bit files: full (65535) or 12bit (4095).") var range = SampleRange.full
  @Option(help: ArgumentHelp("A CSV of the ids that are wanted; all by default.", valueName: "file")) var ids: String?
  @Option(help: ArgumentHelp("Where to write.", valueName: "folder")) var out: String?
  @Option(help: "fail at an image that cannot be read, or skip it and list it in rejected.csv.") var onError = ImageImport.ErrorRule.fail
  @Flag(help: "Make what is there already once more.") var force = false
  @OptionGroup var machine: MachineOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var project: ProjectOptions

  func validate() throws {
    _ = try Together.allOrNone([("--layout", layout != nil), ("--images", images != nil), ("--out", out != nil)])
    _ = try sizeList()
  }

  private func sizeList() throws -> [Int] {
    try sizes.split(separator: ",").map { word in
      guard let size = Int(word), size > 0 else { throw ValidationError("--sizes \(sizes): write for example 512,1024.") }
      return size
    }
  }

  func run() throws {
    guard let layout, let images, let out else {
      let folder = try project.open()
      let reports = try folder.importImages(onError: onError, force: force, threads: machine.threadCount)
      try show(reports.map { Summary($0.report, name: $0.dataset, folder: folder.importFolder($0.dataset)) })
      return
    }
    var job = ImageImport(images: images, layout: layout, out: out, programVersion: Version.text)
    job.ids = try ids.map(ImageID.list(contentsOf:))
    job.channelMap = try ChannelMap.named(channels)
    (job.range, job.method, job.sizes) = (range, resize, try sizeList())
    (job.errorRule, job.force, job.threads) = (onError, force, machine.threadCount)
    try show([Summary(try job.run(), name: images, folder: out)])
  }

  private func show(_ summaries: [Summary]) throws {
    if output.json { return try Output.print(json: summaries) }
    for summary in summaries { Output.print(summary.text) }
  }

  private struct Summary: Encodable {
    struct Count: Encodable {
      let kind: ImportFinding.Kind
      let findings: Int
      let images: Int
    }

    let name: String
    let imported: Int
    let alreadyThere: Int
    let rejected: Int
    /// The kinds that occur, the worst first.
    let findings: [Count]
    let report: String
    let rejectList: String?

    init(_ report: ImageImport.Report, name: String, folder: String) {
      self.name = name
      (imported, alreadyThere, rejected) = (report.imported, report.alreadyThere, report.rejected.count)
      findings = ImportFinding.Kind.allCases.compactMap { kind in
        let found = report.findings.filter { $0.kind == kind }
        return found.isEmpty ? nil : Count(kind: kind, findings: found.count, images: Set(found.map(\.id)).count)
      }
      self.report = folder + "/" + ImageImport.findingListName
      rejectList = report.rejected.isEmpty ? nil : folder + "/" + ImageImport.rejectListName
    }

    var text: String {
      var lines = ["\(name): \(imported) imported, \(alreadyThere) there already, \(rejected) rejected"]
      if let rejectList { lines.append("The rejected images and the reasons: \(rejectList)") }
      guard !findings.isEmpty else { return (lines + ["Nothing odd was found (\(report))."]).joined(separator: "\n") }
      var table = Table([("what is odd", .left), ("findings", .right), ("images", .right), ("", .left)])
      for count in findings { table.add([count.kind.rawValue, "\(count.findings)", "\(count.images)", count.kind.summary]) }
      return (lines + ["", table.text, "", "Every finding: \(report)"]).joined(separator: "\n")
    }
  }
}
