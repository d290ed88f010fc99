import Foundation
import HPABackbones
import HPACore
import HPADatasets
import HPAImages
import HPAStore
import HPATorch

/// What the networks of a run work on.
struct RunMachine {
  let device: Device
  let precision: Precision
  let threads: Int
}

/// The training of one fold of a model.
struct TrainStage: Stage {
  let project: ProjectFolder
  let model: ProjectConfiguration.Model
  let fold: Int
  let machine: RunMachine
  let images: Int

  var name: String { Self.name(model.name, fold) }
  static func name(_ model: String, _ fold: Int) -> String { "train \(model) fold \(fold)" }

  var upstream: [String] {
    let own = project.foldFile(of: model) == project.folds ? nil : model
    return [ImportStage.name("train"), FoldsStage.name(own)] + (model.base.map { [Self.name($0, fold)] } ?? [])
  }

  private var file: String { project.checkpoint(model.name, fold: fold) }
  var outputs: [Artefact] { [.file(file)] }

  private var settings: TrainingConfiguration { model.settings(fold: fold, threads: machine.threads, precision: machine.precision) }

  var work: Work {
    guard let backbone = try? Backbone.named(model.backbone) else { return Work(kind: .train, amount: 0) }
    let share = Double(model.size * model.size) / Double(512 * 512)
    let held = Double(images) / Double(project.configuration.folds.count)
    // Forward and twice as much backward for what is trained on, forward for what is held out.
    let passes = Double(settings.epochs) * (3 * (Double(images) - held) + held)
    let weights = backbone.parameterCount * MemoryLayout<Float>.size
    // Every convolution's output is kept twice for the way back: as it is, and normalised.
    let kept = Double(backbone.activations) * share * Double(2 * model.training.batchSize * MemoryLayout<Float>.size)
    return Work(
      kind: .train, amount: passes * Double(backbone.operations) * share, memory: RunEstimate.libraryBytes + 4 * weights + Int(kept),
      disk: weights)
  }

  func facts(_ contents: Contents) throws -> [String: String] {
    var facts = try job().inputs()
    for setting in settings.settings where setting.name != "threads" { facts[setting.name] = setting.value }
    facts["images"] = try project.imagesContent("train", contents)
    facts["device"] = machine.device.kind
    return facts
  }

  func remainder() throws -> Double {
    guard Checkpoint.isUnfinished(file), let record = try Checkpoint.record(at: file) else { return 1 }
    return 1 - Double(record.epochs.count) / Double(max(settings.epochs, 1))
  }

  /// A checkpoint costs hours: it goes to `checkpoints/replaced/`.
  func clear() throws {
    try Checkpoint.removeState(besides: file)
    guard FileManager.default.fileExists(atPath: file) else { return }
    let name = (file as NSString).lastPathComponent
    let stem = (name as NSString).deletingPathExtension
    let kept = project.path("checkpoints/replaced/\(stem)-\(try ContentHash.file(file).prefix(12))")
    try FileBytes.move(file, to: kept + ".safetensors")
    let log = (file as NSString).deletingPathExtension + ".csv"
    if FileManager.default.fileExists(atPath: log) { try FileBytes.move(log, to: kept + ".csv") }
    Talk.say("\(name) was trained in another way; it is kept as \(kept).safetensors")
  }

  func run() throws -> String { try job().run(device: machine.device) }

  private func job() throws -> TrainJob {
    try project.trainJob(
      model, fold: fold, of: try project.makeFolds(for: model), labels: try project.labels(of: try project.dataset("train")),
      threads: machine.threads, precision: machine.precision)
  }
}

/// The features of one data set by one fold of a model.
struct ExtractStage: Stage {
  let project: ProjectFolder
  let dataset: ProjectConfiguration.Dataset
  let model: ProjectConfiguration.Model
  let fold: Int
  let machine: RunMachine
  let ids: [ImageID]

  private var view: String { project.view(dataset.name, model.name, fold: fold) }
  var name: String { Self.name(view) }
  static func name(_ view: String) -> String { "extract \(view)" }
  var upstream: [String] { [ImportStage.name(dataset.name), TrainStage.name(model.name, fold)] }
  var outputs: [Artefact] { [.view(view, store: project.store)] }

  var work: Work {
    guard let backbone = try? Backbone.named(model.backbone) else { return Work(kind: .extract, amount: 0) }
    let share = Double(model.size * model.size) / Double(512 * 512)
    let weights = backbone.parameterCount * MemoryLayout<Float>.size
    // Of all that the convolutions give, about a third is there at the same time.
    let batch = ExtractJob.Options.defaultBatch(on: machine.device)
    let alive = Double(backbone.activations) * share * Double(batch * MemoryLayout<Float>.size) / 3
    return Work(
      kind: .extract, amount: Double(ids.count) * Double(backbone.operations) * share,
      memory: RunEstimate.libraryBytes + weights + Int(alive),
      disk: ids.count * RunEstimate.recordBytes)
  }

  func facts(_ contents: Contents) throws -> [String: String] {
    [
      "checkpoint": try contents.sha256(ofFile: project.checkpoint(model.name, fold: fold)),
      "images": try project.imagesContent(dataset.name, contents), "channels": dataset.channels.name, "size": "\(model.size)",
      "resize": dataset.resize.rawValue, "precision": machine.precision.rawValue, "device": machine.device.kind,
      "ids": ContentHash.ids(ids),
    ]
  }

  func remainder() throws -> Double {
    guard let store = try FeatureStore.existing(project.store), try store.views().contains(where: { $0.name == view }) else { return 1 }
    return 1 - Double(try store.count(of: view)) / Double(max(ids.count, 1))
  }

  func clear() throws {
    guard let store = try FeatureStore.existing(project.store, mode: .readWrite), try store.views().contains(where: { $0.name == view })
    else { return }
    try store.drop(view)
  }

  func run() throws -> String {
    let options = ExtractJob.Options(device: machine.device, precision: machine.precision, threads: machine.threads)
    return try project.extractJob(dataset, model, fold: fold, options).run()
  }
}
