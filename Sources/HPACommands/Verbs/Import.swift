import ArgumentParser
import HPACore
import HPAImages

struct Import: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make working copies of images: 8-bit grey PNG, one folder a size.",
    discussion: """
      Channel maps say how a stain is taken from an RGB file:
      \(ChannelMap.all.map { "  \($0.name)  \($0.summary)" }.joined(separator: "\n"))

      Killed and run again, it goes on where it was.

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
      for (dataset, report) in try folder.importImages(onError: onError, force: force, threads: machine.threadCount) {
        Self.print(report, name: dataset, rejectList: folder.importFolder(dataset) + "/rejected.csv")
      }
      return
    }
    var job = ImageImport(images: images, layout: layout, out: out, programVersion: Version.text)
    job.ids = try ids.map(ImageID.list(contentsOf:))
    job.channelMap = try ChannelMap.named(channels)
    (job.range, job.method, job.sizes) = (range, resize, try sizeList())
    (job.errorRule, job.force, job.threads) = (onError, force, machine.threadCount)
    Self.print(try job.run(), name: images, rejectList: job.rejectList)
  }

  private static func print(_ report: ImageImport.Report, name: String, rejectList: String) {
    Output.print("\(name): \(report.imported) imported, \(report.alreadyThere) there already, \(report.rejected.count) rejected")
    if !report.rejected.isEmpty { Talk.say("The rejected images and the reasons are in \(rejectList).") }
    report.warnings.warn()
  }
}

extension [StainWarning] {
  /// Says the first few; the same trouble with a thousand files needs no thousand lines.
  func warn() {
    for warning in prefix(5) { Talk.say("warning: \(warning)") }
    if count > 5 { Talk.say("warning: \(count - 5) more of this kind") }
  }
}
