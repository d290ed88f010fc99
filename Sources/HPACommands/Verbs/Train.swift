import ArgumentParser
import Foundation
import HPABackbones
import HPACore
import HPADatasets
import HPAImages
import HPAStore
import HPATorch

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train networks fold by fold and keep the weights of the lowest validation loss.",
    discussion: """
      Images are drawn with replacement by the weights of their classes; each is turned, mirrored or sheared. Beside the checkpoint lies a
      CSV log with the losses, times, and the seconds that the network waited for images. Killed and run again, the same command goes on
      after the last finished epoch, with the losses of an uninterrupted training; a finished checkpoint stays as it is.

      Example: hpa-feat train --images train/512 --labels train.csv --folds folds.csv --fold 0 --backbone inceptionv4 --size 512 \\
                 --epochs 25 --out v4_f0.safetensors
               hpa-feat train --images train/800 --labels train.csv --folds folds.csv --fold all --backbone inceptionv4 \\
                 --preset seed-800 --init v4_512_f{fold}.safetensors --out v4_800_f{fold}.safetensors
      In a project folder: hpa-feat train
                           hpa-feat train --model inceptionv4_800 --folds all
      """)

  @Option(help: ArgumentHelp("The folder of stain files.", valueName: "folder")) var images: String?
  @Option(help: ArgumentHelp("A CSV with the columns Id and Target.", valueName: "file")) var labels: String?
  @Option(help: ArgumentHelp("Folds, as hpa-feat folds writes them; in a project, the folds to train: all or 0,3.", valueName: "file"))
  var folds: String?
  @Option(help: ArgumentHelp("The folds to hold out, one network each: 0, 0,3 or all.", valueName: "n")) var fold: FoldSelection?
  @Option(help: ArgumentHelp("The network; hpa-feat backbones lists them.", valueName: "name")) var backbone: String?
  @Option(
    name: .customLong("init"),
    help: ArgumentHelp(
      "Weights to start from: a checkpoint, or ImageNet weights of torchvision, timm or pretrainedmodels (safetensors, .pth); random ones by default. {fold} stands for the fold.",
      valueName: "file"))
  var initialWeights: String?
  @Option(help: "How a stem of --init for three channels takes yellow, too: random, tile or copy-red-to-yellow.") var stem = StemRule.random
  @OptionGroup var training: TrainingOptions
  @Option(help: "Another seed gives other first weights, draws and augmentations. (default: 0)") var seed: UInt64?
  @Option(help: ArgumentHelp("Where to write the checkpoint (safetensors); {fold} stands for the fold.", valueName: "file"))
  var out: String?
  @Flag(help: "Begin anew what was stopped or is finished.") var restart = false
  @Option(help: ArgumentHelp("In a project, the only model to train, after the one that it starts from.", valueName: "name"))
  var model: String?
  @OptionGroup var pixels: PixelOptions
  @OptionGroup var device: DeviceOptions
  @OptionGroup var machine: MachineOptions
  @OptionGroup var project: ProjectOptions

  private static let foldMark = "{fold}"

  private func isFiles() throws -> Bool {
    let files = [("--images", images != nil), ("--labels", labels != nil), ("--backbone", backbone != nil), ("--out", out != nil)]
    return try Together.allOrNone(files.contains { $0.1 } ? files + [("--folds", folds != nil)] : files)
  }

  func validate() throws {
    guard try isFiles() else {
      _ = try projectFolds()
      let idle = (training.given + [("--seed", seed != nil), ("--init", initialWeights != nil)]).filter(\.isGiven).map(\.name)
      guard idle.isEmpty else {
        throw ValidationError("\(idle.joined(separator: ", ")): in a project, write it into hpa.yaml; it goes with --images and --out.")
      }
      return
    }
    guard let fold else { throw ValidationError("Add --fold N, the fold to hold out.") }
    guard training.size != nil || training.preset != nil else { throw ValidationError("Add --size N, the side of the images.") }
    guard model == nil else { throw ValidationError("--model goes with a project folder.") }
    if let out, fold.isSeveral, !out.contains(Self.foldMark) {
      let stem = (out as NSString).deletingPathExtension
      throw ValidationError("Several folds need several files: --out '\(stem)_f\(Self.foldMark).safetensors'.")
    }
    if let preset = training.preset, preset.isSecondStage, initialWeights == nil {
      throw ValidationError(
        "--preset \(preset.rawValue) starts from a model of 512 pixels: add --init FILE.safetensors, or --init \(TrainingChoices.randomWeights) to start from nothing."
      )
    }
  }

  private func projectFolds() throws -> FoldSelection? {
    guard let folds else { return fold }
    guard fold == nil else { throw ValidationError("Give either --fold or --folds.") }
    guard let selection = FoldSelection(argument: folds) else {
      throw ValidationError("--folds \(folds): in a project, use all or 0,3; a file goes with --images, --labels, --backbone and --out.")
    }
    return selection
  }

  func run() throws {
    let device = try Device(parsing: device.device)
    guard let images, let labels, let folds, let fold, let backbone, let out else {
      try project.open().train(
        model: model, folds: try projectFolds(), restart: restart, device: device, threads: machine.threadCount, pixels: pixels)
      return
    }
    let choices = training.choices
    let settings = choices.configuration(
      backbone: backbone, size: choices.size ?? choices.preset?.size ?? 512, seed: seed ?? 0, threads: machine.threadCount,
      precision: pixels.precision)
    let table = try LabelTable(contentsOf: labels)
    let division = try Folds.read(folds, for: table.ids)
    let weights = initialWeights == TrainingChoices.randomWeights ? nil : initialWeights
    if choices.preset != nil, initialWeights == nil { Talk.say("The preset is meant for ImageNet weights (--init); these are random.") }
    for number in try fold.numbers(of: division) {
      let named = { (path: String) in path.replacing(Self.foldMark, with: String(number)) }
      let job = TrainJob(
        settings: settings, batch: choices.batchSize, images: try pixels.source(images, size: settings.size), labels: table,
        folds: division, fold: number, initialWeights: weights.map(named), stem: stem, out: named(out), restart: restart,
        cure: "Name another --out, or begin anew with --restart.")
      Output.print(try job.run(device: device))
    }
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
  /// Whether to begin anew what was stopped or is finished.
  let restart: Bool
  /// What to do where `out` is another training's.
  let cure: String

  /// Trains what is left to train; returns what was reached, in a line for people.
  func run(device: Device) throws -> String {
    try folds.check(fold: fold)
    let (training, validation) = (folds.training(fold: fold), folds.validation(fold: fold))
    try TrainingConfiguration.requireHealthyBatches(images: training.count, batch: batch)
    let (drawn, held) = (try labels.labels(for: training), try labels.labels(for: validation))
    let start = try initialWeights.map(TensorFiles.open)
    let inputs = try inputs()
    let lock = try OutputLock(out)
    defer { withExtendedLifetime(lock) {} }
    if restart {
      try Checkpoint.removeState(besides: out)
    } else if try isFinished(inputs) {
      return "\(out) is there already, trained with these settings"
    }
    let sampler = try WeightedSampler(labels: drawn, seed: settings.seed)
    let trainer = try Trainer(
      settings, inputs: inputs, initialWeights: start, stem: stem,
      classFrequencies: sampler.classFrequencies(labels: drawn), device: device, programVersion: Version.text)
    if try trainer.goOn(checkpoint: out) {
      Talk.say("\(out): goes on after epoch \(trainer.record.epochs.count) of \(settings.epochs)")
    } else if let initialWeights, let start = trainer.start {
      Talk.say(start.text(of: initialWeights))
    }
    let options = BatchLoader.Options(batchSize: batch, size: settings.size, threads: settings.threads)
    let sources = Trainer.Sources(
      imagesPerEpoch: training.count,
      training: { epoch in
        let rows = sampler.draw(training.count, epoch: epoch)
        return try BatchLoader(
          ids: rows.map { training[$0] }, labels: rows.map { drawn[$0] }, options: options,
          augmentation: .init(seed: settings.seed, epoch: epoch), pixels: images.pixels)
      },
      validation: { try BatchLoader(ids: validation, labels: held, options: options, pixels: images.pixels) })
    return report(try train(trainer, sources))
  }

  private func train(_ trainer: Trainer, _ sources: Trainer.Sources) throws -> TrainingRecord {
    do {
      return try trainer.train(sources, checkpoint: out, log: (out as NSString).deletingPathExtension + ".csv")
    } catch var failure as Failure where failure.kind == .interrupted {
      let again = "the same command\(restart ? " without --restart" : "")"
      failure.place.path = out
      failure.cure =
        trainer.record.epochs.isEmpty
        ? "No epoch was finished; \(again) begins again."
        : "\(trainer.record.epochs.count) of \(settings.epochs) epochs are finished and kept; \(again) goes on from there."
      throw failure
    }
  }

  private func report(_ record: TrainingRecord) -> String {
    guard let best = record.best else { return "\(out): no epoch" }
    let end =
      record.hasStoppedEarly ? "; ended after epoch \(record.epochs.count), \(record.epochs.count - best.number) without a lower loss" : ""
    return "\(out): validation loss \(Output.decimal(best.validationLoss)) in epoch \(best.number) of \(settings.epochs)\(end)"
  }

  /// Whether the checkpoint is there and finished. One that was stopped before its first epoch had ended is not.
  ///
  /// - Throws: `badData`, with both sides, where another training made it.
  private func isFinished(_ inputs: [String: String]) throws -> Bool {
    guard FileManager.default.fileExists(atPath: out), !Checkpoint.isUnfinished(out) else { return false }
    guard let record = try Checkpoint.record(at: out) else {
      throw Failure(.badData, "is there already and was not made by hpa-feat train", at: .file(out), cure: cure)
    }
    let differences = record.differences(from: settings, inputs, ignoresThreads: true)
    guard differences.isEmpty else {
      throw Failure(
        .badData, "was trained in another way:\n    \(differences.joined(separator: "\n    "))", at: .file(out), cure: cure)
    }
    return record.isFinished
  }

  /// What decides the outcome beside the settings.
  func inputs() throws -> [String: String] {
    let (training, validation) = (folds.training(fold: fold), folds.validation(fold: fold))
    var inputs = [
      "batch": String(batch), "channels": images.channelMap.name, "resize": images.resize.rawValue,
      "training images": Self.fingerprint(of: zip(training, try labels.labels(for: training))),
      "validation images": Self.fingerprint(of: zip(validation, try labels.labels(for: validation))),
    ]
    if let initialWeights { (inputs["init"], inputs["stem"]) = ("SHA-256 " + (try ContentHash.file(initialWeights)), stem.rawValue) }
    return inputs
  }

  private static func fingerprint(of images: some Sequence<(ImageID, LabelSet)>) -> String {
    let (hash, count) = images.reduce(into: (ContentHash(), 0)) { result, image in
      result.0.update("\(image.0)\t\(image.1)\n")
      result.1 += 1
    }
    return "\(count), SHA-256 \(hash.hexadecimal)"
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

extension ProjectFolder {
  /// Trains what is not trained yet, of all models and folds or of those that are named; a model after the one that it starts from.
  func train(
    model name: String?, folds selection: FoldSelection?, restart: Bool, device: Device, threads: Int, pixels: PixelOptions
  ) throws {
    let named = try name.map(model)
    let table = try labels(of: try dataset("train"))
    _ = try importImages(onError: .fail, threads: threads)
    for model in configuration.trainingOrder(of: named) {
      let folds = try makeFolds(for: model)
      let numbers = try selection?.numbers(of: folds) ?? (named ?? model).folds
      for fold in numbers {
        if !model.folds.contains(fold) { Talk.say("Fold \(fold) is not among the folds of '\(model.name)' that other verbs use.") }
        let job = try trainJob(
          model, fold: fold, of: folds, labels: table, threads: threads, precision: pixels.precision,
          restart: restart && [nil, model.name].contains(name))
        Output.print(try job.run(device: device))
      }
    }
    try drawLearningCurves()
  }

  /// The training of one fold of a model, as `hpa.yaml` describes it.
  func trainJob(
    _ model: ProjectConfiguration.Model, fold: Int, of folds: Folds, labels: LabelTable, threads: Int, precision: Precision,
    restart: Bool = false
  ) throws -> TrainJob {
    TrainJob(
      settings: model.settings(fold: fold, threads: threads, precision: precision),
      batch: model.training.batchSize, images: try images(of: try dataset("train"), size: model.size), labels: labels, folds: folds,
      fold: fold, initialWeights: model.initialWeights.map(path) ?? model.base.map { checkpoint($0, fold: fold) }, stem: model.stem,
      out: checkpoint(model.name, fold: fold), restart: restart,
      cure: "Put the old settings back, or: hpa-feat train --model \(model.name) --fold \(fold) --restart")
  }
}

extension ProjectConfiguration.Model {
  /// How one of its folds is trained.
  func settings(fold: Int, threads: Int, precision: Precision) -> TrainingConfiguration {
    training.configuration(backbone: backbone, size: size, seed: UInt64(seed) &+ UInt64(fold), threads: threads, precision: precision)
  }
}
