import Foundation
import HPACore
import HPATestSupport
import Testing

/// Trainings that are killed, interrupted and given again, as real processes.
@Suite(.serialized) struct StoppedTrainingTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try hpa("demo-data --out . --train 24 --test 2 --gallery 2 --side 96")
    try hpa("folds --labels data/train.csv --count 3 --seed 1 --out folds.csv")
  }

  private func program(_ line: String) throws -> Subprocess.Result {
    try Program.run(line.split(separator: " ").map(String.init), in: folder.path)
  }

  @discardableResult
  private func hpa(_ line: String) throws -> Subprocess.Result {
    let result = try program(line)
    #expect(result.status == 0, "hpa-feat \(line)\n\(result.standardError)")
    return result
  }

  private func train(epochs: Int) -> String {
    "train --images data/train --labels data/train.csv --folds folds.csv --fold 0 --backbone inceptionv3 --size 96 --batch 8 --epochs \(epochs)"
      + " --learning-rate 0.01 --seed 5 --threads 1 --quiet"
  }

  /// The log without its times.
  private func losses(_ log: String) throws -> [[String]] {
    try CSVTable(contentsOf: folder.path(log)).rows.map { row in (0..<4).map { row[$0] } }
  }

  private func names(in name: String) throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder.path(name)).sorted() }

  @Test func `Killed ten times at random moments, a training ends as an uninterrupted one`() throws {
    let seed = testSeed()
    var random = SeededGenerator(seed: seed)
    let line = train(epochs: 4)
    let started = ContinuousClock.now
    try hpa("\(line) --out whole/a.safetensors")
    let seconds = (ContinuousClock.now - started).seconds
    let expected = try (FileBytes.read(folder.path("whole/a.safetensors")), losses("whole/a.csv"))
    #expect(expected.1.count == 4)

    var (kills, ends, resumed) = (0, 0, 0)
    /// Whether it came to its end.
    func run(limit: Double?) throws -> Bool {
      let limiter = limit.map { "timeout -s KILL \($0) " } ?? ""
      let result = try Program.shell("\(limiter)\"$hpa\" \(line) --out killed/a.safetensors", in: folder.path)
      if result.standardError.contains("goes on after epoch") { resumed += 1 }
      // timeout ends by the signal that it sends, or says that it sent it.
      guard ![9, 137].contains(result.status) else { return false }
      #expect(result.status == 0, "\(result.standardError)")
      #expect(try FileBytes.read(folder.path("killed/a.safetensors")) == expected.0)
      #expect(try losses("killed/a.csv") == expected.1)
      #expect(try names(in: "killed") == names(in: "whole"))
      return true
    }
    while kills < 10 {
      guard try run(limit: random.uniform(0.1, seconds * 0.6)) else {
        kills += 1
        continue
      }
      ends += 1
      try FileManager.default.removeItem(atPath: folder.path("killed"))
    }
    if try run(limit: nil) { ends += 1 }
    print("\(kills) kills, \(resumed) times gone on from an epoch, \(ends) trainings compared, \(seconds) s uninterrupted")
    #expect(ends >= 1)
  }

  @Test func `Several folds are the single ones, a file each`() throws {
    let line = train(epochs: 1)
    try hpa("\(line.replacing("--fold 0", with: "--fold 0,2")) --out several/a_f{fold}.safetensors")
    #expect(try names(in: "several") == ["a_f0.csv", "a_f0.safetensors", "a_f2.csv", "a_f2.safetensors"])
    try hpa("\(line.replacing("--fold 0", with: "--fold 2")) --out single.safetensors")
    #expect(try FileBytes.read(folder.path("several/a_f2.safetensors")) == FileBytes.read(folder.path("single.safetensors")))
    #expect(try FileBytes.read(folder.path("several/a_f0.safetensors")) != FileBytes.read(folder.path("single.safetensors")))
  }

  @Test func `Interrupted, a training says how to go on; other settings are refused, and a finished checkpoint stays`() throws {
    let line = "\(train(epochs: 1000)) --out a.safetensors".split(separator: " ").map(String.init)
    let interrupted = try Subprocess.run(Program.path, line, in: folder.path) { process in
      // Waits for the end of the first epoch, however long it takes.
      while process.isRunning, !FileManager.default.fileExists(atPath: folder.path("a.resume.safetensors")) { usleep(20_000) }
      process.interrupt()
    }
    #expect(interrupted.status == 130, "\(interrupted.standardError)")
    #expect(
      interrupted.standardError.contains(
        /a\.safetensors: interrupted\n  [0-9]+ of 1000 epochs are finished and kept; the same command goes on/),
      "\(interrupted.standardError)")

    let other = try program("\(train(epochs: 2)) --out a.safetensors")
    #expect(other.status == 65 && other.standardError.contains("epochs: 1000 then, 2 now"), "\(other.standardError)")
    #expect(other.standardError.contains("--restart"))

    try FileBytes.write(
      try String(decoding: FileBytes.read(folder.path("data/train.csv")), as: UTF8.self) + "x,3\n", to: folder.path("more.csv"))
    try hpa("folds --labels more.csv --count 3 --seed 1 --out more-folds.csv")
    let images = try program(
      train(epochs: 1000).replacing("data/train.csv", with: "more.csv").replacing("folds.csv", with: "more-folds.csv")
        + " --out a.safetensors")
    #expect(images.status == 65 && images.standardError.contains("images: "), "\(images.standardError)")

    try hpa("\(train(epochs: 1)) --out a.safetensors --restart")
    #expect(!FileManager.default.fileExists(atPath: folder.path("a.resume.safetensors")))
    let finished = try FileBytes.read(folder.path("a.safetensors"))
    let again = try hpa("\(train(epochs: 1)) --out a.safetensors")
    #expect(again.standardOutput.contains("is there already"))
    let longer = try program("\(train(epochs: 2)) --out a.safetensors")
    #expect(longer.status == 65 && longer.standardError.contains("epochs: 1 then, 2 now"), "\(longer.standardError)")
    #expect(longer.standardError.contains("another --out"))
    #expect(try FileBytes.read(folder.path("a.safetensors")) == finished)
  }
}
