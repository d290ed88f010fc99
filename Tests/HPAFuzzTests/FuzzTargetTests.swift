import Foundation
import HPACore
import HPAFuzzTargets
import HPATestSupport
import Testing

@Suite struct FuzzTargetTests {
  /// Inputs that once made a reader crash, hang, or give a wrong value: one folder a target (docs/fuzzing.md).
  @Test(arguments: FuzzTarget.all) func `What once broke a reader no longer does`(target: FuzzTarget) throws {
    let folder = try TemporaryFolder()
    for (name, bytes) in try files(in: regressions + "/" + target.name) {
      #expect(throws: Never.self, "\(name)") { try target.check(bytes, in: folder) }
    }
  }

  @Test func `Every folder of regressions belongs to a target`() throws {
    let folders = try FileManager.default.contentsOfDirectory(atPath: regressions)
    #expect(Set(folders).subtracting(FuzzTarget.all.map(\.name)).isEmpty && !folders.isEmpty)
  }

  private var regressions: String { Project.root.appending(path: "Tests/HPAFuzzTests/Regressions").path }
}

/// Seeds and what is made of them, fed without a sanitiser: the short run of fuzzing. `make fuzz` is the long one.
@Suite(.enabled(if: Python.isPresent, "needs scripts/setup test"), .fuzzSeeds) struct FuzzSeedTests {
  @Test(arguments: FuzzTarget.all) func `Seeds, and thousands of changed ones, give a value or a failure that blames them`(
    target: FuzzTarget
  ) throws {
    // The same inputs in every run, unless another seed is asked for: what a fresh one finds belongs to `make fuzz`.
    let seed = ProcessInfo.processInfo.environment["HPA_TEST_SEED"].flatMap(UInt64.init) ?? 2018
    print("\(target.name): HPA_TEST_SEED=\(seed)")
    let seeds = try files(in: #require(FuzzSeeds.folder).path(target.name))
    #expect(seeds.count > 10)
    let folder = try TemporaryFolder()
    for (name, bytes) in seeds { #expect(throws: Never.self, "\(name)") { try target.check(bytes, in: folder) } }
    let inputs = seeds.map(\.bytes)
    var mutator = Mutator(seed: seed, others: inputs)
    for turn in 0..<3000 {
      let input = mutator.mutated(inputs[turn % inputs.count], longest: target.longestInput)
      #expect(throws: Never.self, "mutation \(turn): \(Data(input).base64EncodedString())") { try target.check(input, in: folder) }
    }
  }
}

/// The files of a folder in the order of their names; none where there is no such folder.
private func files(in folder: String) throws -> [(name: String, bytes: [UInt8])] {
  guard FileManager.default.fileExists(atPath: folder) else { return [] }
  return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { ($0, try FileBytes.read(folder + "/" + $0)) }
}

/// The seeds of `scripts/make-fuzz-seeds.py`, made once for a suite.
struct FuzzSeeds: SuiteTrait, TestScoping {
  @TaskLocal static var folder: TemporaryFolder?

  func provideScope(for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void) async throws {
    let folder = try TemporaryFolder()
    try Python.runScript("scripts/make-fuzz-seeds.py", [folder.path])
    try await Self.$folder.withValue(folder) { try await function() }
  }
}

extension Trait where Self == FuzzSeeds {
  static var fuzzSeeds: Self { Self() }
}

extension FuzzTarget: CustomTestStringConvertible {
  public var testDescription: String { name }
}
