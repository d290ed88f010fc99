import Foundation
import HPACore
import HPAStore

extension FuzzTarget {
  /// The data file of a store, of which everything is read that the program reads, and then saved what `salvage` saves.
  ///
  /// Law: every vector that is given out or saved stands in the file with its right checksum, the four ways to read it agree, and a view
  /// that is read is one that `verify` finds sound.
  static let storePages = FuzzTarget("store-pages", longestInput: 96 << 10, largestAllocation: 8) { input in
    let (folder, saved) = (input.folder.path("store"), input.folder.path("saved"))
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    _ = try input.file("store/data.mdb")
    try refusing {
      let store = try FeatureStore(folder)
      for header in try store.views() {
        try refusing { try check(header, of: store, input) }
      }
    }
    try? FileManager.default.removeItem(atPath: saved)
    try refusing { try check(try FeatureStore.salvage(folder, to: saved), in: saved, input) }
  }

  private static func check(_ header: ViewHeader, of store: FeatureStore, _ input: Input) throws {
    let name = header.name
    try require(try store.header(of: name) == header, "the header of '\(name)' is another one in the list")
    let report = try store.verify(name)
    try require(report.checked == report.count, "verify passed records over")
    guard report.bad.isEmpty else {
      return try require((try? store.matrix(name, allowIncomplete: true)) == nil, "'\(name)' has damaged records and is read")
    }
    let read = try reread { try store.matrix(name, allowIncomplete: true) }
    let shape = (read.ids.count, read.matrix.columns)
    try require(shape == (report.count, header.dimension), "'\(name)' has another shape than its header says: \(shape)")
    let values = try reread { try store.values(name, allowIncomplete: true) }.values
    try require(values.hasBits(of: read.matrix.values), "'\(name)' has other values without its ids")
    try require(try reread { try store.summary(of: name) }.count == report.count, "the summary of '\(name)' counts otherwise")
    try requireStored(read, input)
    for row in stride(from: 0, to: read.ids.count, by: 8) {
      let vector = try reread { try store.vector(read.ids[row], in: name) }
      try require(vector.hasBits(of: Array(read.matrix[row: row])), "the vector of '\(read.ids[row])' is another one by its id")
    }
    guard header.state == .complete else { return }
    try require(try reread { try store.matrix(name) }.ids == read.ids, "'\(name)' has other ids where it must be complete")
  }

  private static func check(_ report: SalvageReport, in path: String, _ input: Input) throws {
    for view in report.views {
      let read = try reread { try FeatureStore(path).matrix(view.name, allowIncomplete: true) }
      try require(read.ids.count == view.saved, "\(read.ids.count) vectors of '\(view.name)' are there, \(view.saved) were saved")
      try requireStored(read, input)
    }
  }

  /// Looks at every eighth vector.
  private static func requireStored(_ rows: NamedRows<Float>, _ input: Input) throws {
    for row in stride(from: 0, to: rows.ids.count, by: 8) {
      try require(isStored(Array(rows.matrix[row: row]), rows.ids[row], input), "the vector of '\(rows.ids[row])' is not in the file")
    }
  }

  /// Whether the floats and the CRC-32 of id and floats stand somewhere in the file, side by side.
  private static func isStored(_ vector: [Float], _ id: ImageID, _ input: Input) -> Bool {
    let floats = vector.withUnsafeBytes { Array($0) }
    let checksum = CRC32.of(Array(id.text.utf8) + floats)
    let record = floats + withUnsafeBytes(of: checksum.littleEndian) { Array($0) }
    return input.bytes.withUnsafeBytes { $0.contains(record) }
  }
}

extension UnsafeRawBufferPointer {
  /// Whether `piece`, which is not empty, stands somewhere in it.
  fileprivate func contains(_ piece: [UInt8]) -> Bool {
    guard let start = baseAddress else { return false }
    var rest = self
    while rest.count >= piece.count, let begin = rest.baseAddress, let found = memchr(begin, CInt(piece[0]), rest.count - piece.count + 1) {
      if memcmp(found, piece, piece.count) == 0 { return true }
      rest = UnsafeRawBufferPointer(rebasing: self[(UnsafeRawPointer(found) - start + 1)...])
    }
    return false
  }
}

extension [Float] {
  fileprivate func hasBits(of other: [Float]) -> Bool { elementsEqual(other) { $0.bitPattern == $1.bitPattern } }
}
