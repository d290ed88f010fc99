import HPACore
import HPATestSupport
import HPATorch
import Testing

@testable import HPAStacker

@Suite(.serialized) struct StackerTests {
  /// Features in which each of five classes shifts some columns.
  private func examples(rows: Int, columns: Int, seed: UInt64) -> Stacker.Examples {
    var generator = SeededGenerator(seed: seed)
    let labels = (0..<rows).map { _ in LabelSet((0..<5).filter { _ in generator.uniform() < 0.3 }) }
    let values = labels.flatMap { set in
      (0..<columns).map { column in Float(generator.normal() + (set.contains(column % 7) ? 2 : 0)) }
    }
    return Stacker.Examples(features: Matrix(rows: rows, columns: columns, values: values), labels: labels)
  }

  private var small: StackerConfiguration {
    var configuration = StackerConfiguration()
    (configuration.width, configuration.epochs, configuration.batchSize, configuration.learningRate) = (16, 8, 32, 0.1)
    configuration.seed = 3
    return configuration
  }

  @Test(
    .enabled(if: Python.isPresent, "needs scripts/setup test"), arguments: [(true, true), (true, false), (false, true), (false, false)])
  func `Concatenation equals torch's normalize and cat`(ofBlocks: Bool, ofRows: Bool) throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: testSeed())
    let blocks = (0..<3).map { _ in Matrix<Float>(rows: 9, columns: 4, values: (0..<36).map { $0 < 4 ? 0 : Float(generator.normal()) }) }
    let ours = try StackerInput(joining: blocks).features(rows: Array(0..<9), normalization: .init(ofBlocks: ofBlocks, ofRows: ofRows))
    for (index, block) in blocks.enumerated() { try NumpyFile.write(block, to: folder.path("\(index).npy")) }
    try NumpyFile.write(ours, to: folder.path("ours.npy"))
    try Python.run(
      """
      import numpy as np, sys, torch
      from torch.nn.functional import normalize
      folder, of_blocks, of_rows = sys.argv[1], sys.argv[2] == "true", sys.argv[3] == "true"
      blocks = [torch.from_numpy(np.load(f"{folder}/{i}.npy")) for i in range(3)]
      joined = torch.cat([normalize(b) if of_blocks else b for b in blocks], 1)
      joined = normalize(joined) if of_rows else joined
      np.testing.assert_allclose(np.load(f"{folder}/ours.npy"), joined.numpy(), rtol=1e-6, atol=1e-7)
      """, [folder.path, "\(ofBlocks)", "\(ofRows)"])
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"), arguments: MultilabelLoss.allCases)
  func `A trained stacker scores as the same Sequential in PyTorch, and its kept loss is PyTorch's`(loss: MultilabelLoss) throws {
    let folder = try TemporaryFolder()
    let examples = examples(rows: 200, columns: 21, seed: testSeed())
    var configuration = small
    configuration.loss = loss
    let stacker = try Stacker(StackerLayout(widths: [21]), configuration: configuration)
    let record = try stacker.train(examples, training: Array(0..<150), validation: Array(150..<200))
    try stacker.write(to: folder.path("s.safetensors"), record: record)
    let held = examples.features.selecting(rows: Array(150..<200))
    try NumpyFile.write(held, to: folder.path("x.npy"))
    try NumpyFile.write(try stacker.scores(of: held), to: folder.path("scores.npy"))
    let targets = examples.labels[150...].flatMap { set in (0..<28).map { set.contains($0) ? Float(1) : 0 } }
    try NumpyFile.write(Matrix(rows: 50, columns: 28, values: targets), to: folder.path("y.npy"))
    try Python.run(
      """
      import numpy as np, sys, torch
      from safetensors.numpy import load_file
      from torch import nn
      folder, loss, expected = sys.argv[1], sys.argv[2], float(sys.argv[3])
      net = nn.Sequential(nn.BatchNorm1d(21), nn.Dropout(), nn.Linear(21, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 28)).eval()
      net.load_state_dict({name: torch.from_numpy(value) for name, value in load_file(f"{folder}/s.safetensors").items()})
      with torch.no_grad():
          logits = net(torch.from_numpy(np.load(f"{folder}/x.npy")))
      np.testing.assert_allclose(np.load(f"{folder}/scores.npy"), logits.sigmoid().numpy(), atol=1e-6)
      criterion = nn.MultiLabelSoftMarginLoss() if loss == "mlsm" else nn.BCEWithLogitsLoss()
      found = criterion(logits, torch.from_numpy(np.load(f"{folder}/y.npy"))).item()
      assert abs(found - expected) < 1e-5, (found, expected)
      """, [folder.path, loss.rawValue, "\(record.bestLoss)"])
  }

  @Test(
    .enabled(if: Python.isPresent, "needs scripts/setup test"), arguments: MultilabelLoss.allCases,
    [LearningRateSchedule.step(epochs: 3, gamma: 0.1), .exponential(gamma: 0.8)])
  func `A whole training without dropout has PyTorch's losses, epoch by epoch`(loss: MultilabelLoss, schedule: LearningRateSchedule) throws
  {
    let folder = try TemporaryFolder()
    let seed = testSeed() >> 1
    let examples = examples(rows: 330, columns: 24, seed: seed)
    var configuration = small
    (configuration.dropout, configuration.loss, configuration.schedule, configuration.seed) = (0, loss, schedule, seed)
    let stacker = try Stacker(StackerLayout(widths: [24]), configuration: configuration)
    try stacker.write(to: folder.path("first.safetensors"), record: StackerRecord(trainingLosses: [], validationLosses: [], bestEpoch: 0))
    let record = try stacker.train(examples, training: Array(0..<250), validation: Array(250..<330))
    var generator = Stacker.order(seed: seed)
    let order = (0..<configuration.epochs).map { _ in
      Stacker.batches(of: 250, size: configuration.batchSize, using: &generator).map { $0.map(String.init).joined(separator: " ") }
    }
    try FileBytes.write(order.map { $0.joined(separator: ",") + "\n" }.joined(), to: folder.path("order.txt"))
    try NumpyFile.write(examples.features, to: folder.path("x.npy"))
    let targets = examples.labels.flatMap { set in (0..<28).map { set.contains($0) ? Float(1) : 0 } }
    try NumpyFile.write(Matrix(rows: 330, columns: 28, values: targets), to: folder.path("y.npy"))
    let printed = try Python.run(
      """
      import numpy as np, sys, torch; torch.set_num_threads(1)
      from safetensors.numpy import load_file
      from torch import nn
      folder, loss, schedule = sys.argv[1:4]
      x, y = (torch.from_numpy(np.load(f"{folder}/{name}.npy")) for name in "xy")
      net = nn.Sequential(nn.BatchNorm1d(24), nn.Dropout(0), nn.Linear(24, 16), nn.ReLU(), nn.Dropout(0), nn.Linear(16, 28))
      net.load_state_dict({name: torch.from_numpy(value) for name, value in load_file(f"{folder}/first.safetensors").items()})
      criterion = nn.MultiLabelSoftMarginLoss() if loss == "mlsm" else nn.BCEWithLogitsLoss()
      optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
      scheduler = (torch.optim.lr_scheduler.StepLR(optimiser, 3, 0.1) if schedule == "step" else
                   torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.8))
      for line in open(f"{folder}/order.txt"):
          net.train(); total = count = 0
          for batch in line.strip().split(","):
              rows = torch.tensor(list(map(int, batch.split())))
              optimiser.zero_grad(); value = criterion(net(x[rows]), y[rows]); value.backward(); optimiser.step()
              total, count = total + value.item() * len(rows), count + len(rows)
          scheduler.step(); net.eval()
          with torch.no_grad(): print(total / count, criterion(net(x[250:]), y[250:]).item())
      """, [folder.path, loss.rawValue, schedule == .exponential(gamma: 0.8) ? "exponential" : "step"])
    let theirs = printed.split(separator: "\n").map { $0.split(separator: " ").compactMap { Double($0) } }
    #expect(theirs.count == configuration.epochs && record.trainingLosses.count == configuration.epochs)
    let differences = theirs.enumerated().map { epoch, losses in
      max(abs(losses[0] - record.trainingLosses[epoch]), abs(losses[1] - record.validationLosses[epoch]))
    }
    print("largest difference from PyTorch's losses over \(configuration.epochs) epochs: \(differences.max() ?? .infinity)")
    #expect(differences.allSatisfy { $0 <= 1e-3 }, "\(differences)")
    #expect(record.validationLosses.min() ?? 1 < 0.7 * record.trainingLosses[0])
  }

  @Test func `The loss falls, the same seed repeats exactly, and a file gives the same scores`() throws {
    let folder = try TemporaryFolder()
    let examples = examples(rows: 240, columns: 28, seed: 5)
    let runs = try (0..<2).map { _ in
      let stacker = try Stacker(StackerLayout(widths: [28]), configuration: small)
      return (stacker, try stacker.train(examples, training: Array(0..<200), validation: Array(200..<240)))
    }
    #expect(runs[0].1 == runs[1].1)
    #expect(runs[0].1.bestLoss < 0.5 * runs[0].1.trainingLosses[0])
    try runs[0].0.write(to: folder.path("s.safetensors"), record: runs[0].1)
    #expect(try Stacker(contentsOf: folder.path("s.safetensors")).scores(of: examples.features) == runs[1].0.scores(of: examples.features))
  }

  @Test func `Blocks that a row does not keep are zero, before lengths are taken`() throws {
    let input = try StackerInput(joining: [Matrix(rows: 2, columns: 6, values: [3, 4, 1, 1, 0, 2, 0, 0, 0, 5, 6, 8])], blockWidth: 2)
    #expect(input.widths == [2, 2, 2])
    let half = Float(0.5).squareRoot()
    let kept = input.features(rows: [1, 0], kept: [[1, 2], [0, 2]])
    let expected: [Float] = [0, 0, 0, half, 0.6 * half, 0.8 * half, 0.6 * half, 0.8 * half, 0, 0, 0, half]
    #expect(zip(kept.values, expected).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(throws: Failure.self) { try StackerInput(joining: [Matrix(repeating: 0, rows: 1, columns: 6)], blockWidth: 4) }
    #expect(try StackerInput(joining: [Matrix(repeating: 0, rows: 1, columns: 384)]).widths == [128, 128, 128])
  }

  @Test func `A stacker of several passes scores their mean`() throws {
    let layout = StackerLayout(widths: [3, 3], passes: [[0], [1]])
    let stacker = try Stacker(layout, configuration: small)
    let input = try StackerInput(joining: [examples(rows: 5, columns: 6, seed: 2).features], blockWidth: 3)
    let parts = try [[0], [1]].map { blocks in
      try stacker.scores(of: input.features(rows: Array(0..<5), kept: Array(repeating: blocks, count: 5)))
    }
    let mean = try stacker.scores(of: input)
    for index in mean.values.indices { #expect(abs(mean.values[index] - (parts[0].values[index] + parts[1].values[index]) / 2) < 1e-7) }
    #expect(throws: Failure.self) { try stacker.scores(of: try input.divided(into: [2, 4])) }
  }

  @Test func `Unfit features are refused`() throws {
    let stacker = try Stacker(StackerLayout(widths: [4]), configuration: small)
    var examples = examples(rows: 10, columns: 4, seed: 1)
    #expect(throws: Failure.self) { try stacker.train(examples, training: [0], validation: [1]) }
    #expect(throws: Failure.self) { try stacker.scores(of: Matrix(repeating: 0, rows: 1, columns: 5)) }
    var features = examples.features
    features[3, 1] = .nan
    examples = Stacker.Examples(features: features, labels: examples.labels)
    #expect(#expect(throws: Failure.self) { try stacker.train(examples, training: [0, 1, 2], validation: [3]) }?.place.row == 4)
    #expect(throws: Failure.self) {
      try StackerInput(joining: [Matrix(repeating: 0, rows: 1, columns: 2), Matrix(repeating: 0, rows: 2, columns: 2)])
    }
  }
}

@Suite struct HonestBlocksTests {
  // Two models of two folds; b was held out by both folds of the first model, c by none of the second.
  private let blocks = HonestBlocks(models: [[0, 1], [2, 3]], heldOut: [["a", "b"], ["b", "c"], ["a"], ["b"]])

  @Test func `An image keeps one block a model, by a network that held it out`() {
    #expect(blocks.blocks(of: "a", turn: 7) == [0, 2])
    #expect(blocks.blocks(of: "b", turn: 0) == [0, 3])
    #expect(blocks.blocks(of: "b", turn: 1) == [1, 3])
    #expect(blocks.blocks(of: "c", turn: 0) == nil)
    #expect(blocks.passes == [[0, 2], [1, 3]])
    #expect(HonestBlocks(models: [[0, 1, 2], [3]], heldOut: [[], [], [], []]).passes == [[0, 3], [1, 3], [2, 3]])
  }

  @Test func `A stacker that is judged by blocks it never saw is refused`() throws {
    #expect(throws: Never.self) { try blocks.check(training: [[0, 2], [1, 3]], validation: [[1, 2]]) }
    let same = #expect(throws: Failure.self) { try blocks.check(training: [[0, 2]], validation: [[1, 3]]) }
    #expect(same?.kind == .usage && same?.cure?.contains("--seed") == true)
    #expect(#expect(throws: Failure.self) { try blocks.check(training: [[0, 2]], validation: [[0, 2]]) }?.kind == .badData)
  }
}
