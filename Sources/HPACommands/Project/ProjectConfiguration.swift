import HPABackbones
import HPABlend
import HPACore
import HPADatasets
import HPAImages
import HPAIndex
import HPAStacker
import HPATorch

/// What `hpa.yaml` says: data sets, models, stack, thresholds, blend. Every key is described in schemas/hpa.schema.json.
package struct ProjectConfiguration {
  struct Dataset {
    let name: String
    let layout: ImageLayout
    let images: String
    /// `Id,Target`; nil where nothing is known about the labels.
    let labels: String?
    /// A CSV whose first column is `Id`; the label table serves where it is absent.
    let ids: String?
    let channels: ChannelMap
    let resize: Resize.Method
  }

  struct FoldPlan {
    let count: Int
    let scheme: Folds.Scheme
    let seed: Int
    /// CSV of images that are known duplicates and stay together.
    let groups: String?
  }

  struct Model {
    let name: String
    let backbone: String
    let size: Int
    /// The folds that are trained; all of the plan by default.
    let folds: [Int]
    /// Of the first weights, draws and dropout; each fold adds its number.
    let seed: Int
    /// Of its division into folds, where that is not the project's; a model that starts from another has that one's.
    var foldSeed: Int?
    let training: TrainingChoices
    /// Weights to start from.
    let initialWeights: String?
    /// What is made of a stem of `initialWeights` for three channels.
    let stem: StemRule
    /// The model that it starts from, fold by fold; random weights where that and `initialWeights` are absent.
    let base: String?
  }

  struct SearchPlan {
    let model: String
    let fold: Int
    let queries: String
    let gallery: String
    let top: Int
    let standardisation: Standardisation
    /// The recipe of the index that nominates; every pair is looked at where it is absent.
    let index: String?
    /// `query,gallery` pairs that are known to be the same field.
    let knownPairs: String?
  }

  struct StackPlan {
    let models: [String]
    var settings = StackerConfiguration()
    let isOutOfFold: Bool
    /// Of the stacker's own folds, where it is trained out of fold.
    let foldSeed: Int
  }

  struct ThresholdPlan {
    var method = ThresholdMethod.optimum
    var minimumCount = 1000
    var fallback = Thresholds.default
    /// Of each class's threshold and F1; none by default.
    var bootstrap: ThresholdBootstrap?
  }

  struct BlendMember {
    let name: String
    let weight: Double
  }

  let name: String
  let datasets: [Dataset]
  let folds: FoldPlan
  let models: [Model]
  let search: SearchPlan?
  let stack: StackPlan?
  let thresholds: ThresholdPlan
  let blend: [BlendMember]
  /// The folds of each member whose test scores are taken.
  let blendFolds: FoldChoice

  /// The member of a blend that is the stacker.
  static let stackMember = "stack"
}

extension ProjectConfiguration {
  /// Reads and checks `hpa.yaml`.
  ///
  /// - Throws: `missingInput`, or `badData` with file and line.
  init(contentsOf path: String) throws { try self.init(bytes: try FileBytes.read(path), path: path) }

  package init(bytes: [UInt8], path: String) throws {
    var top = try YAMLMapping(bytes: bytes, path: path)
    _ = try top.integer("version", in: 1...1)
    name = try top.required("name")
    datasets = try Self.named(in: try top.requiredMapping("datasets"), Dataset.init)
    folds = try FoldPlan(try top.mapping("folds"))
    let plan = folds
    let modelMapping = try top.requiredMapping("models")
    models = try Self.withBases(
      try Self.named(in: modelMapping) { try Model(name: $0, &$1, folds: plan) }, folds: plan, in: modelMapping)
    let (datasetNames, modelTable) = (datasets.map(\.name), models)
    search = try top.mapping("search").map { try SearchPlan($0, datasets: datasetNames, models: modelTable) }
    stack = try top.mapping("stack").map { try StackPlan($0, models: modelTable, folds: plan) }
    thresholds = try ThresholdPlan(try top.mapping("thresholds"))
    let hasStack = stack != nil
    (blend, blendFolds) = try top.mapping("blend").map { try Self.blend($0, models: modelTable, hasStack: hasStack) } ?? ([], .all)
    try top.rejectUnknownKeys()
    for required in ["train", "test"] where !datasetNames.contains(required) {
      throw top.failure(
        "no data set is called '\(required)'", cure: "Name the labelled images 'train' and the images to predict 'test' under 'datasets'.")
    }
  }

  private static func named<Item>(in mapping: YAMLMapping, _ make: (String, inout YAMLMapping) throws -> Item) throws -> [Item] {
    var mapping = mapping
    return try mapping.names.map { name in
      guard name.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9_.-]*/) != nil else {
        throw mapping.failure("'\(name)' is no usable name", cure: "Use letters, digits, '_', '-' and '.'.")
      }
      var item = try mapping.requiredMapping(name)
      let made = try make(name, &item)
      try item.rejectUnknownKeys()
      return made
    }
  }

  private static func blend(_ mapping: YAMLMapping, models: [Model], hasStack: Bool) throws -> ([BlendMember], FoldChoice) {
    var mapping = mapping
    let folds = try mapping.string("folds")
    let weights = try mapping.requiredMapping("members")
    try mapping.rejectUnknownKeys()
    let members = try members(weights, models: models, hasStack: hasStack)
    guard let choice = FoldChoice(argument: folds ?? "all") else {
      throw mapping.failure(
        "'blend.folds' is '\(folds ?? "")', not 'all' or 'best:N'", at: "folds", cure: "Write for example: folds: best:6")
    }
    if case .best(let count) = choice,
      let short = models.first(where: { model in model.folds.count < count && members.contains { $0.name == model.name } })
    {
      throw mapping.failure(
        "'\(short.name)' has \(short.folds.count) folds, not \(count) to choose from", at: "folds",
        cure: "Write 'folds: best:\(short.folds.count)' or less, or train more folds.")
    }
    return (members, choice)
  }

  private static func members(_ mapping: YAMLMapping, models: [Model], hasStack: Bool) throws -> [BlendMember] {
    var weights = mapping
    let known = models.map(\.name) + (hasStack ? [stackMember] : [])
    return try weights.names.map { name in
      guard known.contains(name) else {
        throw weights.failure("'\(name)' is no member", cure: "Members are: \(known.joined(separator: ", ")).")
      }
      return BlendMember(name: name, weight: try weights.number(name, in: 0...1e9) ?? 1)
    }
  }
}

extension ProjectConfiguration.Dataset {
  fileprivate init(name: String, _ mapping: inout YAMLMapping) throws {
    self.name = name
    layout = try mapping.choice("layout", default: .kagglePNG)
    images = try mapping.required("images")
    labels = try mapping.string("labels")
    ids = try mapping.string("ids")
    channels = try ChannelMap.named(try mapping.choice("channels", among: ChannelMap.all.map(\.name)))
    resize = try mapping.choice("resize", default: .linear)
    guard labels != nil || ids != nil else {
      throw mapping.failure("data set '\(name)' names no ids", cure: "Add 'labels: FILE.csv' (Id,Target) or 'ids: FILE.csv' (Id).")
    }
  }
}

extension ProjectConfiguration.FoldPlan {
  fileprivate init(_ mapping: YAMLMapping?) throws {
    guard var mapping else {
      (count, scheme, seed, groups) = (10, .kfold, 0, nil)
      return
    }
    count = try mapping.integer("count", in: 2...1000) ?? 10
    scheme = try mapping.choice("scheme", default: .kfold)
    seed = try mapping.integer("seed", in: 0...Int.max) ?? 0
    groups = try mapping.string("groups")
    try mapping.rejectUnknownKeys()
  }
}

extension ProjectConfiguration.Model {
  fileprivate init(name: String, _ mapping: inout YAMLMapping, folds plan: ProjectConfiguration.FoldPlan) throws {
    self.name = name
    backbone = try mapping.required("backbone")
    training = try TrainingChoices(&mapping)
    size = training.size ?? training.preset?.size ?? 512
    folds = try mapping.integers("folds", in: 0...plan.count - 1) ?? Array(0..<plan.count)
    seed = try mapping.integer("seed", in: 0...Int.max) ?? plan.seed
    foldSeed = try mapping.integer("fold_seed", in: 0...Int.max)
    let first = try mapping.string("init")
    initialWeights = first == TrainingChoices.randomWeights ? nil : first
    stem = try mapping.choice("stem", default: .random)
    base = try mapping.string("from")
    guard base == nil || first == nil else {
      throw mapping.failure("'\(name)' starts from two things", at: "init", cure: "Keep 'from' or 'init'.")
    }
    if let preset = training.preset, preset.isSecondStage, base == nil, first == nil {
      throw mapping.failure(
        "'\(preset.rawValue)' starts from a model of 512 pixels", at: "preset",
        cure: "Add 'from: MODEL' or 'init: FILE.safetensors'; 'init: \(TrainingChoices.randomWeights)' starts from nothing.")
    }
    guard !folds.isEmpty, Set(folds).count == folds.count else {
      throw mapping.failure("the folds of '\(name)' are empty or repeat one", cure: "Write for example: folds: [0, 1].")
    }
  }
}

extension TrainingChoices {
  fileprivate init(_ mapping: inout YAMLMapping) throws {
    preset = try mapping.choice("preset")
    size = try mapping.integer("size", in: 96...4096)
    epochs = try mapping.integer("epochs", in: 1...10_000)
    patience = try mapping.integer("patience", in: 0...10_000)
    batch = try mapping.integer("batch", in: 2...4096)
    learningRate = try mapping.number("learning_rate", in: 1e-9...100)
    momentum = try mapping.number("momentum", in: 0...0.9999)
    weightDecay = try mapping.number("weight_decay", in: 0...1)
    schedule = try mapping.choice("schedule")
    stepEpochs = try mapping.integer("step_epochs", in: 1...10_000)
    gamma = try mapping.number("gamma", in: 0...1)
    dropout = try mapping.number("dropout", in: 0...0.99)
    optimiser = try mapping.choice("optimiser")
    loss = try mapping.choice("loss")
    if let idle {
      throw mapping.failure(
        "'\(idle.key)' goes with '\(idle.partner): \(idle.value)'", at: idle.key, cure: "Take it out, or change '\(idle.partner)'.")
    }
  }
}

extension ProjectConfiguration.SearchPlan {
  fileprivate init(_ mapping: YAMLMapping, datasets: [String], models: [ProjectConfiguration.Model]) throws {
    var mapping = mapping
    let model = try mapping.required("model")
    queries = try mapping.string("queries") ?? "test"
    gallery = try mapping.required("gallery")
    top = try mapping.integer("top", in: 1...Int.max) ?? 300
    let isWhitened = try mapping.boolean("whiten") ?? false
    standardisation = try mapping.choice("standardise", default: isWhitened ? .whiten : .none)
    guard !isWhitened || standardisation == .whiten else {
      throw mapping.failure(
        "'whiten: true' and 'standardise: \(standardisation.rawValue)' contradict each other", cure: "Keep one of them.")
    }
    index = try mapping.string("index")
    guard index == nil || standardisation == .none else {
      throw mapping.failure("an index is built for the features as they are, not standardised", cure: "Take out 'index' or 'standardise'.")
    }
    knownPairs = try mapping.string("known_pairs")
    guard let chosen = models.first(where: { $0.name == model }) else {
      throw mapping.failure("'\(model)' is no model", cure: "The models are: \(models.map(\.name).joined(separator: ", ")).")
    }
    fold = try mapping.integer("fold", in: 0...1000) ?? chosen.folds[0]
    self.model = model
    guard chosen.folds.contains(fold) else {
      throw mapping.failure("fold \(fold) of '\(model)' is not trained", cure: "Its folds are: \(chosen.folds).")
    }
    for name in [queries, gallery] where !datasets.contains(name) {
      throw mapping.failure("'\(name)' is no data set", cure: "The data sets are: \(datasets.joined(separator: ", ")).")
    }
    try mapping.rejectUnknownKeys()
  }
}

extension ProjectConfiguration.StackPlan {
  fileprivate init(_ mapping: YAMLMapping, models known: [ProjectConfiguration.Model], folds: ProjectConfiguration.FoldPlan) throws {
    var mapping = mapping
    models = try mapping.strings("models") ?? known.map(\.name)
    settings.seed = UInt64(try mapping.integer("seed", in: 0...Int.max) ?? 0)
    settings.epochs = try mapping.integer("epochs", in: 1...10_000) ?? settings.epochs
    settings.batchSize = try mapping.integer("batch", in: 2...65_536) ?? settings.batchSize
    settings.learningRate = try mapping.number("learning_rate", in: 0...100) ?? settings.learningRate
    settings.momentum = try mapping.number("momentum", in: 0...0.9999) ?? settings.momentum
    settings.weightDecay = try mapping.number("weight_decay", in: 0...1) ?? settings.weightDecay
    settings.dropout = try mapping.number("dropout", in: 0...0.99) ?? settings.dropout
    settings.width = try mapping.integer("width", in: 1...65_536) ?? settings.width
    settings.loss = try mapping.choice("loss", default: settings.loss)
    settings.normalization.ofBlocks = try mapping.boolean("block_l2") ?? true
    settings.normalization.ofRows = try mapping.boolean("row_l2") ?? true
    isOutOfFold = try mapping.boolean("out_of_fold") ?? false
    foldSeed = try mapping.integer("fold_seed", in: 0...Int.max) ?? folds.seed &+ 1000
    guard
      let schedule = settings.schedule.changed(
        try mapping.choice("schedule", default: .step), stepEpochs: try mapping.integer("step_epochs", in: 1...10_000),
        gamma: try mapping.number("gamma", in: 0.0001...1))
    else {
      throw mapping.failure(
        "this schedule has no steps or no factor", cure: "'step_epochs' goes with 'step', 'gamma' with 'step' and 'exponential'.")
    }
    settings.schedule = schedule
    for name in models where !known.contains(where: { $0.name == name }) {
      throw mapping.failure("'\(name)' is no model", cure: "The models are: \(known.map(\.name).joined(separator: ", ")).")
    }
    try mapping.rejectUnknownKeys()
  }
}

extension ProjectConfiguration.ThresholdPlan {
  fileprivate init(_ mapping: YAMLMapping?) throws {
    guard var mapping else { return }
    method = try mapping.choice("method", default: method)
    minimumCount = try mapping.integer("min_count", in: 0...Int.max) ?? minimumCount
    fallback = try mapping.number("default", in: 0...1) ?? fallback
    let (confidence, seed) = (try mapping.number("confidence", in: 0.5...0.999), try mapping.integer("seed", in: 0...Int.max))
    bootstrap = try mapping.integer("bootstrap", in: 40...1_000_000).map {
      try ThresholdBootstrap(resamples: $0, confidence: confidence ?? 0.95, seed: UInt64(seed ?? 0))
    }
    guard bootstrap != nil || (confidence == nil && seed == nil) else {
      throw mapping.failure("'confidence' and 'seed' say nothing without 'bootstrap'", cure: "Add 'bootstrap: 1000', or take them out.")
    }
    try mapping.rejectUnknownKeys()
  }
}
