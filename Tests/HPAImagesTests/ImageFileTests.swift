import HPACore
import HPAImages
import HPATestSupport
import Testing

@Suite struct ImageFileTests {
  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `Pillow, tifffile and OpenCV read what is written`() throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: testSeed())
    for channels in [1, 3] {
      let bytes = (0..<61 * 47 * channels).map { UInt8(truncatingIfNeeded: $0 / 9 &+ generator.index(below: 40)) }
      let words = (0..<61 * 47 * channels).map { UInt16(truncatingIfNeeded: $0 * 5 &+ generator.index(below: 4000)) }
      for (bits, samples) in [(8, RasterImage.Samples.bytes(bytes)), (16, .words(words))] {
        let image = RasterImage(width: 61, height: 47, channels: channels, samples: samples)
        let stem = "\(channels)-\(bits)"
        try FileBytes.write(image.rawBytes, to: folder.path(stem + ".raw"))
        for level in [0, 3, 9] { try ImageFile.write(image, to: folder.path("\(stem)-\(level).png"), as: .png(level: level)) }
        for compression in ImageFile.TIFFCompression.allCases {
          try ImageFile.write(image, to: folder.path("\(stem)-\(compression)-strips.tif"), as: .tiff(compression))
          try ImageFile.write(image, to: folder.path("\(stem)-\(compression)-tiles.tif"), as: .tiff(compression, tileSide: 32))
        }
        if bits == 8 { try ImageFile.write(image, to: folder.path("\(stem)-100.jpg"), as: .jpeg(quality: 100)) }
      }
    }
    let count = try Python.run(
      """
      import cv2, glob, numpy, os, sys, tifffile
      folder, count = sys.argv[1], 0
      for path in glob.glob(folder + '/*-*-*.*'):
          channels, bits = map(int, os.path.basename(path).split('-')[:2])
          wanted = numpy.fromfile(f'{folder}/{channels}-{bits}.raw', f'u{bits // 8}').reshape((47, 61, channels) if channels == 3 else (47, 61))
          if path.endswith('.tif'): read = tifffile.imread(path)
          else:
              read = cv2.imread(path, cv2.IMREAD_UNCHANGED)
              if channels == 3: read = read[..., ::-1]
          assert read.dtype == wanted.dtype and read.shape == wanted.shape, path
          difference = numpy.abs(read.astype(int) - wanted)
          if path.endswith('.jpg'): assert difference.mean() < (2 if channels == 1 else 16), (path, difference.mean())
          else: assert difference.max() == 0, path
          count += 1
      print(count)
      """, [folder.path])
    #expect(count == "38\n")
  }

  @Test func `a picture that a format cannot hold, and parameters out of range, are usage errors that leave no file`() throws {
    let folder = try TemporaryFolder()
    let pair = RasterImage(width: 2, height: 1, channels: 2, samples: .bytes([1, 2, 3, 4]))
    let words = RasterImage(width: 1, height: 1, channels: 1, samples: .words([7]))
    let grey = RasterImage(width: 1, height: 1, grey: [7])
    let cases: [(RasterImage, ImageFile.Encoding)] = [
      (pair, .png()), (pair, .tiff()), (pair, .jpeg()), (words, .jpeg()), (grey, .png(level: 10)), (grey, .jpeg(quality: 0)),
      (grey, .tiff(tileSide: 20)),
    ]
    for (image, encoding) in cases {
      #expect(throws: Failure.self) { try ImageFile.write(image, to: folder.path("picture"), as: encoding) }
      do { try ImageFile.write(image, to: folder.path("picture"), as: encoding) } catch let failure as Failure {
        #expect(failure.kind == .usage)
      }
    }
    #expect(throws: Failure.self) { try ImageFile.read(folder.path("picture")) }
  }

  @Test func `16-bit samples become bytes over the full range by default, over 12 bits on request`() {
    let image = RasterImage(width: 6, height: 1, channels: 1, samples: .words([0, 128, 129, 4095, 4096, 65535]))
    #expect(image.bytes() == [0, 0, 1, 16, 16, 255])
    #expect(image.bytes(range: .twelveBit) == [0, 8, 8, 255, 255, 255])
    let exact = RasterImage(width: 256, height: 1, channels: 1, samples: .words((0..<256).map { UInt16($0 * 257) }))
    #expect(exact.bytes() == (0...255).map { UInt8($0) })
  }

  @Test(.enabled(if: SharedData.has("images/odd"), "needs shared data"))
  func `the 16-bit TIFF and PNG of one field are equal, and JPEG bytes named .png are read`() throws {
    let tiff = try ImageFile.read(SharedData.path("images/odd/383_D2_1_blue.tif"))
    #expect(tiff.bits == 16 && tiff.channels == 1 && tiff.width == 2048)
    #expect(try ImageFile.read(SharedData.path("images/odd/383_D2_1_blue.png")) == tiff)
    let header = try ImageFile.header(of: SharedData.path("images/odd/jpeg_bytes_named.png"))
    #expect(header.format == .jpeg && header.channels == 3)
    let named = try ImageFile.read(SharedData.path("images/odd/jpeg_bytes_named.png"))
    #expect(try ImageFile.read(SharedData.path("images/hpav18-jpeg/10008_57_F11_1_blue.jpg")) == named)
  }
}
