import HPABackbones
import HPACore
import HPATestSupport
import HPATorch
import Testing

@Suite(.enabled(if: Python.isPresent, "needs scripts/setup test"), .serialized)
struct ParityTests {
  static let tolerance: Float = 1e-4

  @Test(arguments: Backbone.all.map(\.name))
  func `features and logits are those of PyTorch, in evaluation and in training`(name: String) throws {
    let backbone = try Backbone.named(name)
    let goldens = try Goldens(backbone)
    let network = try goldens.network(backbone)
    let images = try goldens.images()
    try Scope.noGradient {
      for (mode, prefix) in [(ForwardMode.evaluation, ""), (.training(dropout: nil), "train_")] {
        let output = try network(images, mode)
        let errors = (
          features: relativeError(try output.features.floats(), try goldens.expected.floats(prefix + "features")),
          logits: relativeError(try output.logits.floats(), try goldens.expected.floats(prefix + "logits"))
        )
        print("parity of \(name), seed \(Goldens.seed), \(prefix.isEmpty ? "evaluation" : "training"): \(errors)")
        #expect(errors.features <= ParityTests.tolerance && errors.logits <= ParityTests.tolerance)
      }
    }
    for entry in network.store.entries where !entry.isParameter {
      let error = relativeError(try entry.tensor.floats(), try goldens.expected.floats(entry.name))
      #expect(error <= ParityTests.tolerance, "\(entry.name) after a step in training")
    }
  }

  @Test(arguments: Backbone.all.map(\.name))
  func `the parameters are as many as PyTorch's, and as many as the registry says`(name: String) throws {
    let backbone = try Backbone.named(name)
    let counted = try Network(backbone, seed: 0).store.parameterCount()
    #expect(try Goldens(backbone).weights.metadata["parameters"] == String(counted))
    #expect(backbone.parameterCount == counted)
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
    #expect(throws: Failure(.usage, "there is no backbone 'alexnet'", cure: "Use one of: inceptionv3, inceptionv4, xception.")) {
      try Backbone.named("alexnet")
    }
  }
}
