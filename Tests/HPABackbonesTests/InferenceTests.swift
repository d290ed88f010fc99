import HPABackbones
import HPACore
import HPATestSupport
import HPATorch
import Testing

/// Inference by folded and fused convolutions against the plain network, which `ParityTests` hold against PyTorch.
@Suite(.serialized) struct InferenceTests {
  @Test(arguments: Backbone.all.map(\.name))
  func `Folded networks give the features of the plain ones, in float32 to 1e-5 and in bfloat16 with cosines from 0.999`(_ name: String)
    throws
  {
    let backbone = try Backbone.named(name)
    let goldens = try Goldens(backbone)
    let (network, images) = (try goldens.network(backbone), try goldens.images())
    let plain = try Scope.inference { try network(images, .evaluation).features.floats() }
    let folded = try features(network, images, .float32)
    #expect(relativeError(folded, plain) < 1e-5)
    let rounded = try features(network, images, .bfloat16)
    for (row, cosine) in Self.cosines(rounded, plain).enumerated() { #expect(cosine >= 0.999, "image \(row)") }
    print("\(name): fp32 \(relativeError(folded, plain)), bf16 cosines from \(Self.cosines(rounded, plain).min() ?? 0)")
  }

  /// Twice: the second time by what the first has prepared, and a smaller batch after that.
  private func features(_ network: Network, _ images: Tensor, _ precision: Precision) throws -> [Float] {
    let mode = Network.inference(precision)
    return try Scope.inference {
      let first = try network(images, mode).features.floats()
      let second = try network(images, mode).features.floats()
      #expect(first == second)
      let one = try network(images.narrowed(0..<1).contiguous(), mode).features.floats()
      #expect(relativeError(one, Array(first[..<Network.featureCount])) < (precision == .float32 ? 1e-5 : 2e-2))
      return second
    }
  }

  private static func cosines(_ left: [Float], _ right: [Float]) -> [Double] {
    stride(from: 0, to: left.count, by: Network.featureCount).map { start in
      let (a, b) = (left[start..<start + Network.featureCount], right[start..<start + Network.featureCount])
      let dot = { (x: ArraySlice<Float>, y: ArraySlice<Float>) in zip(x, y).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } }
      return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
    }
  }
}
