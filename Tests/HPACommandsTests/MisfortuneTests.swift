import Foundation
import HPACore
import HPATestSupport
import Testing

/// Every verb, while what it reads from and writes to is not as it hopes: by kinds of misfortune, over all options of one table.
@Suite struct MisfortuneTests {
  /// The exit codes of sysexits that a command may end with; a signal or a trap is none of them.
  private static let codes: Set<Int32> = [0, 64, 65, 66, 69, 73, 74]

  private static let isRoot = getuid() == 0

  private func expectOrderlyEnd(_ result: Subprocess.Result, _ line: String, at place: SourceLocation = #_sourceLocation) {
    #expect(Self.codes.contains(result.status), "hpa-feat \(line)\n\(result.standardError.prefix(2000))", sourceLocation: place)
    if result.status != 0 {
      #expect(
        result.standardError.contains("hpa-feat: ") || result.standardError.contains("Error: "), "no words: \(line)", sourceLocation: place)
    }
  }

  @Test func `Every verb stands on the workbench`() throws {
    let help = try Program.run(["--experimental-dump-help"]).standardOutput
    let dump = try #require(try JSONSerialization.jsonObject(with: Data(help.utf8)) as? [String: Any])
    func leaves(_ command: [String: Any], _ names: [String]) -> [String] {
      let children = (command["subcommands"] as? [[String: Any]] ?? []).filter { $0["commandName"] as? String != "help" }
      guard !children.isEmpty else { return [names.joined(separator: " ")] }
      return children.flatMap { leaves($0, names + [$0["commandName"] as? String ?? ""]) }
    }
    #expect(Set(leaves(try #require(dump["command"] as? [String: Any]), [])) == Set(Workbench.jobs.map(\.verb)))
  }

  // MARK: What is printed

  @Test(arguments: Workbench.jobs)
  func `Nothing is lost where nothing can be printed: full or closed standard output and error`(job: Workbench.Job) throws {
    let plain = try Workbench()
    let good = try plain.run(job.line)
    #expect(good.status == 0, "\(job.line)\n\(good.standardError)")
    for (redirection, status) in [
      (">/dev/full", 74), (">&-", 74), ("2>/dev/full", 0), ("2>&-", 0), ("<&- >&- 2>&-", 74), (">/dev/full 2>/dev/full", 74),
    ] {
      let trial = try Workbench()
      let result = try trial.run(job.line, redirecting: redirection)
      #expect(result.status == (good.standardOutput.isEmpty ? 0 : Int32(status)), "\(job.line) \(redirection)\n\(result.standardError)")
      #expect(trial.names == plain.names, "\(job.line) \(redirection)")
      for output in job.outputs {
        let name = job.value(of: output)
        #expect(try FileBytes.read(trial.path(name)) == FileBytes.read(plain.path(name)), "\(job.line) \(redirection)")
      }
    }
  }

  // MARK: What is written

  private static let outputs = Workbench.jobs.flatMap { job in job.outputs.map { (job, $0) } }

  @Test(.enabled(if: isRoot, "needs root, for devices"), arguments: outputs)
  func `A device stays a device, and a full one is said`(job: Workbench.Job, option: String) throws {
    let bench = try Workbench()
    for (name, minor, expected) in [("null", 3, Self.codes), ("full", 7, Self.codes.subtracting([0]))] {
      #expect(mknod(bench.path(name), S_IFCHR | 0o666, dev_t(1 << 8 | minor)) == 0)
      let result = try bench.run(job.replacing(option, with: name))
      expectOrderlyEnd(result, "\(job.line) to /dev/\(name)")
      #expect(expected.contains(result.status), "\(job.line) to /dev/\(name)")
      #expect(FileIdentity(bench.path(name))?.isRegular == false, "\(job.line) replaced /dev/\(name)")
    }
  }

  @Test(arguments: outputs)
  func `Links are followed, inputs and other outputs are never overwritten, and a folder that takes nothing is said`(
    job: Workbench.Job, option: String
  ) throws {
    let bench = try Workbench()
    let name = job.value(of: option)
    let ending = (name as NSString).pathExtension
    try FileBytes.write("old", to: bench.path("target.\(ending)"))
    try FileManager.default.createSymbolicLink(atPath: bench.path("link.\(ending)"), withDestinationPath: "target.\(ending)")
    // What is there and was not made by train is never replaced by it.
    if job.verb != "train" {
      let followed = try bench.run(job.replacing(option, with: "link.\(ending)"))
      #expect(followed.status == 0, "\(job.line)\n\(followed.standardError)")
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: bench.path("link.\(ending)")) == "target.\(ending)")
      #expect(try FileBytes.read(bench.path("target.\(ending)")) != Array("old".utf8), "\(job.line)")
    }
    for other in job.inputs + job.outputs where other != option {
      let file = bench.path(job.value(of: other))
      let before = try? FileBytes.read(file)
      let result = try bench.run(job.replacing(option, with: job.value(of: other)))
      #expect(result.status == 64 && (try? FileBytes.read(file)) == before, "\(job.line): \(option) = \(other)\n\(result.standardError)")
    }
    for place in ["/proc/nowhere/\(name)", "labels.csv/\(name)", "img"] {
      let result = try bench.run(job.replacing(option, with: place))
      #expect([64, 73].contains(result.status), "\(job.line): \(option) = \(place)\n\(result.standardError)")
    }
    #expect(bench.names.filter { $0.contains(".part-") || $0.hasSuffix(".lock") }.isEmpty)
  }

  // MARK: What is read

  private static let inputs = Workbench.jobs.flatMap { job in job.inputs.map { (job, $0) } }

  @Test(arguments: inputs)
  func `An input that is endless, huge, a pipe, a folder, empty or cut is refused at once and leaves nothing`(
    job: Workbench.Job, option: String
  ) throws {
    let bench = try Workbench()
    let file = job.value(of: option)
    let whole = try FileBytes.read(bench.path(file))
    let before = Set(bench.names)
    func expectRefusal(_ kind: String, isCut: Bool = false) throws {
      let result = try bench.run(job.line)
      expectOrderlyEnd(result, "\(job.line): \(option) is \(kind)")
      let left = Set(bench.names).subtracting(before)
      for name in left { try FileBytes.remove(bench.path(name)) }
      if isCut { return }
      #expect(result.status != 0, "\(job.line): \(option) is \(kind)")
      #expect(result.standardError.contains(file), "\(job.line): \(option) is \(kind), and \(file) is not named\n\(result.standardError)")
      #expect(left.isEmpty, "\(job.line): \(option) is \(kind)")
    }
    let place = bench.path(file)
    for (kind, make) in Self.oddities {
      try FileBytes.remove(place)
      try make(place)
      try expectRefusal(kind)
    }
    for count in Set([1, 10, 100, whole.count / 2, whole.count - 1]).filter({ $0 < whole.count }).sorted() {
      try FileBytes.remove(place)
      try Data(whole[..<count]).write(to: URL(filePath: place))
      // A table that is cut at the end of a line is a table.
      try expectRefusal("cut after \(count) of \(whole.count) bytes", isCut: true)
    }
  }

  private static let oddities: [(String, @Sendable (String) throws -> Void)] = [
    ("endless", { try FileManager.default.createSymbolicLink(atPath: $0, withDestinationPath: "/dev/zero") }),
    (
      "of a terabyte",
      {
        try Data().write(to: URL(filePath: $0))
        truncate($0, 1 << 40)
      }
    ),
    ("a pipe", { _ = mkfifo($0, 0o600) }),
    ("a folder", { try FileManager.default.createDirectory(atPath: $0, withIntermediateDirectories: false) }),
    ("a dangling link", { try FileManager.default.createSymbolicLink(atPath: $0, withDestinationPath: "nowhere") }),
    ("missing", { _ in }),
    ("empty", { try Data().write(to: URL(filePath: $0)) }),
  ]
}
