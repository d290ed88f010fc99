import Foundation
import HPACore
import HPATestSupport
import Testing

@testable import HPAImages

/// What an import tells about its images.
@Suite struct ImportReportTests {
  private let folder: TemporaryFolder
  private var generator: SeededGenerator

  init() throws {
    folder = try TemporaryFolder()
    generator = SeededGenerator(seed: testSeed())
  }

  private mutating func noise(width: Int = 16, height: Int = 16) -> RasterImage {
    RasterImage(width: width, height: height, grey: (0..<width * height).map { _ in UInt8(generator.index(below: 256)) })
  }

  private mutating func sound(_ id: String) throws {
    for stain in Stain.allCases { try ImageFile.write(noise(), to: stainPath(id, stain)) }
  }

  private func stainPath(_ id: String, _ stain: Stain, _ kind: String = "png") -> String {
    folder.path("in/\(id)_\(stain.rawValue).\(kind)")
  }

  private func job() -> ImageImport {
    var job = ImageImport(images: folder.path("in"), layout: .hpav18, out: folder.path("out"), programVersion: "1")
    (job.sizes, job.errorRule, job.threads) = ([8], .skip, 2)
    return job
  }

  /// Rows without their details.
  private func rows(_ job: ImageImport) throws -> [[String]] {
    let table = try CSVTable(contentsOf: job.findingList)
    #expect(table.header == ["Id", "Stain", "File", "Kind", "Detail"])
    #expect(table.rows.allSatisfy { !$0[4].isEmpty })
    return table.rows.map { Array($0.fields[0..<4]) }
  }

  @Test mutating func `every kind of odd file is found, named with its stain, and only the unusable ones are rejected`() throws {
    for id in ["ambiguous", "blank", "cut", "empty", "good", "missing", "mute", "other", "text", "twelve", "wide"] { try sound(id) }
    try ImageFile.write(noise(), to: stainPath("ambiguous", .green, "jpg"), as: .jpeg())
    try ImageFile.write(RasterImage(width: 16, height: 16, grey: Array(repeating: 7, count: 256)), to: stainPath("blank", .blue))
    try FileBytes.write(Array(try FileBytes.read(stainPath("cut", .yellow)).dropLast(30)), to: stainPath("cut", .yellow))
    try FileBytes.write([], to: stainPath("empty", .red))
    try FileManager.default.removeItem(atPath: stainPath("missing", .blue))
    // The yellow file carries its picture in G and B; rgbr takes R.
    let pixels = (0..<256).flatMap { [UInt8(2), UInt8($0), UInt8($0)] }
    try ImageFile.write(RasterImage(width: 16, height: 16, channels: 3, samples: .bytes(pixels)), to: stainPath("mute", .yellow))
    try ImageFile.write(noise(width: 12), to: stainPath("other", .yellow))
    try FileBytes.write("no picture at all", to: stainPath("text", .green))
    try FileBytes.write(Array(try FileBytes.read(stainPath("text", .red)).dropLast()), to: stainPath("text", .red))
    try ImageFile.write(
      RasterImage(width: 16, height: 16, channels: 1, samples: .words((0..<256).map { $0 * 16 })), to: stainPath("twelve", .red))
    for stain in Stain.allCases { try ImageFile.write(noise(width: 20), to: stainPath("wide", stain)) }
    try ImageFile.write(noise(width: 20), to: stainPath("wide", .green), as: .jpeg(quality: 100))

    let job = job()
    let report = try job.run()
    #expect(
      try rows(job) == [
        ["ambiguous", "green", "ambiguous_green.jpg", "ambiguous"], ["blank", "blue", "blank_blue.png", "blank"],
        ["cut", "yellow", "cut_yellow.png", "truncated"], ["empty", "red", "empty_red.png", "truncated"],
        ["missing", "blue", "missing_blue.jpg", "missing"], ["mute", "yellow", "mute_yellow.png", "empty-channel"],
        ["other", "yellow", "other_yellow.png", "other-size"], ["text", "red", "text_red.png", "truncated"],
        ["text", "green", "text_green.png", "unreadable"], ["twelve", "red", "twelve_red.png", "not-8-bit"],
        ["twelve", "red", "twelve_red.png", "low-range"], ["wide", "green", "wide_green.png", "wrong-format"],
        ["wide", "red", "wide_red.png", "not-square"],
      ])
    #expect(report.rejected.map(\.id) == ["ambiguous", "cut", "empty", "missing", "other", "text"])
    #expect(report.imported == 5 && report.findings.count == 13)
    #expect(try StainFolder(folder.path("out/8")).ids() == ["blank", "good", "mute", "twelve", "wide"])
  }

  @Test mutating func `files of the same bytes and images of the same pixels are told with the first, whatever their encoding`() throws {
    for id in ["a", "b", "c", "d"] { try sound(id) }
    // c is a again, in another encoding; d shares one file with b, and one stain stands twice in it.
    for stain in Stain.allCases {
      try ImageFile.write(try ImageFile.read(stainPath("a", stain)), to: stainPath("c", stain), as: .png(level: 0))
    }
    try FileBytes.write(try FileBytes.read(stainPath("b", .red)), to: stainPath("d", .red))
    try FileBytes.write(try FileBytes.read(stainPath("d", .green)), to: stainPath("d", .yellow))
    let job = job()
    let report = try job.run()
    #expect(
      try CSVTable(contentsOf: job.findingList).rows.map(\.fields) == [
        ["c", "", "", "same-pixels", "the pixels of a"], ["d", "red", "d_red.png", "same-file", "the bytes of b_red.png (b)"],
        ["d", "yellow", "d_yellow.png", "same-file", "the bytes of d_green.png, a stain of the same image"],
      ])
    #expect(report.imported == 4 && report.rejected.isEmpty)
  }

  @Test mutating func `the report of a second run, of other threads and of halves is that of one run`() throws {
    for id in ["a", "b", "c", "d"] { try sound(id) }
    for stain in Stain.allCases { try FileBytes.write(try FileBytes.read(stainPath("a", stain)), to: stainPath("d", stain)) }
    try FileBytes.write([], to: stainPath("b", .green))
    let whole = job()
    _ = try whole.run()
    let expected = try (FileBytes.read(whole.findingList), FileBytes.read("\(whole.out)/import_journal.jsonl"))
    _ = try whole.run()
    #expect(try FileBytes.read(whole.findingList) == expected.0)
    var halves = job()
    (halves.out, halves.threads) = (folder.path("halves"), 1)
    for ids in [["c", "d"], ["a", "b"]] as [[ImageID]] {
      halves.ids = ids
      _ = try halves.run()
    }
    #expect(try FileBytes.read(halves.findingList) == expected.0)
    #expect(try FileBytes.read("\(halves.out)/import_journal.jsonl") == expected.1)
  }

  @Test mutating func `a torn line of the journal is imported again, and a mended image leaves the report`() throws {
    for id in ["a", "b", "c"] { try sound(id) }
    let mended = try FileBytes.read(stainPath("b", .green))
    try FileBytes.write(Array(mended.prefix(99)), to: stainPath("b", .green))
    let job = job()
    #expect(try job.run().rejected.map(\.id) == ["b"])
    #expect(try rows(job).map { $0[3] } == ["truncated"])
    let journal = "\(job.out)/import_journal.jsonl"
    let whole = try FileBytes.read(journal)
    try FileBytes.write(Array(whole.dropLast(40)), to: journal)
    try FileBytes.write(mended, to: stainPath("b", .green))
    #expect(try job.run() == ImageImport.Report(imported: 2, alreadyThere: 1))
    #expect(try rows(job).isEmpty)
    #expect(try FileBytes.read(journal).split(separator: UInt8(ascii: "\n")).count == 3)
  }

  @Test mutating func `an image that stops an import stands in the report all the same`() throws {
    for id in ["a", "b"] { try sound(id) }
    try FileBytes.write([1, 2, 3], to: stainPath("b", .green))
    var job = job()
    (job.errorRule, job.threads) = (.fail, 1)
    let failure = #expect(throws: Failure.self) { try job.run() }
    #expect(failure?.cure?.contains(job.findingList) == true)
    #expect(try rows(job) == [["b", "green", "b_green.png", "unreadable"]])
  }

  @Test mutating func `two imports into one folder do not mix`() throws {
    try sound("a")
    let job = job()
    try FileBytes.makeFolder(job.out)
    let lock = try FolderLock(job.out, busy: "", cure: "")
    let failure = #expect(throws: Failure.self) { try job.run() }
    #expect(failure?.kind == .unavailable && failure?.message.hasPrefix("another import writes into this folder") == true)
    withExtendedLifetime(lock) {}
  }
}

@Suite(.enabled(if: Python.isPresent, "needs scripts/setup test"), .codecFiles) struct CutOffTests {
  @Test(arguments: [
    "png-0-8-False.png", "png-2-16-True.png", "tiff-grey-16-little-None-strips.tif", "tiff-planes-8-big-lzw-tiles.tif",
    "tiff-grey-8-little-packbits-strips.tif", "pillow-tiff_lzw.tif", "pillow-None.tif", "jpeg-L-0-False.jpg", "jpeg-RGB-0-True.jpg",
  ])
  func `a file that was cut off is told from one whose bytes were changed`(name: String) throws {
    let bytes = try FileBytes.read(#require(CodecFiles.folder).path(name))
    #expect(!ImageFile.isCutOff(bytes))
    for length in Set(Array(stride(from: 0, to: bytes.count, by: 11)) + Array(max(0, bytes.count - 20)..<bytes.count)) {
      #expect(ImageFile.isCutOff(Array(bytes[..<length])), "the first \(length) of \(bytes.count) bytes")
    }
    var changed = bytes
    for place in bytes.count / 2..<bytes.count / 2 + 4 { changed[place] ^= 0xFF }
    #expect(!ImageFile.isCutOff(changed) || name.hasPrefix("tiff-planes"), "changed in the middle")
    #expect(!ImageFile.isCutOff(Array("no picture".utf8)))
  }
}
