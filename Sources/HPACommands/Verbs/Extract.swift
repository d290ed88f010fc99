import ArgumentParser
import Foundation
import HPABackbones
import HPACore
import HPADatasets
import HPAImages
import HPAStore
import HPATorch

struct Extract: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compute 128 features an image and keep them in the store.",
    discussion: """
      Features are stored as they come, by id. Killed and run again, the same command does what is missing and changes nothing else. The view
      records the checkpoint's hash, channel map, size, precision and ids; going on in another way is refused.

      Example: hpa-feat extract --images test/512 --ids test.csv --checkpoint v4_f0.safetensors --store features.lmdb --view test@v4_f0
      In a project folder: hpa-feat extract
      """)

  @Option(help: ArgumentHelp("The folder of stain files.", valueName: "folder")) var images: String?
  @Option(help: ArgumentHelp("The ids, in the first column.", valueName: "file")) var ids: String?
  @OptionGroup var network: NetworkOptions
  @Option(help: ArgumentHelp("The feature store.", valueName: "folder")) var store: String?
  @Option(help: ArgumentHelp("The name for these features, such as test@v4_f0.", valueName: "name")) var view: String?
  @Option(help: ArgumentHelp("Do only every n-th image, beginning with the i-th (0-based).", valueName: "i/n")) var shard: Shard?
  @Option(help: "Images at a time.") var batch = 16
  @Option(help: "fail at an image that cannot be read, or skip it and list it.") var onError = BatchLoader.Unreadable.fail
  @OptionGroup var fileSystem: NetworkFileSystemOptions
  @OptionGroup var pixels: PixelOptions
  @OptionGroup var device: DeviceOptions
  @OptionGroup var machine: MachineOptions
  @OptionGroup var project: ProjectOptions

  func validate() throws {
    let isFiles = try Together.allOrNone([
      ("--images", images != nil), ("--ids", ids != nil), ("--checkpoint", network.checkpoint != nil), ("--store", store != nil),
      ("--view", view != nil),
    ])
    guard batch >= 1 else { throw ValidationError("--batch \(batch): use 1 or more.") }
    guard isFiles || (network.backbone == nil && network.size == nil) else {
      throw ValidationError("--backbone and --size go with --checkpoint.")
    }
  }

  func run() throws {
    let device = try Device(parsing: device.device)
    guard let images, let ids, let store, let view, network.checkpoint != nil else {
      try project.open().extract(options: self, device: device)
      return
    }
    let checkpoint = try network.open()
    let job = ExtractJob(
      images: try pixels.source(images, size: checkpoint.size), ids: try ImageID.list(contentsOf: ids), checkpoint: checkpoint,
      store: store, view: view,
      dataset: view.split(separator: "@").first.map(String.init) ?? view)
    try job.run(self, device: device)
  }
}

/// `0/4`: the first of four parts of the work.
struct Shard: ExpressibleByArgument {
  let index: Int
  let count: Int

  init?(argument: String) {
    let parts = argument.split(separator: "/").compactMap { Int($0) }
    guard parts.count == 2, parts[1] >= 1, (0..<parts[1]).contains(parts[0]) else { return nil }
    (index, count) = (parts[0], parts[1])
  }

  func part(of ids: [ImageID]) -> [ImageID] { stride(from: index, to: ids.count, by: count).map { ids[$0] } }
}

/// Which trained network.
struct NetworkOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The trained network (safetensors, or .pth of other programs).", valueName: "file")) var checkpoint: String?
  @Option(help: ArgumentHelp("The network's architecture, where the file does not say it.", valueName: "name")) var backbone: String?
  @Option(help: "Side of the images, where the file does not say it.") var size: Int?

  func open() throws -> Checkpoint { try Checkpoint(checkpoint ?? "", backbone: backbone, size: size) }
}

/// The features of one set of images by one network.
struct ExtractJob {
  let images: ImageSource
  let ids: [ImageID]
  let checkpoint: Checkpoint
  let store: String
  let view: String
  let dataset: String

  func run(_ options: Extract, device: Device) throws {
    let header = ViewHeader(
      name: view, dataset: dataset, dimension: Network.featureCount,
      lineage: Lineage(
        checkpoint: (checkpoint.file.path as NSString).lastPathComponent, checkpointSHA256: try ContentHash.file(checkpoint.file.path),
        backbone: checkpoint.backbone.name, channelMap: images.channelMap.name, size: checkpoint.size,
        precision: options.pixels.precision.rawValue,
        resize: images.resize.rawValue, preprocessing: "value / 255", programVersion: Version.text),
      command: CommandLine.line)
    let opened = try FeatureStore(store, mode: .readWrite, allowsNetwork: options.fileSystem.allowNetwork)
    let writer = try opened.beginView(header, expectedIDs: ids, part: options.shard?.part(of: ids))
    let wanted = options.shard?.part(of: ids).count ?? ids.count
    let rejects = try writer.missing.isEmpty ? [] : fill(writer, wanted: wanted, options, device: device)
    try conclude(writer, rejects: rejects, wanted: wanted, rejectList: "\(store)-\(view)-rejected.csv")
  }

  private func fill(_ writer: ViewWriter, wanted: Int, _ options: Extract, device: Device) throws -> [Reject] {
    let extractor = try FeatureExtractor(
      checkpoint, device: device, precision: options.pixels.precision, threads: options.machine.threadCount)
    let loader = try BatchLoader(
      ids: writer.missing,
      options: .init(batchSize: options.batch, size: checkpoint.size, threads: options.machine.threadCount, unreadable: options.onError),
      pixels: images.pixels)
    let progress = ProgressLine("extract \(view)", total: wanted, unit: "images", alreadyDone: wanted - writer.missing.count)
    while let batch = try loader.next() {
      try Interruption.check()
      try writer.append(try NamedRows(ids: batch.ids, matrix: try extractor.extract(batch).features))
      progress.advance(by: batch.ids.count)
    }
    progress.finish()
    return loader.rejects
  }

  private func conclude(_ writer: ViewWriter, rejects: [Reject], wanted: Int, rejectList: String) throws {
    guard rejects.isEmpty else {
      try FileBytes.write(Reject.csv(rejects), to: rejectList)
      Output.print("\(view): \(wanted - rejects.count) of \(wanted) images, \(rejects.count) rejected")
      Talk.say(
        "The rejected images and the reasons are in \(rejectList). The view stays incomplete until they can be read, or go on without them: another --ids and --view."
      )
      return
    }
    let header = try writer.finish()
    let done = "\(view): \(wanted) images, \(writer.missing.count) of them new"
    Output.print(header.state == .complete ? done : done + "; the view waits for its other shards")
  }
}

extension ProjectFolder {
  /// Extracts what is missing for every data set, model and fold.
  func extract(options: Extract, device: Device) throws {
    _ = try importImages(onError: .fail, threads: options.machine.threadCount)
    for model in configuration.models {
      for fold in model.folds {
        let file = checkpoint(model.name, fold: fold)
        guard FileManager.default.fileExists(atPath: file), !Checkpoint.isUnfinished(file) else {
          throw Failure(
            .missingInput, "fold \(fold) of '\(model.name)' is not trained to its end yet", at: .file(file), cure: "Run: hpa-feat train")
        }
        let checkpoint = try Checkpoint(file)
        for dataset in configuration.datasets {
          let job = ExtractJob(
            images: try images(of: dataset, size: model.size), ids: try ids(of: dataset), checkpoint: checkpoint, store: store,
            view: view(dataset.name, model.name, fold: fold), dataset: dataset.name)
          try job.run(options, device: device)
        }
      }
    }
  }
}
