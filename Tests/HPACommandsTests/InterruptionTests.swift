import Foundation
import HPACore
import HPATestSupport
import Testing

/// A named pipe that gives one line and then nothing more, as long as it is held.
private struct StalledPipe: ~Copyable {
  private let descriptor: Int32

  init(_ path: String) throws {
    #expect(mkfifo(path, 0o600) == 0)
    descriptor = open(path, O_RDWR | O_CLOEXEC)
    #expect(write(descriptor, "Id\n", 3) == 3)
  }

  deinit { close(descriptor) }
}

/// Ctrl-C and SIGTERM while a verb waits where it cannot ask for them.
@Suite struct InterruptionTests {
  /// Runs a command, gives it a signal as soon as it listens, and waits for its end.
  private func interrupted(_ line: String, by signal: Int32, in bench: Workbench) throws -> Subprocess.Result {
    try Subprocess.run("/bin/bash", ["-c", "exec \"$hpa\" \(line)"], in: bench.folder.path, environment: ["hpa": Program.path]) { process in
      let status = "/proc/\(process.processIdentifier)/status"
      let mask = UInt64(1) << UInt64(signal - 1)
      while process.isRunning {
        let lines = (try? String(contentsOfFile: status, encoding: .utf8))?.split(separator: "\n") ?? []
        let caught = lines.first { $0.hasPrefix("SigCgt:") }?.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) } ?? 0
        // Bash catches none of them, and hpa-feat does once it has read its options.
        if caught & mask != 0, lines.first?.hasSuffix("hpa-feat") == true { break }
      }
      kill(process.processIdentifier, signal)
    }
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func `A command that waits for a pipe ends, says what is kept, and leaves nothing`(signal: Int32) throws {
    for (line, words) in [
      ("stats --labels stalled", "The same command begins again."),
      ("folds --labels labels.csv --count 2 --out pipe", "The same command begins again."),
      ("extract --images img --ids stalled --checkpoint c.safetensors --store f.lmdb --view a@c", "goes on from there."),
      ("store import --store f.lmdb --view n@x --matrix q.npy --ids stalled --dataset n --origin o", "goes on from there."),
    ] {
      let bench = try Workbench()
      #expect(mkfifo(bench.path("pipe"), 0o600) == 0)
      let stalled = try StalledPipe(bench.path("stalled"))
      let before = bench.names
      let result = try interrupted(line, by: signal, in: bench)
      #expect(result.status == 130, "\(line)\n\(result.standardError)")
      #expect(result.standardError.contains("interrupted") && result.standardError.contains(words), "\(line)\n\(result.standardError)")
      #expect(bench.names == before, "\(line)")
      _ = consume stalled
    }
  }
}

/// Two commands that make one thing at the same time.
@Suite struct TwoCommandsTests {
  @Test(arguments: [
    "search --queries q.npy --query-ids stalled --gallery g.npy --top 3 --out new.csv",
    "train --images img --labels stalled --folds folds.csv --fold 0 --backbone resnet18 --size 96 --epochs 1 --batch 2 --out new.safetensors",
    "blend --member s.npy=1 --ids stalled --out new.csv",
  ])
  func `The second one is told who makes the output`(line: String) throws {
    let bench = try Workbench()
    let stalled = try StalledPipe(bench.path("stalled"))
    let out = String(line.split(separator: " ").last ?? "")
    let second = line.replacing("stalled", with: "labels.csv")
    let results = try Program.shell(
      """
      $hpa \(line) & first=$!
      while [ ! -s .\(out).lock ]; do kill -0 $first || exit 1; done
      $hpa \(second); status=$?
      kill -9 $first; wait $first
      echo "first $first"
      exit $status
      """, in: bench.folder.path)
    let first = results.standardOutput.split(separator: "first ").last.map { $0.dropLast() } ?? ""
    #expect(results.status == 69, "\(results.standardError)")
    #expect(results.standardError.contains("\(out): is being made by process \(first) on "), "\(results.standardError)")
    _ = consume stalled
    // The lock of a killed command holds nobody up, and goes with the next one.
    let again = try bench.run("search --queries q.npy --gallery g.npy --top 3 --out \(out)")
    #expect(again.status == 0 || line.hasPrefix("train"), "\(again.standardError)")
    #expect(bench.names.filter { $0.hasSuffix(".lock") }.isEmpty)
  }

  @Test func `Verbs of a project wait for no run, and a run for no verb: the second is told who is at work`() throws {
    let bench = try Workbench()
    try FileBytes.makeFolder(bench.path("p/results/run"))
    for (flag, line, status) in [
      ("--exclusive", "extract --project p", 69), ("--exclusive", "run --project p --dry-run", 0), ("--shared", "run --project p", 69),
    ] {
      let result = try Program.shell(
        "flock \(flag) p/results/run -c \"$hpa \(line)\"", in: bench.folder.path)
      #expect(result.status == status, "\(line)\n\(result.standardError)")
      if status == 69 {
        #expect(result.standardError.contains("another command is at work in this project: process "), "\(result.standardError)")
      }
    }
  }
}
