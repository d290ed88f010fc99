import HPACore
import HPAImages
import HPATestSupport
import Testing

/// Stain files as other programs write and read them.
@Suite(.enabled(if: Python.isPresent, "needs scripts/setup test")) struct StainDecodingTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func `rows of every filter, of every width and height about those of a vector, are the pixels that OpenCV reads`() throws {
    let names = try Python.run(
      """
      import cv2, numpy, struct, sys, zlib
      folder, random = sys.argv[1], numpy.random.default_rng(int(sys.argv[2]))
      def chunk(kind, content): return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))
      for width in list(range(1, 36)) + [127, 128, 129, 257]:
          for height in (1, 2, 14, 15, 16, 17, 31, 46):
              for filters in (random.integers(0, 5, height), numpy.full(height, 4)):
                  steps = random.choice([0, 1, 2, 254, 255, random.integers(256)], (height, width))
                  rows = b''.join(bytes([kind]) + row.astype('u1').tobytes() for kind, row in zip(filters, steps))
                  data, name = zlib.compress(rows), f'{width}-{height}-{filters[-1]}-{random.integers(1 << 60)}.png'
                  with open(f'{folder}/{name}', 'wb') as file:
                      file.write(b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0)))
                      file.write(chunk(b'IDAT', data[:9]) + chunk(b'IDAT', data[9:]) + chunk(b'IEND', b''))
                  cv2.imread(f'{folder}/{name}', cv2.IMREAD_UNCHANGED).tofile(f'{folder}/{name}.raw')
                  print(name)
      """, [folder.path, String(testSeed())]
    ).split(separator: "\n").map(String.init)
    #expect(names.count == 624)
    for name in names {
      #expect(try ImageFile.read(folder.path(name)).rawBytes == FileBytes.read(folder.path(name + ".raw")), "\(name)")
    }
  }

  @Test func `TIFFs whose pixels need no decoding are what tifffile stored, wherever and however they lie`() throws {
    try Python.run(
      """
      import numpy, sys, tifffile
      from PIL import Image
      folder, random = sys.argv[1], numpy.random.default_rng(int(sys.argv[2]))
      picture = lambda kind='u1': random.integers(0, numpy.iinfo(kind).max, (150, 211), kind)
      def write(name, plane, expected=None, **options):
          for stain in ('red', 'green', 'blue', 'yellow'):
              tifffile.imwrite(f'{folder}/{name}_{stain}.tif', plane, metadata=None, **options)
          (plane if expected is None else expected).tofile(f'{folder}/{name}.raw')
      for name, options in dict(one={}, strips=dict(rowsperstrip=16), big=dict(byteorder='>', rowsperstrip=7), large=dict(bigtiff=True),
                                apart=dict(rowsperstrip=16, align=4096), tiles=dict(tile=(64, 64)), lzw=dict(compression='lzw')).items():
          write(name, picture(), photometric='minisblack', **options)
      inverted, deep, planes = picture(), picture('u2'), picture()
      write('inverted', inverted, 255 - inverted, photometric='miniswhite')
      write('deep', deep, ((deep.astype('u4') * 255 + 32767) // 65535).astype('u1'))
      for stain in ('red', 'green', 'blue', 'yellow'):
          Image.fromarray(planes).save(f'{folder}/pillow_{stain}.tif')
      planes.tofile(f'{folder}/pillow.raw')
      """, [folder.path, String(testSeed())])
    let stains = try StainFolder(folder.path)
    #expect(stains.ids().count == 10)
    for id in stains.ids() {
      let plane = try FileBytes.read(folder.path("\(id).raw"))
      #expect(try stains.stack(of: id).pixels == plane + plane + plane + plane, "\(id)")
    }
    let (whole, cut) = (try FileBytes.read(folder.path("one_red.tif")), folder.path("strips_red.tif"))
    try FileBytes.write(Array(whole.dropLast(9)), to: cut)
    let failure = #expect(throws: Failure.self) { try stains.stack(of: "strips") }
    #expect(failure?.kind == .badData && failure?.place.path == cut)
  }

  @Test func `a stain out of a JPEG is the channel that Pillow finds in the whole picture`() throws {
    try Python.run(
      """
      import numpy, sys
      from PIL import Image, ImageChops
      folder, random = sys.argv[1], numpy.random.default_rng(int(sys.argv[2]))
      for number, (width, height, subsampling) in enumerate([(1, 1, 2), (15, 16, 2), (61, 47, 2), (333, 97, 1), (64, 200, 0)]):
          small = Image.fromarray(random.integers(0, 256, (height // 9 + 2, width // 9 + 2, 3), 'u1'))
          for stain in ('red', 'green', 'blue', 'yellow'):
              path = f'{folder}/{number}_{stain}.jpg'
              small.resize((width, height)).save(path, quality=88, subsampling=subsampling)
          red, green, blue = Image.open(path).split()
          mean = (numpy.asarray(red, 'u2') + numpy.asarray(green) + 1) // 2
          largest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
          planes = dict(r=red, g=green, b=blue, m=mean.astype('u1'), l=Image.open(path).convert('L'), x=largest)
          for name, plane in planes.items(): numpy.asarray(plane).tofile(f'{folder}/{number}.{name}')
      """, [folder.path, String(testSeed())])
    let stains = try StainFolder(folder.path)
    let maps: [(ChannelMap, [String])] = [
      (.rgbr, ["r", "g", "b", "r"]), (.rgbb, ["r", "g", "b", "b"]), (.rgbm, ["r", "g", "b", "m"]), (.luma, ["l", "l", "l", "l"]),
      (.max, ["x", "x", "x", "x"]),
    ]
    #expect(stains.ids().count == 5)
    for id in stains.ids() {
      for (map, channels) in maps {
        let expected = try channels.flatMap { try FileBytes.read(folder.path("\(id).\($0)")) }
        #expect(try stains.stack(of: id, channelMap: map).pixels == expected, "\(id) \(map)")
        #expect(try stains.read(id, channelMap: map).stack.pixels == expected, "\(id) \(map), with warnings")
      }
    }
  }

  @Test(.codecFiles)
  func `stains of every kind of file are the same with and without warnings, on any number of threads, and resized`() throws {
    let files = try #require(CodecFiles.folder)
    var stacks = 0
    for row in try CSVTable(contentsOf: files.path("files.csv")).rows where Int(row[3])! <= 4 {
      let (bytes, ending) = (try FileBytes.read(files.path(row[0])), row[0].split(separator: ".").last!)
      for stain in Stain.allCases { try FileBytes.write(bytes, to: folder.path("x_\(stain.rawValue).\(ending)")) }
      let stains = try StainFolder(folder.path)
      let expected = try stains.read("x").stack
      for threads in [1, 3] { #expect(try stains.stack(of: "x", threads: threads) == expected, "\(row[0])") }
      for method in Resize.Method.allCases {
        #expect(try stains.stack(of: "x", size: 9, method: method) == expected.resized(to: 9, method: method), "\(row[0])")
      }
      for stain in Stain.allCases { try FileBytes.remove(folder.path("x_\(stain.rawValue).\(ending)")) }
      stacks += 1
    }
    #expect(stacks > 180)
  }
}
