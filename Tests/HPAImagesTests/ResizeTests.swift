import HPACore
import HPAImages
import HPATestSupport
import Testing

@Suite struct ResizeTests {
  private static func compareWithOpenCV(picture: [String]) throws {
    let folder = try TemporaryFolder()
    try Python.runScript("scripts/make-resized.py", [folder.path, String(testSeed())] + picture)
    for row in try CSVTable(contentsOf: folder.path("sizes.csv")).rows {
      let sides = row.fields[1...].compactMap(Int.init)
      let source = PixelStack(channels: 1, height: sides[1], width: sides[0], pixels: try FileBytes.read(folder.path(row[0] + ".in.raw")))
      for method in Resize.Method.allCases {
        let resized = source.resized(height: sides[3], width: sides[2], method: method)
        let expected = try FileBytes.read(folder.path("\(row[0]).\(method.rawValue).raw"))
        #expect(largestDifference(resized.pixels, expected) <= 1, "\(method) \(sides)")
      }
    }
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `resizing random planes equals OpenCV to one grey level, up and down, odd sizes and single pixels`() throws {
    try Self.compareWithOpenCV(picture: [])
  }

  @Test(.enabled(if: Python.isPresent && SharedData.has("images/grey-png"), "needs scripts/setup test and shared data"))
  func `resizing a real field equals OpenCV to one grey level`() throws {
    try Self.compareWithOpenCV(picture: [SharedData.path("images/grey-png/57_F11_1_green.png")])
  }

  @Test func `planes are resized each on its own, and the same size is the same stack`() {
    let stack = PixelStack(channels: 2, height: 2, width: 2, pixels: [0, 0, 0, 0, 200, 200, 200, 200])
    #expect(stack.resized(to: 2) == stack)
    for method in Resize.Method.allCases {
      #expect(stack.resized(to: 3, method: method).pixels == Array(repeating: 0, count: 9) + Array(repeating: 200, count: 9))
      #expect(stack.resized(to: 1, method: method).pixels == [0, 200])
    }
  }
}
