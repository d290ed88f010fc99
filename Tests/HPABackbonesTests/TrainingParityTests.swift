import Foundation
import HPACore
import HPATestSupport
import HPATorch
import Testing

@testable import HPABackbones

/// The Trainer's own steps beside PyTorch's on a network of the pretrainedmodels package.
@Suite(.enabled(if: Python.isPresent, "needs scripts/setup test"), .serialized)
struct TrainingParityTests {
  static let tolerance = 1e-3

  /// Twenty steps from the goldens' weights: batch k is made of all images but the one numbered k modulo their count.
  static let reference = """
    import json, sys
    sys.path.insert(0, sys.argv[1])
    import networks, torch
    from safetensors.torch import load_file
    name, weights, expected, labels = sys.argv[2:6]
    network = networks.build(name)
    network.load_state_dict(load_file(weights))
    networks.train_without_dropout(network)
    images = load_file(expected)["images"].float()
    targets = torch.zeros(len(images), networks.CLASSES)
    for row, ids in enumerate(json.loads(labels)): targets[row, ids] = 1
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, 6, 0.1)
    loss_function = torch.nn.MultiLabelSoftMarginLoss()
    losses = []
    for step in range(20):
        rows = [row for row in range(len(images)) if row != step % len(images)]
        optimiser.zero_grad()
        loss = loss_function(networks.forward(network, images[rows])[1], targets[rows])
        loss.backward(); optimiser.step(); scheduler.step()
        losses.append(loss.item())
    network.eval()
    with torch.no_grad(): losses.append(loss_function(networks.forward(network, images)[1], targets).item())
    print(json.dumps(losses))
    """

  @Test(arguments: ["inceptionv3"])
  func `twenty steps of SGD and StepLR have PyTorch's losses`(name: String) throws {
    let backbone = try Backbone.named(name)
    let goldens = try Goldens(backbone)
    let images = try goldens.expected.entry("images")
    let (count, side) = (images.shape[0], images.shape[3])
    let pixels = Array(try goldens.expected.bytes("images"))
    var random = SeededGenerator(seed: testSeed())
    let labels = (0..<count).map { _ in LabelSet((0..<3).map { _ in random.index(below: ProteinLocation.count) }) }
    let printed = try Python.run(
      TrainingParityTests.reference,
      [
        Project.root.appending(path: "scripts").path, name, goldens.weightsPath, goldens.expected.path,
        "\(labels.map(\.ids))",
      ])
    let expected = try JSONDecoder().decode([Double].self, from: Data(printed.utf8))
    #expect(expected.count == 21)

    var configuration = TrainingConfiguration(backbone: name, size: side, seed: 0, threads: 1)
    (configuration.dropout, configuration.learningRate) = (0, 0.01)
    let trainer = try Trainer(configuration, initialWeights: goldens.weights, programVersion: "test")
    let batch = { (rows: [Int]) in
      PixelBatch(
        ids: rows.map { ImageID("image\($0)") }, size: side,
        pixels: rows.flatMap { pixels[$0 * 4 * side * side..<($0 + 1) * 4 * side * side] }, labels: rows.map { labels[$0] })
    }
    var largest = 0.0
    for step in 0..<20 {
      try trainer.begin(epoch: step)
      let loss = try trainer.step(batch((0..<count).filter { $0 != step % count }))
      largest = max(largest, abs(loss - expected[step]))
      #expect(abs(loss - expected[step]) <= TrainingParityTests.tolerance, "step \(step): \(loss), PyTorch \(expected[step])")
    }
    // The running statistics moved along.
    let loss = try Scope.inference {
      let logits = try trainer.network(goldens.images(), .evaluation).logits
      let targets = labels.flatMap { set in (0..<ProteinLocation.count).map { set.contains($0) ? Float(1) : 0 } }
      return try logits.multilabelSoftMarginLoss(targets: Tensor(targets, shape: [count, ProteinLocation.count])).item()
    }
    #expect(abs(loss - expected[20]) <= TrainingParityTests.tolerance, "evaluation: \(loss), PyTorch \(expected[20])")
    print(
      "twenty steps of \(name), goldens of seed \(Goldens.seed): losses \(expected[0]) to \(expected[19]), largest difference \(largest)")
  }
}
