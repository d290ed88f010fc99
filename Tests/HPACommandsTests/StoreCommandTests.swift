import Foundation
import HPACore
import HPATestSupport
import Testing

/// The store's verbs as a user types them.
@Suite struct StoreCommandTests {
  private func fixture() throws -> Fixture {
    var fixture = try Fixture(seed: 7)
    try fixture.matrix("a.npy", rows: 40, columns: 12)
    try fixture.matrix("b.npy", rows: 30, columns: 12)
    try fixture.ids("a.csv", 40, prefix: "a")
    try fixture.ids("b.csv", 30, prefix: "b")
    return fixture
  }

  private func hpa(_ line: String, in fixture: Fixture, status: Int32 = 0) throws -> Subprocess.Result {
    let result = try Program.shell("\"$hpa\" \(line)", in: fixture.folder.path)
    #expect(result.status == status, "hpa-feat \(line)\n\(result.standardError)")
    return result
  }

  private func take(_ name: String, _ file: String, origin: String, store: String = "s", in fixture: Fixture) throws {
    _ = try hpa(
      "store import --store \(store) --view \(name) --matrix \(file).npy --ids \(file).csv --dataset \(file) --origin '\(origin)'",
      in: fixture)
  }

  @Test func `Foreign embeddings are searched like our own, and never against those of another origin`() throws {
    let fixture = try fixture()
    try take("a@clip", "a", origin: "CLIP ViT-B/32", in: fixture)
    try take("b@clip", "b", origin: "CLIP ViT-B/32", in: fixture)
    try take("b@dino", "b", origin: "DINOv2 ViT-S/14", in: fixture)
    _ = try hpa("search --store s --queries a@clip --gallery b@clip --k 1 --out m.csv", in: fixture)
    #expect(try CSVTable(contentsOf: fixture.path("m.csv")).rows.count == 40)
    let refused = try hpa("search --store s --queries a@clip --gallery b@dino --k 1 --out n.csv", in: fixture, status: 65)
    #expect(refused.standardError.contains("declared origin  CLIP ViT-B/32  DINOv2 ViT-S/14"), "\(refused.standardError)")
    #expect(!FileManager.default.fileExists(atPath: fixture.path("n.csv")))
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test")) func `Programs read what the verbs print and write`() throws {
    let fixture = try fixture()
    try take("a@clip", "a", origin: "CLIP", in: fixture)
    for kind in ["safetensors", "npz", "h5ad", "tsv"] { _ = try hpa("store export --store s --view a@clip --out e.\(kind)", in: fixture) }
    for verb in ["ls", "show --view a@clip", "verify"] {
      let name = verb.prefix { $0 != " " }
      try fixture.text("\(name).json", try hpa("store \(verb) --store s --json", in: fixture).standardOutput)
    }
    try Python.run(
      """
      import json, os, sys, numpy as n, safetensors.numpy, safetensors, anndata
      os.chdir(sys.argv[1])
      truth = dict(zip(open('a.csv').read().split()[1:], n.load('a.npy')))
      ids = sorted(truth)
      rows = n.array([truth[i] for i in ids])
      with safetensors.safe_open('e.safetensors', 'numpy') as f: meta = f.metadata()
      assert json.loads(meta['ids']) == ids and json.loads(meta['view'])['lineage']['declaredOrigin'] == 'CLIP'
      assert (safetensors.numpy.load_file('e.safetensors')['features'] == rows).all()
      assert (anndata.read_h5ad('e.h5ad').X == rows).all() and (n.load('e.npz')['features'] == rows).all()
      table = [l.split('\\t') for l in open('e.tsv').read().splitlines()[1:]]
      assert [t[0] for t in table] == ids and (n.array([t[1:] for t in table], 'f4') == rows).all()
      show, verify, ls = (json.load(open(f'{v}.json')) for v in ('show', 'verify', 'ls'))
      assert show['count'] == 40 and show['nonFinite'] == 0 and len(show['contentsSHA256']) == 64 and show['header']['state'] == 'complete'
      assert abs(show['norms']['mean'] - n.linalg.norm(rows.astype('f8'), axis=1).mean()) < 1e-12
      assert verify[0]['isSound'] and verify[0]['report']['checked'] == 40 and ls[0]['name'] == 'a@clip'
      """, [fixture.folder.path])
  }

  @Test func `Stores of different lineage are not merged, and both sides are printed`() throws {
    let fixture = try fixture()
    try take("v", "a", origin: "CLIP", store: "s1", in: fixture)
    try take("v", "a", origin: "DINO", store: "s2", in: fixture)
    _ = try hpa("store merge --store all s1", in: fixture)
    let again = try hpa("store merge --store all s1", in: fixture)
    #expect(again.standardOutput == "v: 0 added, 40 there already, complete\n")
    let refused = try hpa("store merge --store all s2", in: fixture, status: 65)
    #expect(refused.standardError.contains("declared origin: stored CLIP, now DINO"), "\(refused.standardError)")
  }

  @Test func `A disk that is full leaves the store intact, and the same command goes on`() throws {
    var fixture = try fixture()
    try fixture.matrix("a.npy", rows: 6_000, columns: 64)
    try fixture.ids("a.csv", 6_000)
    let line = "store import --store s --view v --matrix a.npy --ids a.csv --dataset a --origin noise"
    let full = try Program.shell("ulimit -f 1500; exec \"$hpa\" \(line)", in: fixture.folder.path)
    #expect(full.status == 74 && full.standardError.contains("df -h"), "\(full.standardError)")
    #expect(try hpa("store verify --store s", in: fixture).standardOutput.contains("4096 of 4096 records checked, 0 bad"))
    _ = try hpa(line, in: fixture)
    #expect(try hpa("store verify --store s", in: fixture).standardOutput == "v: 6000 of 6000 records checked, 0 bad\n")
  }

  @Test func `A damaged page is refused with the cure, which works`() throws {
    let fixture = try fixture()
    try take("v", "a", origin: "CLIP", in: fixture)
    var bytes = try FileBytes.read(fixture.path("s/data.mdb"))
    // The kind of the page to which the newer of the two first pages leads.
    let number = { (offset: Int) in (0..<8).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) } }
    let newer = number(144) > number(4096 + 144) ? 0 : 4096
    bytes[number(newer + 128) * 4096 + 10] ^= 0x40
    try FileBytes.write(bytes, to: fixture.path("s/data.mdb"))
    let refused = try hpa("store ls --store s", in: fixture, status: 65)
    #expect(refused.standardError.contains("store salvage --store s --out NEW"), "\(refused.standardError)")
    let saved = try hpa("store salvage --store s --out saved --json", in: fixture)
    #expect(saved.standardOutput.contains("\"saved\":40"), "\(saved.standardOutput)")
    try take("v", "a", origin: "CLIP", store: "saved", in: fixture)
    #expect(try hpa("store verify --store saved", in: fixture).standardOutput == "v: 40 of 40 records checked, 0 bad\n")
  }
}
