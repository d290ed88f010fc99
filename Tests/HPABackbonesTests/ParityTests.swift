import HPABackbones
import HPACore
import HPATestSupport
import HPATorch
import Testing

@Suite(.enabled(if: Python.isPresent, "needs scripts/setup test"), .serialized)
struct ParityTests {
  static let tolerance: Float = 1e-4
  /// Of parameters and statistics after a step.
  static let stepTolerance: Float = 1e-3
  /// Of the step itself, which is small beside the parameters. Gradients are not continuous: an input of a ReLU that rounding turns from
  /// -1e-7 to 1e-7 is one of 6 x 3 x 3 that make a channel's gradient.
  static let moveTolerance = 0.1

  @Test(arguments: Backbone.all.map(\.name))
  func `features and logits are those of PyTorch`(name: String) throws {
    let backbone = try Backbone.named(name)
    let goldens = try Goldens(backbone)
    let network = try goldens.network(backbone)
    let output = try Scope.noGradient { try network(goldens.images(), .evaluation) }
    let errors = (
      features: relativeError(try output.features.floats(), try goldens.expected.floats("features")),
      logits: relativeError(try output.logits.floats(), try goldens.expected.floats("logits"))
    )
    print("parity of \(name), seed \(Goldens.seed), evaluation: \(errors)")
    #expect(errors.features <= ParityTests.tolerance && errors.logits <= ParityTests.tolerance)
  }

  @Test(arguments: Backbone.all.map(\.name))
  func `a training step has PyTorch's features, loss, parameters and statistics`(name: String) throws {
    let backbone = try Backbone.named(name)
    let goldens = try Goldens(backbone)
    let network = try goldens.network(backbone)
    let before = try network.store.entries.map { try $0.tensor.floats() }
    let optimiser = try SGD(network.store.parameters, learningRate: 0.05, momentum: 0.9, weightDecay: 1e-4)
    let output = try network(goldens.images(), .training(dropout: nil))
    let loss = try output.logits.multilabelSoftMarginLoss(targets: goldens.expected.tensor("targets"))
    try loss.backward()
    try optimiser.step()

    let features = relativeError(try output.features.floats(), try goldens.expected.floats("train_features"))
    let logits = relativeError(try output.logits.floats(), try goldens.expected.floats("train_logits"))
    let lossError = relativeError([Float(try loss.item())], try goldens.expected.floats("loss"))
    #expect(features <= ParityTests.tolerance && logits <= ParityTests.tolerance && lossError <= ParityTests.tolerance)
    var (errors, moves): ([(Float, String)], [(Double, String)]) = ([], [])
    for (entry, before) in zip(network.store.entries, before) {
      let (after, expected) = (try entry.tensor.floats(), try goldens.expected.floats("moved." + entry.name))
      let error = relativeError(after, expected)
      #expect(error <= ParityTests.stepTolerance, "\(entry.name) after the step")
      errors.append((error, entry.name))
      guard entry.isParameter else { continue }
      let move = relativeErrorOfSteps(from: before, to: after, expected)
      moves.append((move, entry.name))
      #expect(move <= ParityTests.moveTolerance, "the step of \(entry.name)")
    }
    print(
      "parity of \(name), seed \(Goldens.seed), training: features \(features), logits \(logits), loss \(lossError), "
        + "parameters and statistics \(errors.max { $0.0 < $1.0 } ?? (0, "")), the step itself \(moves.max { $0.0 < $1.0 } ?? (0, ""))")
  }

  @Test(arguments: Backbone.all.map(\.name))
  func `the facts of the registry are PyTorch's`(name: String) throws {
    let backbone = try Backbone.named(name)
    let facts = try Goldens(backbone).weights.metadata
    #expect(facts["parameters"] == String(try Network(backbone, seed: 0).store.parameterCount()))
    #expect(facts["parameters"] == String(backbone.parameterCount))
    #expect(facts["operations"] == String(backbone.operations))
    #expect(facts["activations"] == String(backbone.activations))
    #expect(facts["width"] == String(backbone.width))
    // PyTorch's ResNets take any image; Keras, where Xception comes from, takes them from 71 pixels on.
    let smallest = try #require(facts["smallest"].flatMap(Int.init))
    #expect(backbone.smallestSize == max(smallest, name == "xception" ? 71 : 32))
  }

  @Test(arguments: Backbone.all.map(\.name))
  func `the smallest size passes, one pixel less is refused`(name: String) throws {
    let backbone = try Backbone.named(name)
    let network = try Network(backbone, seed: 0)
    let side = backbone.smallestSize
    #expect(try Scope.inference { try network(Tensor.zeros([1, 4, side, side], type: .uint8), .evaluation).logits.shape } == [1, 28])
    #expect(throws: Failure.self) { try backbone.requireSize(side - 1) }
  }

  @Test func `an unknown backbone is answered with the names there are`() {
    let names =
      "inceptionv3, inceptionv4, xception, vgg16_bn, resnet18, resnet34, resnet50, resnext50_32x4d, se_resnet50, se_resnext50_32x4d"
    #expect(throws: Failure(.usage, "there is no backbone 'alexnet'", cure: "Use one of: \(names).")) {
      try Backbone.named("alexnet")
    }
  }
}
