import Foundation
import HPACore
import HPAIndex
import HPATestSupport
import Testing

@Suite struct SearchCommandTests {
  private struct Summary: Decodable {
    let kernel: String
    let candidates: Int
    let rescored: Int
    let search_seconds: Double
  }

  @Test(arguments: ["--top 30", "--k 4"]) func `every kernel writes the same bytes and says what it did`(amount: String) throws {
    var fixture = try Fixture(seed: testSeed())
    try fixture.matrix("g.npy", rows: 5_000, columns: 30)
    try fixture.matrix("q.npy", rows: 300, columns: 30)
    func search(_ kernel: SearchKernel) throws -> (summary: Summary, bytes: [UInt8]) {
      let line = "search --queries q.npy --gallery g.npy \(amount) --json --out \(kernel).csv"
      let result = try Program.run(
        line.split(separator: " ").map(String.init), in: fixture.folder.path, environment: ["HPA_SEARCH_KERNEL": kernel.rawValue])
      #expect(result.status == 0, "\(result.standardError)")
      let last = try #require(result.standardOutput.split(separator: "\n").last)
      return (
        try JSONDecoder().decode(Summary.self, from: Data(last.utf8)), try FileBytes.read(fixture.path("\(kernel).csv"))
      )
    }
    let reference = try search(.plain)
    for kernel in SearchKernel.allCases where kernel.isSupported {
      let found = try search(kernel)
      #expect(found.bytes == reference.bytes, "\(kernel)")
      #expect(found.summary.kernel == kernel.rawValue && found.summary.rescored <= found.summary.candidates)
    }
  }

  @Test func `a kernel that does not exist is refused with the names of those that do`() throws {
    var fixture = try Fixture(seed: testSeed())
    try fixture.matrix("g.npy", rows: 5, columns: 3)
    let result = try Program.run(
      ["search", "--queries", "g.npy", "--gallery", "g.npy", "--k", "1", "--out", "m.csv"], in: fixture.folder.path,
      environment: ["HPA_SEARCH_KERNEL": "sse9"])
    #expect(result.status == 64 && result.standardError.contains("avx512, avx2, plain"), "\(result.standardError)")
    #expect(!FileManager.default.fileExists(atPath: fixture.path("m.csv")))
  }
}
