import Foundation
import HPACore
import HPATestSupport
import HPATorch
import Testing

struct TensorTests {
  static let operations: [String: @Sendable (Tensor) throws -> Tensor] = [
    "F.max_pool2d(x, 3, 2, ceil_mode=True)": { try $0.maxPooled(kernel: 3, stride: 2, roundsUp: true) },
    "F.max_pool2d(x, 3, 2, 1)": { try $0.maxPooled(kernel: 3, stride: 2, padding: 1) },
    "F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)": { try $0.averagePooled(kernel: 3, stride: 1, padding: 1, countsPadding: false) },
    "F.avg_pool2d(x, 3, 2, 1, ceil_mode=True)": { try $0.averagePooled(kernel: 3, stride: 2, padding: 1, roundsUp: true) },
    "F.adaptive_avg_pool2d(x, 1).flatten(1)": { try $0.globalAveragePooled() },
    "F.adaptive_avg_pool2d(x, (2, 3))": { try $0.adaptiveAveragePooled(to: Extent(2, 3)) },
    "F.normalize(x.flatten(1))": { try $0.flattened().l2Normalized() },
    "F.normalize(x * 0)": { try $0.scaled(by: 0).l2Normalized(dimension: 1) },
    "F.relu(x)": { try $0.relu() },
    "torch.sigmoid(x)": { try $0.sigmoid() },
    "torch.cat([x, x * 2], 1)": { try Tensor.concatenated([$0, $0.scaled(by: 2)], dimension: 1) },
    "x - 0.5 * x * x": { try $0.adding($0.multiplied(by: $0), scaledBy: -0.5) },
    "x / torch.sigmoid(x)": { try $0.divided(by: $0.sigmoid()) },
    "x.flatten(1) @ x.flatten(1).T": { try $0.flattened().matrixProduct($0.flattened().transposed()) },
    "x[[1, 0, 1]]": { try $0.selecting([1, 0, 1]) },
    "x[:, 1:3]": { try $0.narrowed(1..<3, dimension: 1) },
    "(x + 3).mean()": { try $0.adding(Tensor.full(3, shape: [])).mean() },
    // Away from 0: a sum whose terms cancel has the rounding of its terms, and another order of them another one.
    "(x + 3).sum()": { try $0.adding(Tensor.full(3, shape: [])).sum() },
    "x.to(torch.bfloat16).float()": { try $0.converted(to: .bfloat16).converted(to: .float32) },
    "F.conv2d(x, x[:1, :, :1, :7].transpose(0, 1).contiguous(), stride=(2, 1), padding=(0, 3), groups=4)": {
      let weight = try $0.narrowed(0..<1).narrowed(0..<1, dimension: 2).narrowed(0..<7, dimension: 3).transposed(0, 1).contiguous()
      return try $0.convolved(weight: weight, stride: Extent(2, 1), padding: Extent(0, 3), groups: 4)
    },
  ]

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `operations give PyTorch's values in both memory layouts`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("values.safetensors")
    let names = TensorTests.operations.keys.sorted()
    try Python.run(
      """
      import sys, torch, torch.nn.functional as F
      from safetensors.numpy import save_file
      torch.set_num_threads(1); torch.manual_seed(int(sys.argv[2]))
      x = torch.randn(2, 4, 9, 10)
      save_file({'x': x.numpy(), **{name: eval(name).contiguous().numpy() for name in sys.argv[3:]}}, sys.argv[1])
      """, [path, String(testSeed() >> 1)] + names)
    let file = try SafetensorsFile(path)
    let contiguous = try file.tensor("x")
    for (layout, input) in [("contiguous", contiguous), ("channels last", try contiguous.channelsLast())] {
      for name in names {
        let operation = try #require(TensorTests.operations[name])
        let result = try operation(input)
        let expected = try file.floats(name)
        let difference = zip(try result.floats(), expected).map { abs($0 - $1) / max(1, abs($1)) }.max() ?? .nan
        #expect(try result.shape == file.entry(name).shape, "\(name), \(layout)")
        #expect(difference <= 1e-6, "\(name), \(layout)")
      }
    }
  }

  @Test func `values go in and come out, in every type`() throws {
    #expect(try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3]).transposed().floats() == [1, 4, 2, 5, 3, 6])
    #expect(try Tensor([0, 128, 255] as [UInt8], shape: [3]).floats() == [0, 128, 255])
    #expect(try Tensor([1 << 40] as [Int64], shape: [1, 1]).values(of: Int64.self) == [1 << 40])
    #expect(try Tensor([] as [Float], shape: [0, 4]).floats() == [])
    #expect(try Tensor([2.5] as [Double], shape: []).item() == 2.5)
    #expect(try Tensor([1, .infinity] as [Float], shape: [2]).isFinite() == false)
    #expect(try Tensor.zeros([2, 3, 4, 5]).channelsLast().isChannelsLast)
  }

  @Test func `what LibTorch refuses is thrown, and the next call works`() throws {
    let matrix = try Tensor.ones([2, 3])
    let failure = #expect(throws: Failure.self) { try matrix.matrixProduct(matrix) }
    #expect(failure?.kind == .software)
    #expect(failure?.message.contains("2x3") == true)
    #expect(throws: Failure.self) { try Tensor([1, 2] as [Float], shape: [3]) }
    #expect(throws: Failure.self) { try Tensor.concatenated([], dimension: 0) }
    #expect(throws: Failure.self) { try matrix.item() }
    #expect(throws: Failure.self) { try matrix.backward() }
    #expect(throws: Failure.self) { try matrix.reshaped([4]) }
    #expect(
      throws: Failure(
        .unavailable, "cuda:7 is not there: LibTorch sees 0 CUDA devices", cure: "Use --device cpu, or set up a CUDA build of LibTorch.")
    ) {
      try Device(parsing: "cuda:7").requirePresence()
    }
    #expect(try matrix.sum().item() == 6)
  }

  @Test func `want of memory is said to be that`() throws {
    let failure = #expect(throws: Failure.self) { try Tensor.zeros([1 << 31, 1 << 15]) }
    #expect(failure?.kind == .unavailable)
  }

  @Test(arguments: ["gpu", "", "cuda:", "cuda:-1", "cuda:1:2", "cpu:0"])
  func `a device that is not there is refused`(text: String) {
    #expect(throws: Failure.self) { try Device(parsing: text) }
  }

  @Test func `gradients add up until they are cleared, and none are kept inside of a scope without them`() throws {
    let x = try Tensor([1, 2, 3] as [Float], shape: [3])
    try x.requireGradient()
    #expect(try x.gradient == nil)
    for _ in 0..<2 { try x.multiplied(by: x).sum().backward() }
    #expect(try x.gradient?.floats() == [4, 8, 12])
    try Tensor.clearGradients(of: [x])
    #expect(try x.gradient == nil)
    #expect(try Scope.noGradient { try x.relu().requiresGradient } == false)
    #expect(try Scope.inference { try x.relu().requiresGradient } == false)
    #expect(try x.relu().requiresGradient)
    #expect(throws: Failure.self) { try Scope.noGradient { throw Failure(.software, "leaves the scope") } }
    #expect(try x.relu().requiresGradient)
  }

  @Test func `bfloat16 holds inside of its scope only`() throws {
    let x = try Tensor.full(1.0 / 3, shape: [4, 4])
    #expect(try Scope.bfloat16(on: .cpu) { try x.matrixProduct(x).type } == .bfloat16)
    #expect(try x.matrixProduct(x).type == .float32)
  }

  @Test func `random numbers depend on their generator's seed only`() throws {
    let seed = testSeed()
    func draw(_ seed: UInt64) throws -> [Float] {
      let generator = try RandomGenerator(seed: seed)
      let noise = try Tensor.normal(shape: [100], generator: generator)
      _ = try Tensor.uniform(0, 1, shape: [3], generator: RandomGenerator(seed: 0))
      return try noise.adding(Tensor.ones([100]).droppedOut(probability: 0.25, generator: generator)).floats()
    }
    #expect(try draw(seed) == draw(seed))
    #expect(try draw(seed) != draw(seed &+ 1))
  }

  @Test func `dropout zeroes the share it should and keeps the mean`() throws {
    let generator = try RandomGenerator(seed: 3)
    let values = try Tensor.ones([100_000]).droppedOut(probability: 0.2, generator: generator).floats()
    #expect(Set(values) == [0, 1.25])
    #expect(abs(Double(values.filter { $0 == 0 }.count) / 100_000 - 0.2) < 0.01)
    #expect(try Set(Tensor.ones([10]).droppedOut(probability: 1, generator: generator).floats()) == [0])
  }
}
