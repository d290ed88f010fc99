import HPACore
import HPATestSupport
import HPATorch
import Testing

/// Convolutions that are trained, by kernels of our own where they are faster, beside PyTorch's in float64.
@Suite struct ConvolutionGradientTests {
  @Test(arguments: [
    (kernel: Extent(3, 3), padding: Extent(1, 1), inputs: 32, outputs: 48), (Extent(3, 3), Extent(0, 0), 16, 20),
    (Extent(1, 7), Extent(0, 3), 16, 32), (Extent(7, 1), Extent(3, 0), 48, 16), (Extent(3, 1), Extent(1, 0), 16, 16),
    (Extent(1, 3), Extent(0, 0), 32, 8), (Extent(1, 1), Extent(0, 0), 8, 4), (Extent(3, 3), Extent(1, 1), 4, 32),
    (Extent(3, 3), Extent(1, 1), 16, 9),
  ])
  func `Outputs and gradients are PyTorch's`(_ form: (kernel: Extent, padding: Extent, inputs: Int, outputs: Int)) throws {
    let random = try RandomGenerator(seed: testSeed())
    let given = try Tensor.normal(shape: [3, form.inputs, 11, 14], generator: random)
    let weight = try Tensor.normal(
      deviation: 0.2, shape: [form.outputs, form.inputs, form.kernel.height, form.kernel.width], generator: random)
    let size = (12 - form.kernel.height + 2 * form.padding.height, 15 - form.kernel.width + 2 * form.padding.width)
    let slopes = try Tensor.normal(shape: [3, form.outputs, size.0, size.1], generator: random)
    func found(_ type: DataType, isChannelsLast: Bool) throws -> [[Float]] {
      let copies = try [given, weight].map { try $0.converted(to: .float64).converted(to: type) }
      let (input, filter) = (isChannelsLast ? try copies[0].channelsLast() : copies[0], copies[1])
      for tensor in [input, filter] { try tensor.requireGradient() }
      let output = try input.convolved(weight: filter, padding: form.padding)
      try output.multiplied(by: slopes.converted(to: type)).sum().backward()
      let (ofInput, ofFilter) = (try #require(try input.gradient), try #require(try filter.gradient))
      return try [output, ofInput, ofFilter].map { try $0.converted(to: .float32).floats() }
    }
    let expected = try found(.float64, isChannelsLast: false)
    for isChannelsLast in [false, true] {
      for (values, wanted) in zip(try found(.float32, isChannelsLast: isChannelsLast), expected) {
        #expect(relativeError(values, wanted) < 4e-6, "channels last: \(isChannelsLast)")
      }
    }
  }
}
