import ArgumentParser
import Foundation
import HPACore
import HPAImages
import HPASynthetic

struct DemoData: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a project folder of made-up cell images, with planted leaks whose truth is known.",
    discussion: """
      The layouts of the real data: Kaggle PNG and TIFF, HPAv18 RGB JPEG. The same options give the same bytes.

      Example: hpa-feat demo-data --out demo --seed 1
      """)

  @Option(help: ArgumentHelp("The folder to make; it must not hold a project yet.", valueName: "folder")) var out: String
  @Option(help: "Another seed gives other images.") var seed: UInt64 = 1
  @Option(help: ArgumentHelp("Labelled images.", valueName: "n")) var train = DemoProject.data.trainCount
  @Option(help: ArgumentHelp("Images to predict.", valueName: "n")) var test = DemoProject.data.testCount
  @Option(help: ArgumentHelp("Images of the gallery, planted ones included.", valueName: "n")) var gallery = DemoProject.data.galleryCount
  @Option(help: ArgumentHelp("Side of an image in pixels.", valueName: "pixels")) var side = DemoProject.data.fieldSize
  @Option(help: ArgumentHelp("The classes that occur; all by default: \(Self.drawable).", valueName: "id,id")) var classes: String?
  @OptionGroup var machine: MachineOptions

  private static let drawable = SyntheticDataset.Configuration.drawableClasses.map(String.init).joined(separator: ", ")

  func validate() throws {
    guard let classes else { return }
    guard classes.split(separator: ",").allSatisfy({ Int($0) != nil }) else {
      throw ValidationError("--classes \(classes): write for example 0,2,25.")
    }
  }

  func run() throws {
    var configuration = DemoProject.data
    configuration.seed = seed
    (configuration.trainCount, configuration.testCount, configuration.galleryCount) = (train, test, gallery)
    configuration.fieldSize = side
    configuration.classes = classes?.split(separator: ",").compactMap { Int($0) }
    configuration.tiffCount = min(configuration.tiffCount, test)
    let file = out + "/" + ProjectFolder.fileName
    guard !FileManager.default.fileExists(atPath: file) else {
      throw Failure(
        .cannotCreate, "there is a project already", at: .file(file), cure: "Name another folder, or delete this one: rm -r '\(out)'.")
    }
    try FileBytes.makeFolder(out)
    let lock = try FolderLock(out, busy: "another command fills this folder", cure: "Wait for it, or choose another --out.")
    defer { withExtendedLifetime(lock) {} }
    let progress = ProgressLine("demo-data", total: SyntheticDataset.fieldCount(configuration), unit: "fields")
    let made = try SyntheticDataset.generate(
      configuration, folder: out + "/data", writer: DemoWriter(), progress: progress, threads: machine.threadCount)
    try FileBytes.write(DemoProject.yaml, to: file)
    Output.print(
      "\(made.train) training, \(made.test) test (\(made.tiff) as TIFF, too) and \(made.gallery) gallery images -> \(out)\n"
        + "\(made.planted) test images lie in the gallery again, \(made.hardNegatives) have a look-alike there")
  }
}

/// Writes the pictures of the synthetic data set with the product's own codecs.
private struct DemoWriter: SyntheticWriter {
  func writeGrayPNG(_ plane: [UInt8], width: Int, height: Int, path: String) throws {
    try ImageFile.write(RasterImage(width: width, height: height, grey: plane), to: path)
  }

  func writeGrayTIFF(_ plane: [UInt8], width: Int, height: Int, path: String) throws {
    try ImageFile.write(RasterImage(width: width, height: height, grey: plane), to: path, as: .tiff())
  }

  func writeRGBJPEG(_ pixels: [UInt8], width: Int, height: Int, quality: Int, path: String) throws {
    try ImageFile.write(
      RasterImage(width: width, height: height, channels: 3, samples: .bytes(pixels)), to: path, as: .jpeg(quality: quality))
  }
}

/// The demo's data and its `hpa.yaml`.
enum DemoProject {
  static let data = SyntheticDataset.Configuration()

  static let yaml = """
    # A project of hpa-feat: made-up images, three small networks, the whole job in minutes on two cores.
    version: 1
    name: demo

    datasets:
      train:  {layout: kaggle-png, images: data/train, resize: area, labels: data/train.csv}
      test:   {layout: kaggle-png, images: data/test, resize: area, ids: data/sample_submission.csv, labels: data/truth/test_labels.csv}
      hpav18: {layout: hpav18, images: data/hpav18, resize: area, labels: data/HPAv18.csv}

    folds: {count: 4, scheme: kfold, seed: 7}

    # From random weights in about a minute each. The published way is ImageNet weights, 512 to 800 pixels, SGD 0.05, dropout 0.5, 25 epochs.
    models:
      inceptionv3_96: {backbone: inceptionv3, size: 96, folds: [0], epochs: 5, batch: 16, optimiser: adam, learning_rate: 0.0007, step_epochs: 1, gamma: 0.6, dropout: 0.1}
      inceptionv4_96: {backbone: inceptionv4, size: 96, folds: [0], epochs: 7, batch: 16, optimiser: adam, learning_rate: 0.0007, step_epochs: 1, gamma: 0.7, dropout: 0.1}
      xception_96:    {backbone: xception, size: 96, folds: [0], epochs: 5, batch: 16, optimiser: adam, learning_rate: 0.001, step_epochs: 1, gamma: 0.6, dropout: 0.1}

    search: {model: xception_96, gallery: hpav18, top: 300, whiten: true, known_pairs: data/truth/planted_pairs.csv}

    stack: {epochs: 40, batch: 64, learning_rate: 0.1}

    thresholds: {min_count: 5, default: 0.15}

    blend:
      members: {inceptionv3_96: 31, inceptionv4_96: 21, xception_96: 15, stack: 26}

    """
}
