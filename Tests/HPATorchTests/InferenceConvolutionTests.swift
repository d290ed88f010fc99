import HPACore
import HPATestSupport
import Testing

@testable import HPATorch

/// The kernels for inference against PyTorch's convolution.
@Suite(.serialized) struct InferenceConvolutionTests {
  struct Form: Sendable, CustomTestStringConvertible {
    let (inputs, outputs): (Int, Int)
    let kernel: Extent
    var stride: Extent = 1
    var padding: Extent = 0
    let (height, width): (Int, Int)
    var images = 2

    /// Whether Winograd's filters are taken.
    var isFiltered: Bool {
      let taps = [kernel.height, kernel.width].sorted()
      return stride == 1 && inputs % 16 == 0 && [[1, 3], [3, 3], [1, 7]].contains(taps)
    }

    var testDescription: String {
      "\(inputs) to \(outputs), \(kernel.height) x \(kernel.width), stride \(stride.height), padding \(padding.height), \(padding.width), \(images) of \(height) x \(width)"
    }

    init(_ channels: (Int, Int), _ kernel: Extent, stride: Extent = 1, padding: Extent = 0, _ size: (Int, Int), images: Int = 2) {
      ((inputs, outputs), self.kernel, self.stride, self.padding) = (channels, kernel, stride, padding)
      ((height, width), self.images) = (size, images)
    }

    static let all: [Form] = [
      .init((4, 32), 3, stride: 2, (31, 34)), .init((4, 64), 7, stride: 2, padding: 3, (32, 29)),
      .init((6, 5), 1, (3, 5), images: 1), .init((64, 80), 1, (9, 11)), .init((728, 728), 1, stride: 2, (7, 6)),
      .init((1024, 17), 1, (5, 5)), .init((48, 64), 5, padding: 2, (13, 12)), .init((32, 33), 3, stride: 2, padding: 1, (15, 16)),
      .init((7, 20), 3, padding: 1, (9, 8)),
      // By Winograd's filters: both directions, groups of four that are full and not, one line, more lines than a strip.
      .init((32, 64), 3, padding: 1, (12, 16)), .init((80, 48), 3, (13, 15)), .init((16, 40), 3, padding: 1, (1, 1)),
      .init((64, 16), 3, padding: 1, (120, 45), images: 1), .init((16, 1), Extent(1, 3), padding: Extent(0, 1), (5, 14)),
      .init((48, 96), Extent(3, 1), padding: Extent(1, 0), (14, 5)), .init((32, 32), Extent(1, 7), padding: Extent(0, 3), (6, 30)),
      .init((32, 50), Extent(7, 1), padding: Extent(3, 0), (31, 6)), .init((16, 16), Extent(7, 1), padding: Extent(3, 0), (3, 2)),
    ]
  }

  /// Numbers of PyTorch beside ours.
  private struct Case {
    let (input, weight, bias, addend): (Tensor, Tensor, Tensor, Tensor)
    let expected: [Float]

    init(_ form: Form, _ type: DataType, _ generator: RandomGenerator) throws {
      func random(_ shape: [Int], deviation: Double = 1) throws -> Tensor {
        try Tensor.normal(deviation: deviation, shape: shape, generator: generator).converted(to: type).converted(to: .float32)
      }
      let deviation = 1 / Double(form.inputs * form.kernel.height * form.kernel.width).squareRoot()
      let plain = try random([form.images, form.inputs, form.height, form.width])
      weight = try random([form.outputs, form.inputs, form.kernel.height, form.kernel.width], deviation: deviation)
      bias = try random([form.outputs])
      let output = try plain.converted(to: .float64).convolved(
        weight: weight.converted(to: .float64), bias: bias.converted(to: .float64), stride: form.stride, padding: form.padding)
      let other = try random(output.shape)
      expected = try output.adding(other.converted(to: .float64)).relu().converted(to: .float32).floats()
      (input, addend) = (try plain.converted(to: type).channelsLast(), try other.converted(to: type).channelsLast())
    }
  }

  private func generator(_ seed: UInt64) throws -> RandomGenerator { try RandomGenerator(seed: seed) }

  /// Kernels are made for images of 16 x 16, and run on all.
  private func makeKernel(
    _ weight: Tensor, bias: Tensor? = nil, depthwise: Tensor? = nil, rectifiesInput: Bool = false, stride: Extent = 1, padding: Extent = 0,
    _ type: DataType
  ) throws -> InferenceConvolution? {
    try InferenceConvolution(
      weight: weight, bias: bias, depthwise: depthwise, rectifiesInput: rectifiesInput, stride: stride, padding: padding,
      image: Extent(16, 16), type: type)
  }

  @Test(arguments: Form.all, [DataType.float32, .bfloat16])
  func `A convolution with its sum and its rectifier is PyTorch's, whatever the threads`(_ form: Form, _ type: DataType) throws {
    let known = try Case(form, type, generator(testSeed()))
    let kernel = try makeKernel(known.weight, bias: known.bias, stride: form.stride, padding: form.padding, type)
    guard let kernel else { try Test.cancel("this processor has no kernel of ours for it") }
    defer { try? TorchLibrary.setThreads(Parallel.availableThreads) }
    let outputs = try [1, 2, 3].map { threads in
      try TorchLibrary.setThreads(threads)
      return try kernel(known.input, adding: known.addend, isRectified: true, into: nil).converted(to: .float32).floats()
    }
    // bfloat16: the result's own rounding, 2^-8 of each number at most. Winograd's filters have the roundings of what is transformed as well,
    // and their error is twice that of the result's (NumPy: 1.9 times).
    #expect(relativeError(outputs[0], known.expected) < (type == .float32 ? 4e-6 : form.isFiltered ? 12e-3 : 6e-3))
    #expect(outputs[1] == outputs[0] && outputs[2] == outputs[0])
  }

  @Test(arguments: [DataType.float32, .bfloat16]) func `Branches write their channels and nothing else`(_ type: DataType) throws {
    let random = try generator(testSeed())
    let forms = [Form((32, 24), 3, padding: 1, (9, 10)), Form((32, 7), 1, (9, 10))]
    let input = try Tensor.normal(deviation: 1, shape: [2, 32, 9, 10], generator: random).converted(to: type).channelsLast()
    let joint = Joint(channels: 24 + 7 + 32)
    var (apart, joined, first): ([Tensor], Tensor?, Int) = ([], nil, 0)
    for form in forms {
      let weight = try Tensor.normal(
        deviation: 0.1, shape: [form.outputs, form.inputs, form.kernel.height, form.kernel.width], generator: random)
      let kernel = try makeKernel(weight, padding: form.padding, type)
      guard let kernel else { try Test.cancel("this processor has no kernel of ours for it") }
      apart.append(try kernel(input, isRectified: false, into: nil))
      _ = try kernel(input, isRectified: false, into: joint.place(from: first))
      first += form.outputs
    }
    apart.append(try input.pooledForInference(.mean, stride: 1, padding: 1))
    joined = try input.pooledForInference(.mean, stride: 1, padding: 1, into: joint.place(from: first))
    #expect(try joined?.converted(to: .float32).floats() == Tensor.concatenated(apart, dimension: 1).converted(to: .float32).floats())
    #expect(throws: Failure.self) { try input.pooledForInference(.mean, stride: 2, padding: 1, into: joint.place(from: 0)) }
    #expect(throws: Failure.self) { try input.pooledForInference(.mean, stride: 1, padding: 1, into: joint.place(from: 32)) }
  }

  @Test(arguments: [DataType.float32, .bfloat16], [true, false])
  func `A separable convolution is PyTorch's two`(_ type: DataType, _ rectifiesInput: Bool) throws {
    let random = try generator(testSeed())
    for (inputs, outputs, height, width) in [(64, 128, 17, 23), (36, 20, 5, 3), (16, 48, 1, 40)] {
      func normal(_ shape: [Int], _ deviation: Double) throws -> Tensor {
        try Tensor.normal(deviation: deviation, shape: shape, generator: random).converted(to: type).converted(to: .float32)
      }
      let input = try normal([2, inputs, height, width], 1)
      let depthwise = try normal([inputs, 1, 3, 3], 0.3)
      let weight = try normal([outputs, inputs, 1, 1], 1 / Double(inputs).squareRoot())
      let kernel = try makeKernel(weight, depthwise: depthwise, rectifiesInput: rectifiesInput, type)
      guard let kernel else { try Test.cancel("this processor has no kernel of ours for it") }
      let filtered = try (rectifiesInput ? input.relu() : input).convolved(weight: depthwise, padding: 1, groups: inputs)
      let expected = try filtered.converted(to: type).converted(to: .float32).convolved(weight: weight).floats()
      let output = try kernel(input.converted(to: type).channelsLast(), isRectified: false, into: nil)
      #expect(relativeError(try output.converted(to: .float32).floats(), expected) < (type == .float32 ? 4e-6 : 1e-2))
    }
  }

  @Test func `What a weight loses by rounding is added to the next of its output`() throws {
    let count = 3 * 5 * 5
    let exact = try Tensor.normal(deviation: 1, shape: [7, 3, 5, 5], generator: generator(testSeed()))
    let (wanted, rounded) = (try exact.floats(), try exact.weightsInBFloat16().converted(to: .float32).floats())
    #expect(try rounded == exact.weightsInBFloat16().converted(to: .float32).converted(to: .bfloat16).converted(to: .float32).floats())
    for output in 0..<7 {
      var (sum, sumOfRounded) = (0.0, 0.0)
      for index in output * count..<(output + 1) * count {
        sum += Double(wanted[index])
        sumOfRounded += Double(rounded[index])
        // Half a step of the last one: bfloat16 has eight bits.
        #expect(abs(sum - sumOfRounded) <= Double(abs(rounded[index]).binade) / 256 + 1e-12)
      }
    }
  }

  @Test(arguments: [Extent(1, 1), Extent(3, 3)]) func `A number that is none stays one`(_ kernel: Extent) throws {
    let input = try Tensor([Float](repeating: .nan, count: 16 * 36), shape: [1, 16, 6, 6]).channelsLast()
    let weight = try Tensor.full(1, shape: [16, 16, kernel.height, kernel.width])
    let made = try makeKernel(weight, .float32)
    guard let made else { try Test.cancel("this processor has no kernel of ours for it") }
    #expect(try made(input, isRectified: true, into: nil).floats().allSatisfy(\.isNaN))
  }

  @Test func `Images of other channels, types and sizes are refused`() throws {
    let weight = try Tensor.full(1, shape: [16, 16, 3, 3])
    let made = try makeKernel(weight, .float32)
    guard let made else { try Test.cancel("this processor has no kernel of ours for it") }
    for (shape, type) in [([1, 8, 6, 6], DataType.float32), ([1, 16, 6, 6], .bfloat16), ([1, 16, 2, 6], .float32)] {
      let input = try Tensor.full(1, shape: shape, type: type)
      #expect(throws: Failure.self) { try made(input, isRectified: false, into: nil) }
    }
    let (input, other) = (try Tensor.full(1, shape: [1, 16, 6, 6]), try Tensor.full(1, shape: [1, 16, 6, 6]))
    #expect(throws: Failure.self) { try made(input, adding: other, isRectified: false, into: nil) }
  }
}
