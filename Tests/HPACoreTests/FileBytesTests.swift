import Foundation
@testable import HPACore
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

  @Test func `A device, an endless one too, is refused`() {
    for device in ["/dev/zero", "/dev/null"] {
      #expect(#expect(throws: Failure.self) { try FileBytes.read(device) }?.message.contains("is a device") == true)
      #expect(#expect(throws: Failure.self) { try FileBytes.open(device) }?.kind == .badData)
    }
  }

  @Test func `A named pipe that nobody writes to is refused`() throws {
    let folder = try TemporaryFolder()
    #expect(mkfifo(folder.path("pipe"), 0o600) == 0)
    #expect(#expect(throws: Failure.self) { try FileBytes.read(folder.path("pipe")) }?.message.contains("named pipe") == true)
  }

  @Test func `What is larger than its reader can use is refused before it is read, and a pipe when it is`() throws {
    let folder = try TemporaryFolder()
    let (sparse, pipe) = (folder.path("sparse"), folder.path("pipe"))
    try Data().write(to: URL(filePath: sparse))
    #expect(truncate(sparse, 1 << 40) == 0)
    #expect(#expect(throws: Failure.self) { try FileBytes.read(sparse) }?.kind == .badData)
    #expect(#expect(throws: Failure.self) { try FileBytes.read(sparse, limit: 1 << 41) }?.kind == .unavailable)
    #expect(mkfifo(pipe, 0o600) == 0)
    signal(SIGPIPE, SIG_IGN)
    Thread { try? FileHandle(forWritingAtPath: pipe)?.write(contentsOf: Data(count: 1 << 20)) }.start()
    #expect(#expect(throws: Failure.self) { try FileBytes.read(pipe, limit: 1 << 18) }?.message.contains("at most 262144") == true)
  }

  @Test func `Links are followed, and what they lead to is replaced`() throws {
    let folder = try TemporaryFolder()
    for (link, target) in [("one", "two"), ("two", "file"), ("circle", "circle")] {
      try FileManager.default.createSymbolicLink(atPath: folder.path(link), withDestinationPath: target)
    }
    for text in ["new", "again"] {
      try FileBytes.write(text, to: folder.path("one"))
      #expect(try String(contentsOfFile: folder.path("file"), encoding: .utf8) == text)
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder.path("one")) == "two")
    }
    #expect(#expect(throws: Failure.self) { try FileBytes.write("x", to: folder.path("circle")) }?.kind == .cannotCreate)
  }

  @Test func `A pipe is written through and keeps its place`() throws {
    let folder = try TemporaryFolder()
    let pipe = folder.path("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    let reader = Subprocess.Reading(pipe)
    try FileBytes.write("through", to: pipe)
    #expect(reader.text == "through")
    #expect(FileIdentity(pipe)?.isRegular == false)
    #expect(#expect(throws: Failure.self) { try FileBytes.scratch(beside: pipe) }?.kind == .usage)
  }

  @Test(arguments: [255, 250, 230]) func `Names up to the limit of the file system are written`(length: Int) throws {
    let folder = try TemporaryFolder()
    let name = String(repeating: "n", count: length)
    try FileBytes.write("x", to: folder.path(name))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [name])
  }

  @Test func `An input is never overwritten, by whatever path`() throws {
    let folder = try TemporaryFolder()
    try FileBytes.write("input", to: folder.path("input"))
    #expect(link(folder.path("input"), folder.path("other")) == 0)
    ProtectedFiles.protect(folder.path("input"), named: "--ids")
    #expect(#expect(throws: Failure.self) { try FileBytes.write("x", to: folder.path("other")) }?.message.contains("--ids") == true)
    #expect(try FileBytes.read(folder.path("input")) == Array("input".utf8))
  }

  @Test func `More memory than there is is refused`() {
    #expect(#expect(throws: Failure.self) { try Memory.require(1 << 50, for: "this") }?.kind == .unavailable)
  }

  @Test func `An output is made by one command at a time, which is named`() throws {
    let folder = try TemporaryFolder()
    let out = folder.path("matches.csv")
    let lock = try OutputLock(out)
    _ = try OutputLock(out)
    let other = try Subprocess.run("/usr/bin/flock", ["--nonblock", folder.path(".matches.csv.lock"), "true"])
    #expect(other.status != 0)
    #expect(try String(contentsOfFile: folder.path(".matches.csv.lock"), encoding: .utf8).contains("process \(getpid())"))
    withExtendedLifetime(lock) {}
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
  /// A process that was killed while it replaced `name` leaves what it had written.
  private func leaveBehind(_ name: String, in folder: TemporaryFolder) throws {
    let script = """
      import os, sys
      name = sys.argv[1]
      os.rename(name, name.replace("-%s-" % sys.argv[2], "-%d-" % os.getpid()))
      """
    let own = FileBytes.aside(for: folder.path(name))
    try Data("x".utf8).write(to: URL(filePath: own))
    try Python.run(script, [own, "\(getpid())"])
  }

  private func names(_ folder: TemporaryFolder) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"), arguments: ["a.csv", String(repeating: "é", count: 125)])
  func `What killed processes left beside a file is removed, what a living one writes and other files stay`(name: String) throws {
    let folder = try TemporaryFolder()
    for _ in 0..<2 { try leaveBehind(name, in: folder) }
    try leaveBehind("b.csv", in: folder)
    let own = FileBytes.aside(for: folder.path(name))
    for stays in [own, folder.path("a.csv.part-x")] { try Data("x".utf8).write(to: URL(filePath: stays)) }
    #expect(try names(folder).count == 5)
    FileBytes.removeLeftovers(of: folder.path(name))
    #expect(try names(folder).count == 3)
    FileBytes.removeLeftovers(in: folder.path)
    #expect(try Set(names(folder)) == ["a.csv.part-x", (own as NSString).lastPathComponent])
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test")) func `The first file that a process writes in a folder clears it`() throws {
    let folder = try TemporaryFolder()
    try leaveBehind("a.csv", in: folder)
    try FileBytes.write("x", to: folder.path("b.csv"))
    #expect(try names(folder) == ["b.csv"])
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
