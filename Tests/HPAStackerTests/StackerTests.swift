import HPACore
import HPAStacker
import HPATestSupport
import HPATorch
import Testing

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
    let ours = try StackerInput.concatenate(blocks, normalization: .init(ofBlocks: ofBlocks, ofRows: ofRows))
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
  func `A trained stacker scores as the same Sequential in PyTorch, and its kept loss is PyTorch's`(loss: MultilabelLoss) throws
  {
    let folder = try TemporaryFolder()
    let examples = examples(rows: 200, columns: 21, seed: testSeed())
    var configuration = small
    configuration.loss = loss
    let stacker = try Stacker(columns: 21, configuration: configuration)
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

  @Test func `The loss falls, the same seed repeats exactly, and a file gives the same scores`() throws {
    let folder = try TemporaryFolder()
    let examples = examples(rows: 240, columns: 28, seed: 5)
    let runs = try (0..<2).map { _ in
      let stacker = try Stacker(columns: 28, configuration: small)
      return (stacker, try stacker.train(examples, training: Array(0..<200), validation: Array(200..<240)))
    }
    #expect(runs[0].1 == runs[1].1)
    #expect(runs[0].1.bestLoss < 0.5 * runs[0].1.trainingLosses[0])
    try runs[0].0.write(to: folder.path("s.safetensors"), record: runs[0].1)
    #expect(try Stacker(contentsOf: folder.path("s.safetensors")).scores(of: examples.features) == runs[1].0.scores(of: examples.features))
  }

  @Test func `Unfit features are refused`() throws {
    let stacker = try Stacker(columns: 4, configuration: small)
    var examples = examples(rows: 10, columns: 4, seed: 1)
    #expect(throws: Failure.self) { try stacker.train(examples, training: [0], validation: [1]) }
    #expect(throws: Failure.self) { try stacker.scores(of: Matrix(repeating: 0, rows: 1, columns: 5)) }
    var features = examples.features
    features[3, 1] = .nan
    examples = Stacker.Examples(features: features, labels: examples.labels)
    #expect(#expect(throws: Failure.self) { try stacker.train(examples, training: [0, 1, 2], validation: [3]) }?.place.row == 4)
    #expect(throws: Failure.self) {
      try StackerInput.concatenate([Matrix(repeating: 0, rows: 1, columns: 2), Matrix(repeating: 0, rows: 2, columns: 2)])
    }
  }
}
