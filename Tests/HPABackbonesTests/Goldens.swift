import Foundation
import HPABackbones
import HPACore
import HPATestSupport
import HPATorch

/// Reference values of one backbone, as scripts/make-goldens.py writes them.
struct Goldens {
  let weightsPath: String
  let weights: SafetensorsFile
  let expected: SafetensorsFile

  /// `HPA_PARITY_SEED` where it is set (make parity SEED=n), else 1.
  static let seed = ProcessInfo.processInfo.environment["HPA_PARITY_SEED"].flatMap(Int.init) ?? 1

  /// Takes what is in `.goldens/`, or makes it.
  init(_ backbone: Backbone) throws {
    let folder = Project.root.appending(path: ".goldens/\(Goldens.seed)").path
    weightsPath = "\(folder)/\(backbone.name).weights.safetensors"
    let expectedPath = "\(folder)/\(backbone.name).expected.safetensors"
    if !FileManager.default.fileExists(atPath: expectedPath) {
      try Python.runScript("scripts/make-goldens.py", [String(Goldens.seed), "--out", folder, "--only", backbone.name])
    }
    weights = try SafetensorsFile(weightsPath)
    expected = try SafetensorsFile(expectedPath)
  }

  /// With the weights loaded.
  func network(_ backbone: Backbone) throws -> Network {
    // Suites run side by side: threads of their own would only get in each other's way.
    try TorchLibrary.setThreads(1)
    let network = try Network(backbone, seed: 0)
    try network.store.load(weights)
    return network
  }

  /// (6, 4, H, W), uint8.
  func images() throws -> Tensor { try expected.tensor("images").converted(to: .uint8) }
}

/// The largest difference, as a share of the largest expected value.
func relativeError(_ values: [Float], _ expected: [Float]) -> Float {
  guard values.count == expected.count else { return .infinity }
  let largest = expected.map(abs).max() ?? 0
  return (zip(values, expected).map { abs($0 - $1) }.max() ?? .infinity) / largest
}
