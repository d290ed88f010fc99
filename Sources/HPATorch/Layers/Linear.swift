/// torch.nn.Linear: (N, inputs) to (N, outputs).
public struct Linear {
  /// (outputs, inputs).
  public let weight: Tensor
  public let bias: Tensor

  /// Both begin uniform within 1 / sqrt(inputs), as PyTorch's do (He et al. 2015 with a = sqrt(5)).
  public init(_ path: ParameterPath, _ inputs: Int, _ outputs: Int) throws {
    let bound = 1 / Double(inputs).squareRoot()
    weight = try path.uniform("weight", bound: bound, shape: [outputs, inputs])
    bias = try path.uniform("bias", bound: bound, shape: [outputs])
  }

  public func callAsFunction(_ input: Tensor) throws -> Tensor { try input.linear(weight: weight, bias: bias) }
}
