import ArgumentParser
import HPABackbones
import HPACore
import HPADatasets
import HPATorch

struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Score images for the 28 classes with one network.",
    discussion: """
      Row i of the matrix belongs to row i of --ids. In a project, extract and blend do this for all networks.

      Example: hpa-feat predict --images test/512 --ids test.csv --checkpoint v4_f0.safetensors --out scores.npy
      """)

  @Option(help: ArgumentHelp("The folder of stain files.", valueName: "folder")) var images: String
  @Option(help: ArgumentHelp("The ids, in the first column.", valueName: "file")) var ids: String
  @OptionGroup var network: NetworkOptions
  @Option(help: ArgumentHelp("Where to write N x 28 sigmoid scores (.npy).", valueName: "file")) var out: String
  @Option(help: "Images at a time.") var batch = 16
  @OptionGroup var pixels: PixelOptions
  @OptionGroup var device: DeviceOptions
  @OptionGroup var machine: MachineOptions

  func validate() throws {
    guard network.checkpoint != nil else { throw ValidationError("Add --checkpoint FILE.") }
    guard batch >= 1 else { throw ValidationError("--batch \(batch): use 1 or more.") }
  }

  func run() throws {
    let checkpoint = try network.open()
    let extractor = try FeatureExtractor(
      checkpoint, device: try Device(parsing: device.device), precision: pixels.precision, threads: machine.threadCount)
    let wanted = try ImageID.list(contentsOf: ids)
    let loader = try BatchLoader(
      ids: wanted, options: .init(batchSize: batch, size: checkpoint.size, threads: machine.threadCount),
      pixels: try pixels.source(images, size: checkpoint.size).pixels)
    let progress = ProgressLine("predict", total: wanted.count, unit: "images")
    var scores: [Float] = []
    while let batch = try loader.next() {
      scores += try extractor.extract(batch).scores.values
      progress.advance(by: batch.ids.count)
    }
    progress.finish()
    try NumpyFile.write(Matrix(rows: wanted.count, columns: ProteinLocation.count, values: scores), to: out)
    Output.print("\(out): \(wanted.count) x \(ProteinLocation.count)")
  }
}
