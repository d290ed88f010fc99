import Foundation
import HPACore
import HPATestSupport
import HPATorch
import Testing

/// Batch norm with its rectifier, which is a kernel of our own for images on a CPU, beside PyTorch's.
@Suite(.enabled(if: Python.isPresent, "needs scripts/setup test"))
struct BatchNormTests {
  /// The normalised images are the second of two parts side by side, so their gradient is a part of a larger tensor.
  static let reference = """
    import json, sys, torch
    from safetensors.numpy import save_file
    path, seed, shape, type_name, is_rectified = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4], sys.argv[5] == "true"
    torch.set_num_threads(1); torch.manual_seed(seed)
    channels = shape[1]
    x = (torch.randn(shape) * torch.rand(1, channels, 1, 1) + 4 * torch.randn(1, channels, 1, 1)).to(getattr(torch, type_name)).float()
    norm = torch.nn.BatchNorm2d(channels, eps=1e-3, dtype=torch.float64)
    torch.nn.init.uniform_(norm.weight, -1, 1); torch.nn.init.normal_(norm.bias)
    slopes = torch.randn(shape[0], 2 * channels, *shape[2:]).to(getattr(torch, type_name)).float()
    for parameter in (norm.weight, norm.bias):
        parameter.data = parameter.data.float().double()
    given = dict(x=x.clone(), weight=norm.weight.detach().clone(), bias=norm.bias.detach().clone(), slopes=slopes)
    x = x.double().requires_grad_()
    y = norm(x)
    slopes[:, channels:][y.detach().abs() < 1e-4] = 0  # rounding may take these across the rectifier's edge
    y = torch.relu(y) if is_rectified else y
    (torch.cat([y.detach(), y], 1) * slopes.double()).sum().backward()
    found = dict(output=y, mean=norm.running_mean, variance=norm.running_var, dx=x.grad, dweight=norm.weight.grad, dbias=norm.bias.grad)
    save_file({name: tensor.detach().float().contiguous().numpy() for name, tensor in (given | found).items()}, path)
    """

  @Test(
    arguments: [[4, 20, 5, 7], [2, 100, 9, 8], [3, 1, 4, 4], [40, 16, 1, 1], [5, 3, 6, 1]],
    [(type: DataType.float32, name: "float32", tolerance: 2e-5), (.bfloat16, "bfloat16", 3e-2)])
  func `images and gradients are PyTorch's`(shape: [Int], kind: (type: DataType, name: String, tolerance: Double)) throws {
    for isRectified in [false, true] {
      let folder = try TemporaryFolder()
      let path = folder.path("batch_norm.safetensors")
      try Python.run(BatchNormTests.reference, [path, String(testSeed() >> 1), "\(shape)", kind.name, "\(isRectified)"])
      let file = try SafetensorsFile(path)
      for isChannelsLast in [false, true] {
        let x = try file.tensor("x").converted(to: kind.type)
        let input = isChannelsLast ? try x.channelsLast() : x
        let (weight, bias) = (try file.tensor("weight"), try file.tensor("bias"))
        for tensor in [input, weight, bias] { try tensor.requireGradient() }
        let (mean, variance) = (try Tensor.zeros([shape[1]]), try Tensor.ones([shape[1]]))
        let output = try input.batchNormalized(
          weight: weight, bias: bias, runningMean: mean, runningVariance: variance, isTraining: true, isRectified: isRectified,
          momentum: 0.1, epsilon: 1e-3)
        try Tensor.concatenated([output.detached(), output], dimension: 1).multiplied(by: file.tensor("slopes").converted(to: kind.type))
          .converted(to: .float32).sum().backward()
        let found = [
          "output": output, "mean": mean, "variance": variance, "dx": try #require(try input.gradient),
          "dweight": try #require(try weight.gradient), "dbias": try #require(try bias.gradient),
        ]
        for (name, tensor) in found {
          let expected = try file.floats(name)
          // bfloat16 rounds each gradient of an image; against the largest of them that is the same for all sizes.
          let scale = max(1, Double(expected.map(abs).max() ?? 1))
          let difference = zip(try tensor.floats(), expected).map { Double(abs($0 - $1)) / scale }.max() ?? .nan
          #expect(difference <= kind.tolerance, "\(name), rectified: \(isRectified), channels last: \(isChannelsLast)")
        }
        #expect(try output.type == kind.type)
      }
    }
  }
}
