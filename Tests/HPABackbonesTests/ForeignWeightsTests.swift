import Foundation
import HPABackbones
import HPACore
import HPATestSupport
import HPATorch
import Testing

/// Files as other packages write them, against the features that these packages give.
@Suite(.enabled(if: Python.isPresent, "needs scripts/setup test"), .serialized)
struct ForeignWeightsTests {
  /// What scripts/make-foreign-weights.py makes of a group, by backbone.
  static func made(_ group: String, into folder: TemporaryFolder) throws -> [(
    backbone: Backbone, weights: String, expected: SafetensorsFile
  )] {
    try Python.runScript("scripts/make-foreign-weights.py", [String(testSeed() >> 1), group, "--out", folder.path])
    try TorchLibrary.setThreads(1)
    return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.contains(".expected.") }.sorted().map { name in
      let backbone = String(name.prefix { $0 != "." })
      let weights = [".pth", ".safetensors"].map { folder.path(backbone + $0) }.first(where: FileManager.default.fileExists(atPath:))
      return (try Backbone.named(backbone), try #require(weights), try SafetensorsFile(folder.path(name)))
    }
  }

  @Test(arguments: [("torchvision", 4), ("timm", 6), ("pretrainedmodels", 5)])
  func `ImageNet weights of other packages give their features, whatever becomes of the stem`(group: String, count: Int) throws {
    let folder = try TemporaryFolder()
    let made = try ForeignWeightsTests.made(group, into: folder)
    #expect(made.count == count)
    for (backbone, weights, expected) in made {
      let images = try expected.tensor("images").converted(to: .uint8)
      let file = try TensorFiles.open(weights)
      for stem in [StemRule.tile, .copyRedToYellow] {
        let network = try Network(backbone, seed: 1)
        let start = try network.start(from: file, stem: stem)
        #expect(start.hasNewHead && start.stem == stem && start.leftOut.count >= 2)
        for entry in network.store.entries where entry.name.hasPrefix("last_linear.") {
          try entry.tensor.copy(from: expected.tensor(entry.name))
        }
        let features = try Scope.inference { try network(images, .evaluation).features.floats() }
        let error = relativeError(features, try expected.floats(stem.rawValue))
        print("\(group)'s \(backbone.name), \(stem.rawValue): \(error)")
        #expect(error <= ParityTests.tolerance, "\(group)'s \(backbone.name), \(stem.rawValue)")
      }
      // By default the stem stays as the seed made it, and the rest is the file's.
      let (network, fresh) = (try Network(backbone, seed: 5), try Network(backbone, seed: 5))
      #expect(try network.start(from: file).stem == .random)
      for (entry, first) in zip(network.store.entries, fresh.store.entries) where entry.isParameter {
        let isFirst = try entry.tensor.floats() == first.tensor.floats()
        // Weights of 1 and biases of 0 are what untrained norms have, too.
        #expect(isFirst == (entry.name == backbone.stem || entry.name.hasPrefix("last_linear.")), "\(entry.name)")
      }
      // Without the common head it is no network to be used.
      let failure = #expect(throws: Failure.self) {
        try FeatureExtractor(Checkpoint(weights, backbone: backbone.name, size: 91), threads: 1)
      }
      #expect(failure?.kind == .badData)
      #expect(
        failure?.message.contains("last_linear.2.weight") == true
          && failure?.message.contains("1 of another shape: \(backbone.stem)") == true)
    }
  }

  @Test func `published checkpoints give their features, and their scores without the network`() throws {
    let folder = try TemporaryFolder()
    let made = try ForeignWeightsTests.made("published", into: folder)
    #expect(made.map(\.backbone.name) == ["inceptionv3", "inceptionv4", "xception"])
    for (backbone, weights, expected) in made {
      #expect(throws: Failure.self) { try Checkpoint(weights) }
      let checkpoint = try Checkpoint(weights, backbone: backbone.name, size: 91)
      let images = try expected.tensor("images").values(of: Int64.self).map { UInt8($0) }
      let batch = PixelBatch(ids: (0..<6).map { ImageID("image\($0)") }, size: 91, pixels: images)
      let output = try FeatureExtractor(checkpoint, threads: 1).extract(batch)
      let error = relativeError(output.features.values, try expected.floats("features"))
      print("published \(backbone.name): \(error)")
      #expect(error <= ParityTests.tolerance, "\(backbone.name)")
      let scores = try HeadWeights(checkpoint.file).scores(output.features)
      let expectedScores = try expected.floats("logits").map { 1 / (1 + exp(-$0)) }
      #expect(relativeError(scores.values, expectedScores) <= ParityTests.tolerance)
      // To train on from it, nothing begins anew.
      let start = try Network(backbone, seed: 1).start(from: TensorFiles.open(weights))
      #expect(start.stem == nil && !start.hasNewHead)
      #expect(start.leftOut.allSatisfy { $0.hasPrefix("AuxLogits.") } && start.leftOut.isEmpty == (backbone.name != "inceptionv3"))
    }
  }

  @Test func `wrong, missing and extra names are refused with the list, and nothing is changed`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("resnet18.pth")
    let own = try Network(.resNet18, seed: 3)
    try SafetensorsFile.write(own.store.items(), to: folder.path("own.safetensors"))
    try Python.run(
      """
      import sys, torch
      from safetensors.torch import load_file
      state = load_file(sys.argv[1])
      state['bn1.offset'] = state.pop('bn1.bias')
      state['layer1.0.conv9.weight'] = torch.zeros(1)
      state['last_linear.5.bias'] = torch.zeros(27)
      torch.save({'epoch': 1, 'state_dict': {'module.' + name: tensor for name, tensor in state.items()}}, sys.argv[2])
      """, [folder.path("own.safetensors"), path])
    let list =
      "the weights do not fit the network; 1 missing: bn1.bias; 2 not part of the network: bn1.offset, layer1.0.conv9.weight; "
      + "1 of another shape: last_linear.5.bias is [27], not [28]"
    let network = try Network(.resNet18, seed: 4)
    let before = try network.store.entries.map { try $0.tensor.floats() }
    let atStart = #expect(throws: Failure.self) { try network.start(from: TensorFiles.open(path)) }
    #expect(atStart?.kind == .badData && atStart?.place.path == path && atStart?.message == list)
    #expect(try network.store.entries.map { try $0.tensor.floats() } == before)
    let inUse = #expect(throws: Failure.self) { try FeatureExtractor(Checkpoint(path, backbone: "resnet18", size: 64), threads: 1) }
    #expect(inUse?.message == list)
  }

  @Test func `our own checkpoints lose nothing in silence: a classifier in one is refused`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("own.safetensors")
    let network = try Network(.resNet18, seed: 3)
    try SafetensorsFile.write(
      network.store.items() + [.init("fc.weight", shape: [1], .floats([0]))], metadata: ["backbone": "resnet18", "size": "64"], to: path)
    let failure = #expect(throws: Failure.self) { try network.start(from: TensorFiles.open(path)) }
    #expect(failure?.message == "the weights do not fit the network; 1 not part of the network: fc.weight")
    #expect(throws: Failure.self) { try FeatureExtractor(Checkpoint(path), threads: 1) }
    let other = #expect(throws: Failure.self) { try Network(.resNet34, seed: 3).start(from: TensorFiles.open(path)) }
    #expect(other?.message == "the file holds resnet18, not resnet34")
  }

  @Test func `two names that would become one are refused`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("vgg.safetensors")
    try SafetensorsFile.write(
      [.init("_features.0.weight", shape: [1], .floats([0])), .init("features.0.weight", shape: [1], .floats([0]))], to: path)
    let failure = #expect(throws: Failure.self) { try Checkpoint(path, backbone: "vgg16_bn", size: 64) }
    #expect(failure?.message == "'_features.0.weight' and 'features.0.weight' are both called 'features.0.weight' here")
  }

  @Test func `the weight files of the registry are offered by their packages`() throws {
    let listed = Backbone.all.flatMap { backbone in backbone.weightFiles.map { "\(backbone.name) \($0.package.rawValue) \($0.name)" } }
    let unknown = try Python.run(
      """
      import sys
      sys.path.insert(0, sys.argv[1])
      import networks, timm
      for line in sys.argv[2:]:
        backbone, package, name = line.split()
        ours = {'inceptionv3': 'inception_v3'}.get(backbone, backbone)
        if package == 'timm':
          found = name in timm.list_pretrained()
        elif package == 'torchvision':
          found = any(weights.url.endswith('/' + name) for weights in networks.torchvision.models.get_model_weights(ours))
        else:
          found = networks.pretrainedmodels.pretrained_settings[backbone]['imagenet']['url'].endswith('/' + name)
        if not found: print(line)
      """, [Project.root.appending(path: "scripts").path] + listed)
    #expect(listed.count > 25 && unknown.isEmpty, "\(unknown)")
  }
}
