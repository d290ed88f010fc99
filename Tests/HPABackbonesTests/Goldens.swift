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

  /// Takes what is in `.goldens/` and not older than the scripts that make it, or makes it.
  init(_ backbone: Backbone) throws {
    let folder = Project.root.appending(path: ".goldens/\(Goldens.seed)").path
    weightsPath = "\(folder)/\(backbone.name).weights.safetensors"
    let expectedPath = "\(folder)/\(backbone.name).expected.safetensors"
    if try !Goldens.isCurrent(expectedPath) {
      try Python.runScript("scripts/make-goldens.py", [String(Goldens.seed), "--out", folder, "--only", backbone.name])
    }
    weights = try SafetensorsFile(weightsPath)
    expected = try SafetensorsFile(expectedPath)
  }

  private static func isCurrent(_ path: String) throws -> Bool {
    guard FileManager.default.fileExists(atPath: path) else { return false }
    func changed(_ path: String) throws -> Date {
      try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date ?? .distantFuture
    }
    let made = try changed(path)
    return try ["make-goldens.py", "networks.py"].allSatisfy { try changed(Project.root.appending(path: "scripts/\($0)").path) < made }
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
