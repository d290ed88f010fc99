import HPACore
import HPADatasets
import HPATestSupport
import Testing

@Suite struct WeightedSamplerTests {
  private let labels: [LabelSet] = [[0], [25], [0, 1], [15], [2, 27], [], [21, 23], [8, 15], [25, 0], [16]]

  @Test func `an image weighs as much as its heaviest class`() {
    let weights = labels.map { ClassWeights.published.weight(of: $0) }
    #expect(weights == [1, 1, 5.97, 19.24, 16.5, 1, 3, 19.24, 1, 8.48])
  }

  // 0.999 quantile of chi-square with 9 degrees of freedom: 27.88.
  @Test(arguments: [ClassWeights.published, .uniform]) func `images come as often as their weights ask`(weights: ClassWeights) throws {
    let sampler = try WeightedSampler(labels: labels, weights: weights, seed: 20181121)
    let draws = 200_000
    var counts = Array(repeating: 0.0, count: labels.count)
    for position in sampler.draw(draws) { counts[position] += 1 }
    let total = labels.reduce(0) { $0 + weights.weight(of: $1) }
    let expected = labels.map { Double(draws) * weights.weight(of: $0) / total }
    let chiSquare = zip(counts, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) / $1.1 }
    #expect(chiSquare < 27.88)
  }

  @Test func `an image of weight 0 never comes`() throws {
    var values = Array(repeating: 0.0, count: 28)
    values[15] = 2
    let sampler = try WeightedSampler(labels: labels, weights: try ClassWeights(values), seed: 1)
    #expect(Set(sampler.draw(1000)) == [3, 7])
  }

  @Test func `an epoch's draws depend on the seed and its number alone`() throws {
    let seed = testSeed()
    let sampler = try WeightedSampler(labels: labels, seed: seed)
    let epochs = (0..<3).map { sampler.draw(50, epoch: $0) }
    #expect(Set(epochs).count == 3)
    #expect(try WeightedSampler(labels: labels, seed: seed).draw(50, epoch: 2) == epochs[2])
    #expect(try WeightedSampler(labels: labels, seed: seed &+ 1).draw(50, epoch: 2) != epochs[2])
  }

  @Test func `balanced weights are inverse frequencies`() throws {
    let table = try LabelTable(ids: ["a", "b", "c", "d"], labels: [[0], [0, 1], [0], [0, 1, 2]])
    let weights = ClassWeights.balanced(for: LabelStatistics(table))
    #expect(Array(weights.values[0...3]) == [1, 2, 4, 4])
  }

  @Test(
    arguments: [[], [1], Array(repeating: 0, count: 28), Array(repeating: -1, count: 28), Array(repeating: .nan, count: 28)] as [[Double]])
  func `weights that cannot be are refused`(values: [Double]) {
    #expect(throws: Failure.self) { try ClassWeights(values) }
  }

  @Test func `nothing to draw from is refused`() {
    #expect(throws: Failure.self) { try WeightedSampler(labels: [], seed: 0) }
  }
}
