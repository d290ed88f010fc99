import Foundation
import HPACore
import HPAImages
import HPATestSupport
import Testing

/// Kill -9 in the middle of an import, through the program as a user runs it.
@Suite struct KilledImportTests {
  private static let images = 66
  private static let kills = 10
  private static let sizes = [160, 96]

  /// Sound images, and of every tenth one with something to report: a cut-off file, a blank stain, doubles.
  private static func writeImages(to folder: String, using generator: inout SeededGenerator) throws {
    let side = 192
    for index in 0..<images {
      for stain in Stain.allCases {
        let path = "\(folder)/\(index)_\(stain.rawValue).png"
        if index % 10 == 9 {
          try FileBytes.write(try FileBytes.read("\(folder)/\(index - 5)_\(stain.rawValue).png"), to: path)
          continue
        }
        let level = index % 10 == 3 && stain == .blue ? 0 : 256
        let image = RasterImage(
          width: side, height: side, grey: (0..<side * side).map { _ in level == 0 ? 9 : UInt8(truncatingIfNeeded: generator.next()) })
        let bytes = try ImageFile.encode(image, as: .png(level: 1))
        try FileBytes.write(index % 10 == 7 && stain == .green ? Array(bytes.dropLast(500)) : bytes, to: path)
      }
    }
  }

  private static func arguments(out: String) -> [String] {
    [
      "import", "--layout", "kaggle-png", "--images", "in", "--sizes", sizes.map(String.init).joined(separator: ","), "--on-error", "skip",
      "--threads", "2", "--quiet", "--out", out,
    ]
  }

  private static func names(in folder: String) -> [String] {
    (FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []).sorted()
  }

  private static func contents(of folder: String) throws -> [String: [UInt8]] {
    let files = names(in: folder).filter { $0.contains(".") }
    return try Dictionary(uniqueKeysWithValues: files.map { ($0, try FileBytes.read("\(folder)/\($0)")) })
  }

  /// Pictures that are in place.
  private static func finished(in folder: String) -> Int { names(in: folder).count { $0.hasSuffix(".png") } }

  /// Starts the program and kills it some microseconds after so many pictures are in place; false where it ended before.
  private static func kill(_ arguments: [String], in folder: String, when count: Int, later microseconds: Int) throws -> Bool {
    let process = Process()
    process.executableURL = URL(filePath: Program.path)
    process.arguments = arguments
    process.currentDirectoryURL = URL(filePath: folder)
    (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    try process.run()
    while process.isRunning, finished(in: folder + "/killed") < count { usleep(300) }
    usleep(UInt32(microseconds))
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    return process.terminationReason == .uncaughtSignal
  }

  @Test func `Killed at ten random moments, an import ends as an uninterrupted one, to the byte`() throws {
    var generator = SeededGenerator(seed: testSeed())
    let folder = try TemporaryFolder()
    try Self.writeImages(to: folder.path("in"), using: &generator)
    let whole = try Program.run(Self.arguments(out: "whole"), in: folder.path)
    #expect(whole.status == 0, "\(whole.standardError)")
    let expected = try Self.contents(of: folder.path("whole"))
    let total = Self.finished(in: folder.path("whole"))
    #expect(total == 4 * Self.sizes.count * (Self.images - 6))

    var (killed, leftovers) = (0, 0)
    for round in 0..<Self.kills {
      // One moment in each eleventh of the work, so that all ten lie in the middle of it.
      let place = total * round / (Self.kills + 1) + generator.index(below: total / (Self.kills + 1))
      if try Self.kill(Self.arguments(out: "killed"), in: folder.path, when: place, later: generator.index(below: 4000)) { killed += 1 }
      leftovers += Self.names(in: folder.path("killed")).count { $0.contains(".part-") }
    }
    #expect(killed == Self.kills && Self.finished(in: folder.path("killed")) < total)
    let last = try Program.run(Self.arguments(out: "killed"), in: folder.path)
    #expect(last.status == 0, "\(last.standardError)")
    print("killed \(killed) times; \(leftovers) half-written files were left on the way")

    let made = try Self.contents(of: folder.path("killed"))
    #expect(made.keys.sorted() == expected.keys.sorted())
    for (name, bytes) in expected where made[name] != bytes { Issue.record("\(name) differs") }
    let kinds = try CSVTable(contentsOf: folder.path("killed/import_report.csv")).rows.map { $0[3] }
    #expect(
      Dictionary(grouping: kinds, by: { $0 }).mapValues(\.count)
        == ["truncated": 6, "blank": 7, "same-file": 24 + 6, "same-pixels": 6])
  }
}
