import ArgumentParser
import Foundation
import HPABackbones
import HPACore
import HPADatasets
import HPAImages
import HPATorch

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a network on one fold and keep the weights of the lowest validation loss.",
    discussion: """
      Images are drawn with replacement by the weights of their classes; each is turned, mirrored or sheared. Beside the checkpoint lies a
      CSV log with the losses, times, and the seconds that the network waited for images.

      Example: hpa-feat train --images train/512 --labels train.csv --folds folds.csv --fold 0 --backbone inceptionv4 --size 512 \\
                 --epochs 25 --out v4_f0.safetensors
      In a project folder: hpa-feat train
      """)

  @Option(help: ArgumentHelp("The folder of stain files.", valueName: "folder")) var images: String?
  @Option(help: ArgumentHelp("A CSV with the columns Id and Target.", valueName: "file")) var labels: String?
  @Option(help: ArgumentHelp("Folds, as hpa-feat folds writes them.", valueName: "file")) var folds: String?
  @Option(help: "The fold to hold out; in a project, the only one to train.") var fold: Int?
  @Option(help: ArgumentHelp("The network; hpa-feat backbones lists them.", valueName: "name")) var backbone: String?
  @Option(help: "Side of the images in pixels.") var size: Int?
  @Option(
    name: .customLong("init"),
    help: ArgumentHelp(
      "Weights to start from: a checkpoint, or ImageNet weights of torchvision, timm or pretrainedmodels (safetensors, .pth); random ones by default.",
      valueName: "file"))
  var initialWeights: String?
  @Option(help: "How a stem of --init for three channels takes yellow, too: random, tile or copy-red-to-yellow.") var stem = StemRule.random
  @Option(help: "Passes over the training images.") var epochs = 25
  @Option(help: "Images a step.") var batch = 32
  @Option(help: "Learning rate.") var learningRate = 0.05
  @Option(help: "Weight decay.") var weightDecay = 1e-4
  @Option(help: "Epochs after which the learning rate is multiplied by --gamma.") var stepEpochs = 6
  @Option(help: "What the learning rate is multiplied by.") var gamma = 0.1
  @Option(help: "Chance that the head drops a number.") var dropout = 0.5
  @Option(help: "sgd, adam or rmsprop.") var optimiser = TrainingConfiguration.OptimiserName.sgd
  @Option(help: "mlsm (MultiLabelSoftMargin) or bce.") var loss = TrainingConfiguration.Loss.multilabelSoftMargin
  @Option(help: "Another seed gives other first weights, draws and augmentations.") var seed: UInt64 = 0
  @Option(help: ArgumentHelp("Where to write the checkpoint (safetensors).", valueName: "file")) var out: String?
  @Option(help: ArgumentHelp("In a project, the only model to train.", valueName: "name")) var model: String?
  @OptionGroup var pixels: PixelOptions
  @OptionGroup var device: DeviceOptions
  @OptionGroup var machine: MachineOptions
  @OptionGroup var project: ProjectOptions

  private func isFiles() throws -> Bool {
    try Together.allOrNone([
      ("--images", images != nil), ("--labels", labels != nil), ("--folds", folds != nil), ("--backbone", backbone != nil),
      ("--out", out != nil),
    ])
  }

  func validate() throws {
    if try isFiles() {
      guard fold != nil else { throw ValidationError("Add --fold N, the fold to hold out.") }
      guard size != nil else { throw ValidationError("Add --size N, the side of the images.") }
      guard model == nil else { throw ValidationError("--model goes with a project folder.") }
    }
    guard batch >= 2 else { throw ValidationError("--batch \(batch): use 2 or more.") }
    guard stepEpochs >= 1 else { throw ValidationError("--step-epochs \(stepEpochs): use 1 or more.") }
  }

  func run() throws {
    let device = try Device(parsing: device.device)
    guard let images, let labels, let folds, let fold, let backbone, let size, let out else {
      try project.open().train(model: model, fold: fold, device: device, threads: machine.threadCount, pixels: pixels)
      return
    }
    var settings = TrainingConfiguration(backbone: backbone, size: size, seed: seed, threads: machine.threadCount)
    (settings.epochs, settings.learningRate, settings.weightDecay) = (epochs, learningRate, weightDecay)
    (settings.schedule, settings.loss, settings.optimiser) = (.step(epochs: stepEpochs, gamma: gamma), loss, optimiser)
    (settings.precision, settings.dropout) = (pixels.precision, dropout)
    let table = try LabelTable(contentsOf: labels)
    let job = TrainJob(
      settings: settings, batch: batch, images: try pixels.source(images, size: size), labels: table,
      folds: try Folds.read(folds, for: table.ids), fold: fold, initialWeights: initialWeights, stem: stem, out: out)
    try job.run(device: device)
  }
}

/// The training of one network on one fold.
struct TrainJob {
  let settings: TrainingConfiguration
  let batch: Int
  let images: ImageSource
  let labels: LabelTable
  let folds: Folds
  let fold: Int
  let initialWeights: String?
  let stem: StemRule
  let out: String

  func run(device: Device) throws {
    try folds.check(fold: fold)
    let (training, validation) = (folds.training(fold: fold), folds.validation(fold: fold))
    try TrainingConfiguration.requireHealthyBatches(images: training.count, batch: batch)
    let drawn = try labels.labels(for: training)
    var sampler = try WeightedSampler(labels: drawn, seed: settings.seed)
    let trainer = try Trainer(
      settings, initialWeights: try initialWeights.map(TensorFiles.open), stem: stem,
      classFrequencies: sampler.classFrequencies(labels: drawn), device: device, programVersion: Version.text)
    if let initialWeights, let start = trainer.start { Talk.say(start.text(of: initialWeights)) }
    let heldLabels = try labels.labels(for: validation)
    let options = BatchLoader.Options(batchSize: batch, size: settings.size, threads: settings.threads)
    let sources = Trainer.Sources(
      imagesPerEpoch: training.count,
      training: { epoch in
        let rows = sampler.draw(training.count)
        return try BatchLoader(
          ids: rows.map { training[$0] }, labels: rows.map { drawn[$0] }, options: options,
          augmentation: .init(seed: settings.seed, epoch: epoch), pixels: images.pixels)
      },
      validation: { try BatchLoader(ids: validation, labels: heldLabels, options: options, pixels: images.pixels) })
    let outcome = try trainer.train(sources, checkpoint: out, log: (out as NSString).deletingPathExtension + ".csv")
    guard let best = outcome.record.best else { return }
    Output.print("\(out): validation loss \(Output.decimal(best.validationLoss)) in epoch \(best.number) of \(settings.epochs)")
  }
}

extension Network.Start {
  /// For the person who waits.
  fileprivate func text(of path: String) -> String {
    var parts = ["training starts from \(path)"]
    if let stem { parts.append("stem for four channels: \(stem.rawValue)") }
    if hasNewHead { parts.append("a new head") }
    if !leftOut.isEmpty { parts.append("left out: \(leftOut.joined(separator: ", "))") }
    return parts.joined(separator: "; ")
  }
}

extension TrainingRecord {
  /// The epoch whose weights were kept.
  var best: Epoch? { epochs.first { $0.number == bestEpoch } }
}

extension ProjectFolder {
  /// Trains what is not trained yet, of all models and folds or of those that are named.
  func train(model name: String?, fold: Int?, device: Device, threads: Int, pixels: PixelOptions) throws {
    let models = try name.map { [try model($0)] } ?? configuration.models
    let train = try dataset("train")
    let (table, folds) = (try labels(of: train), try makeFolds())
    _ = try importImages(onError: .fail, threads: threads)
    for model in models {
      for fold in fold.map({ [$0] }) ?? model.folds {
        let settings = settings(of: model, fold: fold, threads: threads, precision: pixels.precision)
        let out = checkpoint(model.name, fold: fold)
        if try isTrained(out, settings) {
          Talk.say("\(out) is there already.")
          continue
        }
        let job = TrainJob(
          settings: settings, batch: model.batch, images: try images(of: train, size: model.size), labels: table, folds: folds, fold: fold,
          initialWeights: model.initialWeights.map(path), stem: model.stem, out: out)
        try job.run(device: device)
      }
    }
    try drawLearningCurves()
  }

  private func settings(of model: ProjectConfiguration.Model, fold: Int, threads: Int, precision: Precision) -> TrainingConfiguration {
    var settings = TrainingConfiguration(
      backbone: model.backbone, size: model.size, seed: UInt64(model.seed) &+ UInt64(fold), threads: threads)
    (settings.epochs, settings.learningRate, settings.weightDecay) = (model.epochs, model.learningRate, model.weightDecay)
    settings.schedule = .step(epochs: model.stepEpochs, gamma: model.gamma)
    settings.loss = model.loss
    (settings.optimiser, settings.dropout, settings.precision) = (model.optimiser, model.dropout, precision)
    return settings
  }

  /// Whether a finished checkpoint with these settings is there. One that an interruption left is trained anew.
  private func isTrained(_ path: String, _ settings: TrainingConfiguration) throws -> Bool {
    guard FileManager.default.fileExists(atPath: path), let record = try Checkpoint(path).record else { return false }
    var wanted = settings
    wanted.threads = record.configuration.threads
    guard record.configuration == wanted else {
      throw Failure(
        .badData, "was trained with other settings than \(Self.fileName) asks for:\n    then: \(record.configuration)\n    now:  \(wanted)",
        at: .file(path), cure: "Put the old settings back, or delete the checkpoint and its features: rm '\(path)'.")
    }
    return record.epochs.count == settings.epochs
  }
}
