import HPACore
import HPAImages
import HPATestSupport
import Testing

/// Imports at the sizes of the published sets, beside OpenCV.
@Suite(.enabled(if: Python.isPresent, "needs scripts/setup test")) struct FullSizeImportTests {
  /// Compares the import with `scripts/make-full-size.py`'s copies, pixel by pixel.
  private func compare(_ job: ImageImport, with folder: TemporaryFolder, images: Int) throws {
    #expect(try job.run().imported == images)
    var (pixels, differing) = (0, 0)
    for size in job.sizes {
      let made = try StainFolder("\(job.out)/\(size)")
      #expect(made.ids().count == images)
      for id in made.ids() {
        let stack = try made.stack(of: id)
        #expect(stack.width == size && stack.height == size)
        for stain in Stain.allCases {
          let (ours, theirs) = (Array(stack.plane(stain.index)), try FileBytes.read(folder.path("\(size)/\(id)_\(stain.rawValue).raw")))
          #expect(largestDifference(ours, theirs) <= 1, "\(id) \(stain) at \(size)")
          pixels += ours.count
          differing += zip(ours, theirs).reduce(0) { $0 + ($1.0 == $1.1 ? 0 : 1) }
        }
      }
    }
    print("\(job.layout.rawValue): \(differing) of \(pixels) pixels differ from OpenCV's by one level")
    #expect(differing * 1000 <= pixels)
  }

  @Test func `TIFFs of 2048 and 3072 pixels become 1024, and 800, 650 and 512 from that, as OpenCV makes them`() throws {
    let folder = try TemporaryFolder()
    try Python.runScript("scripts/make-full-size.py", ["tiff", folder.path, "\(testSeed())"])
    var job = ImageImport(images: folder.path("in"), layout: .kaggleTIFF, out: folder.path("out"), programVersion: "1")
    (job.sizes, job.threads) = ([512, 650, 800, 1024], 2)
    try compare(job, with: folder, images: 3)
  }

  @Test(.enabled(if: SharedData.has("images/hpav18-jpeg"), "needs ../shared/data"))
  func `real HPAv18 fields become 512 and 1024 by the default channel map, as Pillow and OpenCV make them`() throws {
    let folder = try TemporaryFolder()
    let images = SharedData.path("images/hpav18-jpeg")
    try Python.runScript("scripts/make-full-size.py", ["hpav18", folder.path, images])
    var job = ImageImport(images: images, layout: .hpav18, out: folder.path("out"), programVersion: "1")
    job.threads = 2
    try compare(job, with: folder, images: 3)
    #expect(try CSVTable(contentsOf: job.findingList).rows.isEmpty)
  }
}
