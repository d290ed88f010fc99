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
  @Option(help: "Images at a time; by default 4 on a CPU, 32 on a GPU.") var batch: Int?
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
    if let batch, batch < 1 { throw ValidationError("--batch \(batch): use 1 or more.") }
    guard isFiles || (network.backbone == nil && network.size == nil) else {
      throw ValidationError("--backbone and --size go with --checkpoint.")
    }
  }

  func run() throws {
    let device = try Device(parsing: device.device)
    guard let images, let ids, let store, let view, network.checkpoint != nil else {
      try project.open().extract(options(device: device))
      return
    }
    let checkpoint = try network.open()
    let job = ExtractJob(
      images: try pixels.source(images, size: checkpoint.size), ids: try ImageID.list(contentsOf: ids), checkpoint: checkpoint,
      store: store, view: view,
      dataset: view.split(separator: "@").first.map(String.init) ?? view, options: options(device: device))
    Output.print(try job.run())
  }

  private func options(device: Device) -> ExtractJob.Options {
    ExtractJob.Options(
      device: device, precision: pixels.precision, threads: machine.threadCount, batch: batch, shard: shard, unreadable: onError,
      allowsNetwork: fileSystem.allowNetwork)
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
  /// How the work is done. Of these, only the precision changes a feature.
  struct Options {
    let device: Device
    let precision: Precision
    let threads: Int
    /// Images at a time; nil takes `defaultBatch`.
    var batch: Int?
    /// The part of the images that is done here; all where nil.
    var shard: Shard?
    var unreadable = BatchLoader.Unreadable.fail
    /// Whether the store may lie on a network file system.
    var allowsNetwork = false

    /// On a CPU, one to four images are fastest: more leave its caches (docs/performance.md).
    static func defaultBatch(on device: Device) -> Int { device == .cpu ? 4 : 32 }
  }

  let images: ImageSource
  let ids: [ImageID]
  let checkpoint: Checkpoint
  let store: String
  let view: String
  let dataset: String
  let options: Options

  /// Does what is missing; returns what is there, in a line for people.
  func run() throws -> String {
    let opened = try FeatureStore(store, mode: .readWrite, allowsNetwork: options.allowsNetwork)
    let writer = try opened.beginView(try header(), expectedIDs: ids, part: options.shard?.part(of: ids))
    let wanted = options.shard?.part(of: ids).count ?? ids.count
    let rejects = try writer.missing.isEmpty ? [] : fill(writer, wanted: wanted)
    return try conclude(writer, rejects: rejects, wanted: wanted, rejectList: "\(store)-\(view)-rejected.csv")
  }

  private func header() throws -> ViewHeader {
    ViewHeader(
      name: view, dataset: dataset, dimension: Network.featureCount,
      lineage: Lineage(
        checkpoint: (checkpoint.file.path as NSString).lastPathComponent, checkpointSHA256: try ContentHash.file(checkpoint.file.path),
        backbone: checkpoint.backbone.name, channelMap: images.channelMap.name, size: checkpoint.size,
        precision: options.precision.rawValue, resize: images.resize.rawValue, preprocessing: "value / 255", programVersion: Version.text),
      command: CommandLine.line)
  }

  private func fill(_ writer: ViewWriter, wanted: Int) throws -> [Reject] {
    let extractor = try FeatureExtractor(
      checkpoint, device: options.device, precision: options.precision, threads: options.threads)
    let loader = try BatchLoader(
      ids: writer.missing,
      options: .init(
        batchSize: options.batch ?? Options.defaultBatch(on: options.device), size: checkpoint.size, threads: options.threads,
        unreadable: options.unreadable),
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

  private func conclude(_ writer: ViewWriter, rejects: [Reject], wanted: Int, rejectList: String) throws -> String {
    guard rejects.isEmpty else {
      try FileBytes.write(Reject.csv(rejects), to: rejectList)
      Talk.say(
        "The rejected images and the reasons are in \(rejectList). The view stays incomplete until they can be read, or go on without them: another --ids and --view."
      )
      return "\(view): \(wanted - rejects.count) of \(wanted) images, \(rejects.count) rejected"
    }
    let header = try writer.finish()
    let done = "\(view): \(wanted) images, \(writer.missing.count) of them new"
    return header.state == .complete ? done : done + "; the view waits for its other shards"
  }
}

extension ProjectFolder {
  /// Extracts what is missing for every data set, model and fold.
  func extract(_ options: ExtractJob.Options) throws {
    _ = try importImages(onError: .fail, threads: options.threads)
    for model in configuration.models {
      for fold in model.folds {
        for dataset in configuration.datasets { Output.print(try extractJob(dataset, model, fold: fold, options).run()) }
      }
    }
  }

  /// The features of a data set by one fold of a model.
  ///
  /// - Throws: `missingInput` where that is not trained to its end.
  func extractJob(
    _ dataset: ProjectConfiguration.Dataset, _ model: ProjectConfiguration.Model, fold: Int, _ options: ExtractJob.Options
  ) throws -> ExtractJob {
    let file = checkpoint(model.name, fold: fold)
    guard FileManager.default.fileExists(atPath: file), !Checkpoint.isUnfinished(file) else {
      throw Failure(
        .missingInput, "fold \(fold) of '\(model.name)' is not trained to its end yet", at: .file(file), cure: "Run: hpa-feat train")
    }
    return ExtractJob(
      images: try images(of: dataset, size: model.size), ids: try ids(of: dataset), checkpoint: try Checkpoint(file), store: store,
      view: view(dataset.name, model.name, fold: fold), dataset: dataset.name, options: options)
  }
}
