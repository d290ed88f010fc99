import HPACore
import HPAImages
import HPATestSupport
import Testing

@Suite(.enabled(if: Python.isPresent, "needs scripts/setup test"), .codecFiles) struct CodecFilesTests {
  @Test func `every variant of PNG, TIFF and JPEG decodes to the samples that Pillow and tifffile stored`() throws {
    let folder = try #require(CodecFiles.folder)
    let table = try CSVTable(contentsOf: folder.path("files.csv"))
    #expect(table.rows.count > 180)
    for row in table.rows {
      let image = try ImageFile.read(folder.path(row[0]))
      #expect([image.width, image.height, image.channels, image.bits].map(String.init) == row.fields[1...4].map { $0 }, "\(row[0])")
      let expected = try FileBytes.read(folder.path(row[0] + ".raw"))
      #expect(largestDifference(image.rawBytes, expected) <= Int(row[5])!, "\(row[0])")
    }
  }

  @Test func `what is not read is refused with its reason, and headers of 60000 pixels a side before any pixel is allocated`() throws {
    let folder = try #require(CodecFiles.folder)
    for row in try CSVTable(contentsOf: folder.path("refused.csv")).rows {
      let failure = #expect(throws: Failure.self, "\(row[0])") { try ImageFile.header(of: folder.path(row[0])) }
      #expect(failure?.kind == .badData && failure?.place.path == folder.path(row[0]) && failure?.cure != nil, "\(row[0])")
      #expect(failure?.message.contains(row[1]) == true, "\(row[0]): \(failure?.message ?? "")")
    }
  }

  @Test func `a file cut off at any byte is a failure`() throws {
    let folder = try #require(CodecFiles.folder)
    let names = [
      "png-0-8-False.png", "png-2-16-True.png", "png-palette-4.png", "tiff-grey-16-little-None-strips.tif",
      "tiff-planes-8-big-lzw-tiles.tif",
      "tiff-rgb-8-little-deflate-strips.tif", "tiff-grey-8-little-packbits-strips.tif", "pillow-tiff_lzw.tif", "pillow-None.tif",
      "jpeg-L-0-False.jpg", "jpeg-RGB-2-False.jpg", "jpeg-RGB-0-True.jpg",
    ]
    for name in names {
      let bytes = try FileBytes.read(folder.path(name))
      _ = try ImageFile.decode(bytes, path: name)
      for length in Set(Array(stride(from: 0, to: bytes.count, by: 7)) + Array(max(0, bytes.count - 40)..<bytes.count)) {
        #expect(throws: Failure.self, "\(name), the first \(length) of \(bytes.count) bytes") {
          try ImageFile.decode(Array(bytes[..<length]), path: name)
        }
      }
    }
  }

  @Test func `files with random bytes changed give a picture or a failure, never a crash`() throws {
    let folder = try #require(CodecFiles.folder)
    var generator = SeededGenerator(seed: testSeed())
    for row in try CSVTable(contentsOf: folder.path("files.csv")).rows {
      let bytes = try FileBytes.read(folder.path(row[0]))
      for _ in 0..<8 {
        var broken = bytes
        // The first bytes hold the headers, where most harm is done.
        for _ in 0..<3 {
          broken[generator.index(below: generator.index(below: 2) == 0 ? min(400, bytes.count) : bytes.count)] = UInt8(
            generator.index(below: 256))
        }
        _ = try? ImageFile.decode(broken, path: row[0])
      }
    }
  }

  @Test func `a stain file of five channels is refused, for which of them is the stain cannot be told`() throws {
    let folder = try TemporaryFolder()
    let five = try FileBytes.read(#require(CodecFiles.folder).path("five.tif"))
    for stain in Stain.allCases { try FileBytes.write(five, to: folder.path("x_\(stain.rawValue).tif")) }
    let stains = try StainFolder(folder.path)
    let failure = #expect(throws: Failure.self) { try stains.stack(of: "x") }
    #expect(
      failure?.kind == .badData && failure?.message.hasPrefix("5 channels") == true && failure?.place.path == folder.path("x_red.tif"))
  }
}

/// The files of `scripts/make-codec-files.py`, made once for a suite or a test.
struct CodecFiles: SuiteTrait, TestTrait, TestScoping {
  @TaskLocal static var folder: TemporaryFolder?

  func provideScope(for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void) async throws {
    let folder = try TemporaryFolder()
    try Python.runScript("scripts/make-codec-files.py", [folder.path, String(testSeed("codec files"))])
    try await Self.$folder.withValue(folder) { try await function() }
  }
}

extension Trait where Self == CodecFiles {
  static var codecFiles: Self { Self() }
}
