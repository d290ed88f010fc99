import Foundation
import HPACore
import HPAImages
import HPATestSupport
import Testing

@Suite struct StainFolderTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func write(_ name: String, level: UInt8, side: Int = 2, as encoding: ImageFile.Encoding = .png()) throws {
    try ImageFile.write(
      RasterImage(width: side, height: side, grey: Array(repeating: level, count: side * side)), to: folder.path(name), as: encoding)
  }

  private func failure(of id: ImageID, layout: ImageLayout? = nil) throws -> Failure? {
    let stains = try StainFolder(folder.path, layout: layout)
    return #expect(throws: Failure.self) { try stains.stack(of: id) }
  }

  @Test func `stains are stacked in the order red, green, blue, yellow, whatever the extension and its case`() throws {
    try write("1_A_1_yellow.PNG", level: 40)
    try write("1_A_1_blue.tif", level: 30, as: .tiff())
    try write("1_A_1_red.JPG", level: 10, as: .jpeg(quality: 100))
    try write("1_A_1_green.jpeg", level: 20, as: .tiff())  // TIFF bytes under a JPEG name: the bytes count
    let stack = try StainFolder(folder.path).stack(of: "1_A_1")
    #expect(stack == PixelStack(height: 2, width: 2, pixels: [10, 20, 30, 40].flatMap { Array(repeating: UInt8($0), count: 4) }))
    #expect(try StainFolder(folder.path).stack(of: "1_A_1", size: 3).pixels.count == 4 * 9)
  }

  @Test func `ids are listed in byte order; other files, part files and hidden files are not images`() throws {
    for name in [
      "b_red.png", "a_b_green.png", "a_blue.png", "B_yellow.png", "a_pink.png", "c_red.png.part-12-34", "._d_red.png", "_red.png",
      "e_red.txt",
    ] {
      try FileBytes.write([1], to: folder.path(name))
    }
    #expect(try StainFolder(folder.path).ids() == ["B", "a", "a_b", "b"])
  }

  @Test func `a missing stain names the file that was looked for`() throws {
    for stain in ["red", "green", "yellow"] { try write("x_\(stain).png", level: 1) }
    let failure = try failure(of: "x", layout: .kagglePNG)
    #expect(failure?.kind == .missingInput)
    #expect(failure?.place == .file(folder.path("x_blue.png"), id: "x"))
    #expect(failure?.message == "the blue stain is missing")
  }

  @Test func `two files for one stain are an error that names both`() throws {
    for stain in ["red", "green", "blue", "yellow"] { try write("x_\(stain).png", level: 1) }
    try write("x_green.tif", level: 1, as: .tiff())
    let failure = try failure(of: "x")
    #expect(failure?.kind == .badData)
    #expect(failure?.message.contains(folder.path("x_green.png")) == true && failure?.message.contains(folder.path("x_green.tif")) == true)
    #expect(try StainFolder(folder.path, layout: .kagglePNG).stack(of: "x").width == 2)
  }

  @Test func `stains of different sizes are an error that names both files and sizes`() throws {
    for stain in ["red", "green", "blue"] { try write("x_\(stain).png", level: 1) }
    try write("x_yellow.png", level: 1, side: 3)
    let failure = try failure(of: "x")
    #expect(failure?.message == "the stains differ in size: \(folder.path("x_red.png")) is 2 x 2, \(folder.path("x_yellow.png")) is 3 x 3")
  }

  @Test func `a folder that is not there is missing input`() throws {
    let failure = #expect(throws: Failure.self) { try StainFolder(folder.path("nowhere")) }
    #expect(failure?.kind == .missingInput)
  }

  @Test func `blank stains, 16-bit files of a low range and pictures that are not square are told`() throws {
    for (stain, samples) in zip(Stain.allCases, [[5, 5], [0, 4000], [0, 65535], [1, 2]] as [[UInt16]]) {
      try ImageFile.write(
        RasterImage(width: 2, height: 1, channels: 1, samples: .words(samples)), to: folder.path("x_\(stain.rawValue).png"))
    }
    let kinds = try StainFolder(folder.path).read("x").warnings.map { ($0.stain, $0.kind) }
    let expected: [(Stain, StainWarning.Kind)] = [
      (.red, .blank(level: 0)), (.red, .notEightBit(bits: 16)), (.red, .lowRange(largest: 5)), (.green, .notEightBit(bits: 16)),
      (.green, .lowRange(largest: 4000)), (.blue, .notEightBit(bits: 16)), (.yellow, .blank(level: 0)), (.yellow, .notEightBit(bits: 16)),
      (.yellow, .lowRange(largest: 2)), (.red, .notSquare(width: 2, height: 1)),
    ]
    #expect(kinds.elementsEqual(expected, by: ==))
    #expect(try StainFolder(folder.path).stack(of: "x", range: .twelveBit).pixels == [0, 0, 0, 249, 0, 255, 0, 0])
  }

  @Test func `composites show red, green and blue, and add yellow to red and green`() {
    let stack = PixelStack(height: 1, width: 2, pixels: [10, 250, 20, 30, 40, 50, 5, 100])
    #expect(
      Composite.redGreenBlue.image(of: stack) == RasterImage(width: 2, height: 1, channels: 3, samples: .bytes([10, 20, 40, 250, 30, 50])))
    #expect(Composite.withYellow.image(of: stack).samples == .bytes([15, 25, 40, 255, 130, 50]))
  }
}
