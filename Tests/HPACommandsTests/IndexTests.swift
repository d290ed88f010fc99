import Foundation
import HPACore
import HPATestSupport
import Testing

@Suite struct IndexTests {
  private static func fixture() throws -> Fixture {
    var fixture = try Fixture(seed: testSeed())
    try fixture.matrix("g.npy", rows: 400, columns: 16)
    try fixture.matrix("other.npy", rows: 400, columns: 16)
    try fixture.matrix("q.npy", rows: 20, columns: 16)
    try fixture.text("graph.yaml", "factory: HNSW16\nparameters: efSearch=400\nminimum: {recall: 0.9}\n")
    try fixture.text("coarse.yaml", "factory: IVF16,Flat\nparameters: nprobe=1\nminimum: {recall: 0.999}\n")
    return fixture
  }

  private static func run(_ line: String, in fixture: Fixture) throws -> Subprocess.Result {
    try Program.run(line.split(separator: " ").map(String.init), in: fixture.folder.path)
  }

  @Test func `An index that finds enough is built, searched, and refused for another gallery`() throws {
    let fixture = try Self.fixture()
    let built = try Self.run("index build --gallery g.npy --recipe graph.yaml --recall-queries 400 --out g.faiss --json", in: fixture)
    #expect(built.status == 0, "\(built.standardError)")
    #expect(try Self.run("index show --index g.faiss", in: fixture).standardOutput.contains("HNSW16"))

    let searched = try Self.run("search --queries q.npy --gallery g.npy --index g.faiss --k 5 --out a.csv", in: fixture)
    #expect(searched.status == 0 && searched.standardOutput.contains("approximate"), "\(searched.standardError)")
    #expect(try Self.run("search --queries q.npy --gallery g.npy --k 5 --out b.csv", in: fixture).status == 0)
    // With efSearch as large as the gallery, nothing is missed.
    #expect(try FileBytes.read(fixture.path("a.csv")) == FileBytes.read(fixture.path("b.csv")))

    let refused = try Self.run("search --queries q.npy --gallery other.npy --index g.faiss --k 5 --out c.csv", in: fixture)
    #expect(refused.status == 65 && refused.standardError.contains("built for other rows"), "\(refused.standardError)")
    try fixture.text("g.faiss", "not an index")
    let damaged = try Self.run("search --queries q.npy --gallery g.npy --index g.faiss --k 5 --out c.csv", in: fixture)
    #expect(damaged.status == 65 && damaged.standardError.contains("not the file that its record describes"), "\(damaged.standardError)")
    #expect(!FileManager.default.fileExists(atPath: fixture.path("c.csv")))
  }

  @Test func `An index below its recipe's minimum is not written`() throws {
    let fixture = try Self.fixture()
    let result = try Self.run("index build --gallery g.npy --recipe coarse.yaml --out g.faiss", in: fixture)
    #expect(result.status == 65 && result.standardError.contains("below its minimum of 0.999"), "\(result.standardError)")
    #expect(
      !FileManager.default.fileExists(atPath: fixture.path("g.faiss"))
        && !FileManager.default.fileExists(atPath: fixture.path("g.faiss.json")))
  }

  @Test func `The recipes that come with the program build, and an unknown one is answered with their names`() throws {
    let fixture = try Self.fixture()
    let listed = try Self.run("index recipes", in: fixture).standardOutput
    for name in ["exact", "hnsw", "ivf-pq"] { #expect(listed.contains(name)) }
    for name in ["exact", "hnsw"] {
      #expect(try Self.run("index build --gallery g.npy --recipe \(name) --out \(name).faiss", in: fixture).status == 0)
    }
    let unknown = try Self.run("index build --gallery g.npy --recipe annoy --out a.faiss", in: fixture)
    #expect(unknown.status == 66 && unknown.standardError.contains("exact, hnsw, ivf-pq"), "\(unknown.standardError)")
    try fixture.text("wrong.yaml", "factory: Flat\nmaximum: 3\nminimum: {recall: 1}\n")
    let wrong = try Self.run("index build --gallery g.npy --recipe wrong.yaml --out a.faiss", in: fixture)
    #expect(wrong.status == 65 && wrong.standardError.contains("wrong.yaml:2: 'maximum'"), "\(wrong.standardError)")
    let idle = try Self.run("search --queries q.npy --gallery g.npy --index a.faiss --standardise each --k 5 --out c.csv", in: fixture)
    #expect(idle.status == 64 && idle.standardError.contains("--index goes without --standardise"))
  }
}
