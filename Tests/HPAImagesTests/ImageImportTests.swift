import Foundation
@testable import HPACore
import HPAImages
import HPATestSupport
import Testing

@Suite struct ImageImportTests {
  private let folder: TemporaryFolder
  private var job: ImageImport

  /// Three images of 16 x 16 random pixels, to be imported at 8 and 4 pixels.
  init() throws {
    folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: 7)
    for id in ["a", "b_1", "c"] {
      for stain in Stain.allCases {
        let image = RasterImage(width: 16, height: 16, grey: (0..<256).map { _ in UInt8(generator.index(below: 256)) })
        try ImageFile.write(image, to: folder.path("in/\(id)_\(stain.rawValue).png"))
      }
    }
    job = ImageImport(images: folder.path("in"), layout: .kagglePNG, out: folder.path("out"), programVersion: "1.0")
    job.sizes = [4, 8]
    job.threads = 2
  }

  /// Every file under `out` with its bytes.
  private func outputs() throws -> [String: [UInt8]] {
    let names = FileManager.default.enumerator(atPath: job.out)?.compactMap { $0 as? String } ?? []
    return try Dictionary(uniqueKeysWithValues: names.filter { $0.contains(".") }.map { ($0, try FileBytes.read("\(job.out)/\($0)")) })
  }

  @Test func `every stain is written at every size, and a second run has nothing to do`() throws {
    #expect(try job.run() == ImageImport.Report(imported: 3))
    let made = try outputs()
    #expect(made.count == 3 * 4 * 2 + 3)
    #expect(try CSVTable(contentsOf: job.findingList).rows.isEmpty)
    for size in job.sizes {
      let expected = try StainFolder(job.images).stack(of: "b_1", size: size)
      #expect(try StainFolder("\(job.out)/\(size)").stack(of: "b_1") == expected)
    }
    #expect(try job.run() == ImageImport.Report(alreadyThere: 3))
    #expect(try outputs() == made)
  }

  /// The number of a process that is gone.
  private func endedProcess() throws -> String { String(try Subprocess.run("/bin/bash", ["-c", "echo $$"]).standardOutput.dropLast()) }

  @Test func `a run that was killed is gone on with, and ends with the same bytes`() throws {
    _ = try job.run()
    let made = try outputs()
    try FileManager.default.removeItem(atPath: "\(job.out)/4/b_1_yellow.png")
    try FileBytes.write(
      [1, 2, 3], to: FileBytes.aside(for: "\(job.out)/4/b_1_yellow.png").replacing("-\(getpid())-", with: "-\(try endedProcess())-"))
    for stain in Stain.allCases { try FileManager.default.removeItem(atPath: "\(job.out)/8/c_\(stain.rawValue).png") }
    #expect(try job.run() == ImageImport.Report(imported: 2, alreadyThere: 1))
    #expect(try outputs() == made)
  }

  @Test func `the number of threads does not change a byte`() throws {
    _ = try job.run()
    let made = try outputs()
    var single = job
    single.threads = 1
    single.force = true
    #expect(try single.run() == ImageImport.Report(imported: 3))
    #expect(try outputs() == made)
  }

  @Test func `an unreadable image stops the import by default, and stands in the reject list under skip`() throws {
    try FileBytes.write([0, 1, 2], to: "\(job.images)/b_1_green.png")
    try FileManager.default.removeItem(atPath: "\(job.images)/c_red.png")
    let failure = #expect(throws: Failure.self) { try job.run() }
    #expect(failure?.place.path == "\(job.images)/b_1_green.png")
    var skipping = job
    skipping.errorRule = .skip
    let report = try skipping.run()
    #expect(report.imported + report.alreadyThere == 1 && report.rejected.map(\.id) == ["b_1", "c"])
    let list = try CSVTable(contentsOf: skipping.rejectList)
    #expect(list.header == ["Id", "Reason", "File"])
    #expect(
      list.rows.map { $0[0] } == ["b_1", "c"] && list.rows[1].fields[1...] == ["the red stain is missing", "\(job.images)/c_red.png"])
    #expect(try StainFolder("\(job.out)/4").ids() == ["a"])
  }

  @Test func `images made in another way are not mixed, and both ways are told`() throws {
    _ = try job.run()
    var other = job
    (other.channelMap, other.method, other.force) = (.luma, .area, true)
    let made = try outputs()
    let failure = #expect(throws: Failure.self) { try other.run() }
    #expect(failure?.kind == .badData)
    #expect(failure?.message.contains("channel map: rgbr there, luma asked for; resize: linear there, area asked for") == true)
    #expect(try outputs() == made)
    try FileManager.default.removeItem(atPath: "\(job.out)/import.json")
    #expect(throws: Failure.self) { try job.run() }
  }

  @Test func `the record tells how the images were made, and by which versions`() throws {
    _ = try job.run()
    var later = job
    later.programVersion = "1.1"
    _ = try later.run()
    let record = try #require(try JSONSerialization.jsonObject(with: Data(FileBytes.read("\(job.out)/import.json"))) as? [String: Any])
    #expect(record["programVersions"] as? [String] == ["1.0", "1.1"])
    #expect(
      record["layout"] as? String == "kaggle-png" && record["channelMap"] as? String == "rgbr" && record["sizes"] as? [Int] == [4, 8])
  }

  @Test(arguments: [[], [0], [8, 8], [-3], [20000]]) func `impossible sizes are usage errors`(sizes: [Int]) throws {
    var wrong = job
    wrong.sizes = sizes
    let failure = #expect(throws: Failure.self) { try wrong.run() }
    #expect(failure?.kind == .usage)
  }

  @Test func `a folder without images of the layout is missing input`() throws {
    var wrong = job
    wrong.layout = .kaggleTIFF
    let failure = #expect(throws: Failure.self) { try wrong.run() }
    #expect(failure?.kind == .missingInput && failure?.place.path == job.images)
  }

  @Test func `TIFFs go through 1024 on their way to smaller sizes`() throws {
    var generator = SeededGenerator(seed: testSeed())
    let noise = (0..<2100).map { _ in UInt8(generator.index(below: 256)) }
    for stain in Stain.allCases {
      let rows = (0..<1050).map { row in noise[row * (stain.index + 3) % 1050..<row * (stain.index + 3) % 1050 + 1050] }
      let image = RasterImage(width: 1050, height: 1050, grey: Array(rows.joined()))
      try ImageFile.write(image, to: folder.path("tiffs/t_\(stain.rawValue).tif"), as: .tiff(.none))
    }
    var tiffs = ImageImport(images: folder.path("tiffs"), layout: .kaggleTIFF, out: folder.path("small"), programVersion: "1.0")
    tiffs.sizes = [100, 1030]
    #expect(try tiffs.run().imported == 1)
    let native = try StainFolder(folder.path("tiffs")).stack(of: "t")
    #expect(try StainFolder(folder.path("small/1030")).stack(of: "t") == native.resized(to: 1030))
    #expect(try StainFolder(folder.path("small/100")).stack(of: "t") == native.resized(to: 1024).resized(to: 100))
  }
}
