import Foundation
import HPACore
import HPATestSupport

@testable import HPAStore

/// A small view and a folder for its store.
struct Sample {
  let folder: TemporaryFolder
  let ids: [ImageID]
  let rows: NamedRows<Float>

  var path: String { folder.path("features.lmdb") }

  init(count: Int = 200, dimension: Int = 128, seed: UInt64 = 1) throws {
    folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: seed)
    let ids = (0..<count).map { ImageID("\(10_000 + $0 * 7919 % 65_537)_57_F11_\($0)") }
    self.ids = ids
    rows = try NamedRows(
      ids: ids, matrix: Matrix(rows: count, columns: dimension, values: (0..<count * dimension).map { _ in Float(generator.normal()) }))
  }

  static func header(_ name: String = "hpav18@inceptionv4_800_f0", dimension: Int = 128, precision: String = "fp32") -> ViewHeader {
    ViewHeader(
      name: name, dataset: "hpav18", dimension: dimension,
      lineage: Lineage(
        checkpoint: "inceptionv4_800_f0.safetensors", checkpointSHA256: String(repeating: "ab", count: 32), backbone: "inceptionv4",
        channelMap: "rgby",
        size: 800, precision: precision, resize: "linear", preprocessing: "value / 255", programVersion: "1.0.0"),
      command: "hpa-feat extract")
  }

  static let view = "hpav18@inceptionv4_800_f0"

  func slice(_ range: Range<Int>) throws -> NamedRows<Float> {
    try NamedRows(ids: Array(ids[range]), matrix: rows.matrix.selecting(rows: Array(range)))
  }

  func begin(_ store: FeatureStore, part: Range<Int>? = nil) throws -> ViewWriter {
    try store.beginView(Sample.header(dimension: rows.matrix.columns), expectedIDs: ids, part: part.map { Array(ids[$0]) })
  }

  /// Writes the whole view, or one part of it.
  @discardableResult
  func fill(_ path: String? = nil, part: Range<Int>? = nil) throws -> ViewHeader {
    let writer = try begin(FeatureStore(path ?? self.path, mode: .readWrite), part: part)
    try writer.append(slice(part ?? ids.indices))
    return try writer.finish()
  }

  /// Turns one bit over in the stored vector of an image, as a failing disk would: everywhere, since LMDB leaves old copies in free space.
  func damage(_ row: Int) throws {
    let file = path + "/data.mdb"
    var bytes = Data(try FileBytes.read(file))
    let vector = rows.matrix[row: row].withUnsafeBytes { Data($0) }
    while let place = bytes.range(of: vector) { bytes[place.lowerBound + 5] ^= 0x10 }
    try bytes.write(to: URL(filePath: file))
  }
}
