import HPACommands
import HPACore
import HPAImages
import HPAStore
import HPATestSupport
import Testing

/// What small files could otherwise make the program do without end.
@Suite struct LimitTests {
  @Test func `aliases of aliases are refused before they multiply`() {
    let levels = (1..<40).map { "k\($0): &k\($0) [\(Array(repeating: "*k\($0 - 1)", count: 9).joined(separator: ", "))]" }
    let text = (["k0: &k0 [x, x]"] + levels + ["? *k39", ": x"]).joined(separator: "\n")
    let failure = #expect(throws: Failure.self) { try ProjectConfiguration(bytes: Array(text.utf8), path: "hpa.yaml") }
    #expect(failure?.kind == .badData && failure?.message.contains("more than 16 aliases") == true)
  }

  @Test func `a project file of more than 256 KiB is refused unread`() {
    let text = "# " + String(repeating: "x", count: 256 << 10)
    let failure = #expect(throws: Failure.self) { try ProjectConfiguration(bytes: Array(text.utf8), path: "hpa.yaml") }
    #expect(failure?.message.contains("at most 262144 are read") == true)
  }

  @Test func `a key that stands twice is named with its line, not with the whole file`() {
    let text = "name: x\nname: y\n" + String(repeating: "# much more\n", count: 99)
    let failure = #expect(throws: Failure.self) { try ProjectConfiguration(bytes: Array(text.utf8), path: "hpa.yaml") }
    #expect(failure?.message == "'name' stands twice in a mapping" && failure?.place.row != nil)
  }

  @Test func `a number to base 60 is no whole number, and overflows nothing`() {
    let text = "version: 9223372036854775807:59\nname: x\n"
    let failure = #expect(throws: Failure.self) { try ProjectConfiguration(bytes: Array(text.utf8), path: "hpa.yaml") }
    #expect(failure?.message == "'version' is '9223372036854775807:59', not a whole number from 1 to 1" && failure?.place.row == 1)
  }

  @Test func `a view that its header makes larger than the file is refused before memory is taken for it`() throws {
    let folder = try TemporaryFolder()
    let file = Project.root.appending(path: "Tests/HPAFuzzTests/Regressions/store-pages/header-claims-80-megabytes.mdb").path
    try FileBytes.write(try FileBytes.read(file), to: folder.path("data.mdb"))
    let failure = #expect(throws: Failure.self) { try FeatureStore(folder.path).values("a") }
    #expect(
      failure?.kind == .badData && failure?.message.contains("20 vectors of 1048576 numbers by its header, more than the file") == true)
  }

  @Test func `a JPEG is read up to 500 scans`() throws {
    #expect(try ImageFile.decode(progressive(scans: 500), path: "x.jpg").width == 8)
    let failure = #expect(throws: Failure.self) { try ImageFile.decode(progressive(scans: 501), path: "x.jpg") }
    #expect(failure?.kind == .badData && failure?.message.contains("more than 500 scans") == true)
  }

  /// A black square of 8 x 8 pixels: one scan for the mean, then one for each bit of each coefficient, from the highest.
  private func progressive(scans: Int) -> [UInt8] {
    func segment(_ marker: UInt8, _ body: [UInt8]) -> [UInt8] { [0xFF, marker, 0, UInt8(body.count + 2)] + body }
    func scan(_ coefficient: UInt8, bits: UInt8) -> [UInt8] {
      segment(0xDA, [1, 1, 0, coefficient, coefficient, bits]) + [0x7F]  // one code of one bit: nothing changes
    }
    let oneCode: [UInt8] = [1] + Array(repeating: 0, count: 15) + [0]
    var file: [UInt8] = [0xFF, 0xD8]
    file += segment(0xDB, [0] + Array(repeating: 1, count: 64))
    file += segment(0xC2, [8, 0, 8, 0, 8, 1, 1, 0x11, 0])
    file += segment(0xC4, [0x00] + oneCode)
    file += segment(0xC4, [0x10] + oneCode)
    file += scan(0, bits: 0)
    for scanned in 0..<scans - 1 {
      let low = UInt8(13 - scanned % 14)
      file += scan(UInt8(1 + scanned / 14), bits: low == 13 ? low : (low + 1) << 4 | low)
    }
    return file + [0xFF, 0xD9]
  }
}
