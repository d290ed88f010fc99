/// torch.nn.Conv2d with zero padding.
public struct Convolution {
  public let weight: Tensor
  public let bias: Tensor?
  public let stride: Extent
  public let padding: Extent
  public let groups: Int

  public init(
    _ path: ParameterPath, _ inputs: Int, _ outputs: Int, kernel: Extent, stride: Extent = 1, padding: Extent = 0, groups: Int = 1,
    hasBias: Bool = false
  ) throws {
    let bound = 1 / Double(inputs / groups * kernel.height * kernel.width).squareRoot()
    weight = try path.uniform("weight", bound: bound, shape: [outputs, inputs / groups, kernel.height, kernel.width])
    bias = hasBias ? try path.uniform("bias", bound: bound, shape: [outputs]) : nil
    self.stride = stride
    self.padding = padding
    self.groups = groups
  }

  public func callAsFunction(_ input: Tensor) throws -> Tensor {
    try input.convolved(weight: weight, bias: bias, stride: stride, padding: padding, groups: groups)
  }
}
