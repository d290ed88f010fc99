import HPACore
import HPATestSupport
import HPATorch
import Testing

struct ParameterStoreTests {
  static func network(seed: UInt64 = 1) throws -> ParameterStore {
    let store = try ParameterStore(seed: seed)
    _ = try Linear(store.root / "head" / 2, 3, 2)
    _ = try BatchNorm(store.root / "norm", 3)
    return store
  }

  @Test func `names are PyTorch's, in the order of the layers`() throws {
    let store = try ParameterStoreTests.network()
    #expect(
      store.entries.map(\.name) == [
        "head.2.weight", "head.2.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked",
      ])
    #expect(try store.parameterCount() == 3 * 2 + 2 + 3 + 3)
  }

  @Test func `what is saved is loaded, and the same seed gives the same values`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("a.safetensors")
    let first = try ParameterStoreTests.network(seed: 1)
    try SafetensorsFile.write(first.items(), to: path)
    let second = try ParameterStoreTests.network(seed: 2)
    let before = try second.entries[0].tensor.floats()
    try second.load(SafetensorsFile(path))
    #expect(try second.entries[0].tensor.floats() == first.entries[0].tensor.floats())
    #expect(try second.entries[0].tensor.floats() == ParameterStoreTests.network(seed: 1).entries[0].tensor.floats())
    #expect(try second.entries[0].tensor.floats() != before)
    #expect(try second.entries[0].tensor.requiresGradient)
  }

  @Test func `weights that do not fit are refused by name, and nothing is changed`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("a.safetensors")
    let store = try ParameterStoreTests.network()
    var items = try store.items().filter { $0.name != "norm.bias" && $0.name != "norm.num_batches_tracked" }
    items[0] = .init("head.2.weight", shape: [3, 2], .floats([Float](repeating: 0, count: 6)))
    items.append(.init("fc.weight", shape: [1], .floats([0])))
    try SafetensorsFile.write(items, to: path)
    let before = try store.entries.map { try $0.tensor.floats() }
    let failure = #expect(throws: Failure.self) { try store.load(SafetensorsFile(path)) }
    #expect(failure?.kind == .badData)
    #expect(
      failure?.message
        == "the weights do not fit the network; 1 missing: norm.bias; 1 not part of the network: fc.weight; "
        + "1 of another shape: head.2.weight is [3, 2], not [2, 3]")
    #expect(try store.entries.map { try $0.tensor.floats() } == before)
  }

  @Test func `two layers cannot have one name`() throws {
    let store = try ParameterStoreTests.network()
    #expect(throws: Failure.self) { try Linear(store.root / "head" / 2, 1, 1) }
  }
}
