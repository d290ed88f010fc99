import HPABackbones
import HPACore
import HPADatasets
import HPAImages
import HPAStacker

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
    let seed: Int
    let epochs: Int
    let batch: Int
    let learningRate: Double
    let weightDecay: Double
    let stepEpochs: Int
    let gamma: Double
    let dropout: Double
    let optimiser: TrainingConfiguration.OptimiserName
    let loss: TrainingConfiguration.Loss
    /// Weights to start from; random ones where it is absent.
    let initialWeights: String?
  }

  struct SearchPlan {
    let model: String
    let fold: Int
    let queries: String
    let gallery: String
    let top: Int
    /// Whether all directions of the gallery's features are made equally long first.
    let isWhitened: Bool
    /// `query,gallery` pairs that are known to be the same field.
    let knownPairs: String?
  }

  struct StackPlan {
    let models: [String]
    let seed: Int
    let epochs: Int
    let batch: Int
    let learningRate: Double
    let width: Int
    let loss: StackerConfiguration.Loss
  }

  struct ThresholdPlan {
    let minimumCount: Int
    let fallback: Double
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
    models = try Self.named(in: try top.requiredMapping("models")) { try Model(name: $0, &$1, folds: plan) }
    let (datasetNames, modelTable) = (datasets.map(\.name), models)
    search = try top.mapping("search").map { try SearchPlan($0, datasets: datasetNames, models: modelTable) }
    stack = try top.mapping("stack").map { try StackPlan($0, models: modelTable) }
    thresholds = try ThresholdPlan(try top.mapping("thresholds"))
    let hasStack = stack != nil
    blend = try top.mapping("blend").map { try Self.members($0, models: modelTable, hasStack: hasStack) } ?? []
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

  private static func members(_ mapping: YAMLMapping, models: [Model], hasStack: Bool) throws -> [BlendMember] {
    var mapping = mapping
    var weights = try mapping.requiredMapping("members")
    try mapping.rejectUnknownKeys()
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
    size = try mapping.integer("size", in: 96...4096) ?? 512
    folds = try mapping.integers("folds", in: 0...plan.count - 1) ?? Array(0..<plan.count)
    seed = try mapping.integer("seed", in: 0...Int.max) ?? plan.seed
    epochs = try mapping.integer("epochs", in: 1...10_000) ?? 25
    batch = try mapping.integer("batch", in: 2...4096) ?? 32
    learningRate = try mapping.number("learning_rate", in: 0...100) ?? 0.05
    weightDecay = try mapping.number("weight_decay", in: 0...1) ?? 1e-4
    stepEpochs = try mapping.integer("step_epochs", in: 1...10_000) ?? 6
    gamma = try mapping.number("gamma", in: 0...1) ?? 0.1
    dropout = try mapping.number("dropout", in: 0...0.99) ?? 0.5
    optimiser = try mapping.choice("optimiser", default: .sgd)
    loss = try mapping.choice("loss", default: .multilabelSoftMargin)
    initialWeights = try mapping.string("init")
    guard !folds.isEmpty, Set(folds).count == folds.count else {
      throw mapping.failure("the folds of '\(name)' are empty or repeat one", cure: "Write for example: folds: [0, 1].")
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
    isWhitened = try mapping.boolean("whiten") ?? false
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
  fileprivate init(_ mapping: YAMLMapping, models known: [ProjectConfiguration.Model]) throws {
    var mapping = mapping
    models = try mapping.strings("models") ?? known.map(\.name)
    seed = try mapping.integer("seed", in: 0...Int.max) ?? 0
    epochs = try mapping.integer("epochs", in: 1...10_000) ?? 30
    batch = try mapping.integer("batch", in: 2...65_536) ?? 512
    learningRate = try mapping.number("learning_rate", in: 0...100) ?? 0.5
    width = try mapping.integer("width", in: 1...65_536) ?? 128
    loss = try mapping.choice("loss", default: .mlsm)
    for name in models where !known.contains(where: { $0.name == name }) {
      throw mapping.failure("'\(name)' is no model", cure: "The models are: \(known.map(\.name).joined(separator: ", ")).")
    }
    try mapping.rejectUnknownKeys()
  }
}

extension ProjectConfiguration.ThresholdPlan {
  fileprivate init(_ mapping: YAMLMapping?) throws {
    guard var mapping else {
      (minimumCount, fallback) = (1000, 0.15)
      return
    }
    minimumCount = try mapping.integer("min_count", in: 0...Int.max) ?? 1000
    fallback = try mapping.number("default", in: 0...1) ?? 0.15
    try mapping.rejectUnknownKeys()
  }
}
