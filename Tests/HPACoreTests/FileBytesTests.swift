import Foundation
import HPACore
import HPATestSupport
import Testing

@Suite struct FileBytesTests {
  struct Broken: Error {}

  @Test func `A failed write leaves the old file and nothing beside it`() throws {
    let folder = try TemporaryFolder()
    try FileBytes.write("old", to: folder.path("file"))
    #expect(throws: Failure.self) {
      try FileBytes.replace(folder.path("file")) { handle in
        try handle.write(contentsOf: Data("new".utf8))
        throw Broken()
      }
    }
    #expect(try FileBytes.read(folder.path("file")) == Array("old".utf8))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["file"])
  }

  @Test func `A full disk is an input-output failure with a cure`() throws {
    let failure = #expect(throws: Failure.self) {
      try FileBytes.replace("/dev/shm/hpa-feat-test-\(getpid())") { _ in throw NSError(domain: NSPOSIXErrorDomain, code: Int(ENOSPC)) }
    }
    #expect(failure?.kind == .inputOutput && failure?.message.contains("No space left") == true)
  }

  @Test func `What has no size, such as a pipe, is read to its end`() throws {
    let folder = try TemporaryFolder()
    let pipe = folder.path("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
    Thread { try? FileHandle(forWritingAtPath: pipe)?.write(contentsOf: Data(bytes)) }.start()
    #expect(try FileBytes.read(pipe) == bytes)
  }

  @Test(arguments: [("/nowhere/at/all", Failure.Kind.missingInput), ("/", .missingInput)])
  func `What cannot be read says so`(path: String, kind: Failure.Kind) {
    #expect(#expect(throws: Failure.self) { try FileBytes.read(path) }?.kind == kind)
  }

  @Test func `A folder that cannot be made is named`() {
    #expect(#expect(throws: Failure.self) { try FileBytes.write("x", to: "/proc/nowhere/file") }?.kind == .cannotCreate)
  }
}

@Suite struct ParallelTests {
  @Test(arguments: [1, 2, 7]) func `Results come in index order for any number of threads`(threads: Int) throws {
    #expect(try Parallel.map(count: 100, threads: threads) { $0 * $0 } == (0..<100).map { $0 * $0 })
  }

  @Test func `A failure is thrown`() {
    #expect(throws: FileBytesTests.Broken.self) {
      try Parallel.map(count: 10, threads: 2) { if $0 == 3 { throw FileBytesTests.Broken() } }
    }
  }
}

@Suite struct LeftoverTests {
  @Test func `What killed processes left beside a file is removed, what a living one writes and other files stay`() throws {
    let folder = try TemporaryFolder()
    let gone = try Subprocess.run("/bin/bash", ["-c", "echo $$"]).standardOutput.dropLast()
    let stays = ["a.csv", "a.csv.part-\(ProcessInfo.processInfo.processIdentifier)-7", "b.csv.part-\(gone)-7", "a.csv.part-x"]
    for name in stays + ["a.csv.part-\(gone)-7", "a.csv.part-\(gone)-8"] { try FileBytes.write("x", to: folder.path(name)) }
    FileBytes.removeLeftovers(of: folder.path("a.csv"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == stays.sorted())
  }
}

@Suite struct SeededGeneratorTests {
  @Test func `Streams of one seed differ, and equal seeds repeat`() {
    var (one, two, again) = (
      SeededGenerator(seed: 1, stream: "a"), SeededGenerator(seed: 1, stream: "b"), SeededGenerator(seed: 1, stream: "a")
    )
    let first = one.next()
    #expect(first != two.next() && first == again.next())
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test")) func `Normal numbers pass a Kolmogorov-Smirnov test`() throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: 20_181_231)
    try NumpyFile.write(
      Matrix<Double>(rows: 20_000, columns: 1, values: (0..<20_000).map { _ in generator.normal() }), to: folder.path("n.npy"))
    try Python.run(
      "import numpy, scipy.stats, sys; p = scipy.stats.kstest(numpy.load(sys.argv[1])[:, 0], 'norm').pvalue; assert p > 1e-3, p",
      [folder.path("n.npy")])
  }
}
