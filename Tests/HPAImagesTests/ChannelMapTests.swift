import HPACore
import HPAImages
import HPATestSupport
import Testing

@Suite struct ChannelMapTests {
  /// A folder with one image, whose four stain files are this one RGB pixel.
  private static func folder(pixel: [UInt8]) throws -> (TemporaryFolder, StainFolder) {
    let folder = try TemporaryFolder()
    for stain in Stain.allCases {
      try ImageFile.write(RasterImage(width: 1, height: 1, channels: 3, samples: .bytes(pixel)), to: folder.path("a_\(stain.rawValue).png"))
    }
    return (folder, try StainFolder(folder.path))
  }

  @Test(
    arguments: [
      ("rgbr", [10, 200, 31, 10]), ("rgbb", [10, 200, 31, 31]), ("rgbm", [10, 200, 31, 105]), ("luma", [124, 124, 124, 124]),
      ("max", [200, 200, 200, 200]),
    ] as [(String, [UInt8])])
  func `every preset takes the channels it names`(name: String, levels: [UInt8]) throws {
    let (folder, stains) = try Self.folder(pixel: [10, 200, 31])
    #expect(try stains.stack(of: "a", channelMap: .named(name)).pixels == levels)
    withExtendedLifetime(folder) {}
  }

  @Test func `an unknown preset is a usage error that lists the presets`() throws {
    let failure = #expect(throws: Failure.self) { try ChannelMap.named("rbg") }
    #expect(failure?.kind == .usage)
    for map in ChannelMap.all { #expect(failure?.cure?.contains(map.name) == true) }
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `luma equals Pillow's`() throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: testSeed())
    let image = RasterImage(
      width: 100, height: 40, channels: 3, samples: .bytes((0..<12000).map { _ in UInt8(generator.index(below: 256)) }))
    for stain in Stain.allCases { try ImageFile.write(image, to: folder.path("a_\(stain.rawValue).png")) }
    try Python.run(
      "import sys; from PIL import Image; open(sys.argv[2], 'wb').write(Image.open(sys.argv[1]).convert('L').tobytes())",
      [folder.path("a_red.png"), folder.path("luma")])
    let luma = try FileBytes.read(folder.path("luma"))
    #expect(try StainFolder(folder.path).stack(of: "a", channelMap: .luma).pixels == luma + luma + luma + luma)
  }

  @Test func `a channel that is nearly empty beside another is told, an even picture is not`() throws {
    let (folder, stains) = try Self.folder(pixel: [200, 180, 10])
    let warnings = try stains.read("a", channelMap: .rgbb).warnings
    #expect(warnings.filter { if case .emptyChannel = $0.kind { true } else { false } }.map(\.stain) == [.blue, .yellow])
    #expect(warnings.last?.kind == .emptyChannel(mean: 10, brightest: "R", brightestMean: 200))
    #expect(
      warnings.last?.description.contains("a_yellow.png: the channel taken is nearly empty (mean 10.0), R carries the picture (mean 200.0)")
        == true)
    withExtendedLifetime(folder) {}
  }

  @Test(.enabled(if: SharedData.has("images/hpav18-jpeg"), "needs shared data"))
  func `on a real HPAv18 field rgbr keeps the signal, and rgbb is warned about for yellow alone`() throws {
    let stains = try StainFolder(SharedData.path("images/hpav18-jpeg"), layout: .hpav18)
    #expect(stains.ids() == ["10008_57_F11_1", "11088_89_B5_1", "30741_800_A6_1"])
    #expect(try stains.read("11088_89_B5_1").warnings == [])
    let warnings = try stains.read("11088_89_B5_1", channelMap: .rgbb).warnings
    #expect(warnings.map(\.stain) == [.yellow])
  }

  @Test(.enabled(if: SharedData.has("images/grey-png") && SharedData.has("images/hpav18-jpeg"), "needs shared data"))
  func `one field as JPEG and as grey PNG is the same picture within the loss of JPEG`() throws {
    let jpeg = try StainFolder(SharedData.path("images/hpav18-jpeg")).stack(of: "10008_57_F11_1")
    let png = try StainFolder(SharedData.path("images/grey-png")).stack(of: "57_F11_1")
    for stain in Stain.allCases {
      let (left, right) = (Array(jpeg.plane(stain.index)), Array(png.plane(stain.index)))
      #expect(largestDifference(left, right) <= 56)
      let sum = left.withUnsafeBufferPointer { left in
        right.withUnsafeBufferPointer { right in
          var sum = 0
          for index in 0..<left.count { sum += abs(Int(left[index]) - Int(right[index])) }
          return sum
        }
      }
      #expect(Double(sum) / Double(left.count) <= 0.6, "\(stain)")
    }
  }
}
