import CZip
import Foundation
import HPACore

/// NumPy's `.npz`: a zip of `.npy` members, here `features` (2-D) and `ids` (texts).
enum NumpyArchive {
  /// Writes both arrays, uncompressed; nothing is left behind where writing fails.
  ///
  /// - Throws: `cannotCreate`, `inputOutput`.
  static func write(_ rows: NamedRows<Float>, to path: String) throws {
    let scratch = path + ".part-\(ProcessInfo.processInfo.processIdentifier)"
    defer { unlink(scratch + ".npy") }
    try NumpyFile.write(rows.matrix, to: scratch + ".npy")
    let ids = NumpyTexts.encode(rows.ids.map(\.text))
    var code: Int32 = 0
    guard let archive = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code) else {
      throw Failure(.cannotCreate, "cannot be created", at: .file(path), cure: "Check that the folder can be written to.")
    }
    let isWritten = ids.withUnsafeBytes { ids in
      add("features.npy", zip_source_file(archive, scratch + ".npy", 0, -1), to: archive)
        && add("ids.npy", zip_source_buffer(archive, ids.baseAddress, zip_uint64_t(ids.count), 0), to: archive) && zip_close(archive) == 0
    }
    guard isWritten else {
      zip_discard(archive)
      throw Failure(.inputOutput, "cannot be written", at: .file(path), cure: "Is the disk full? See: df -h.")
    }
  }

  private static func add(_ name: String, _ source: OpaquePointer?, to archive: OpaquePointer) -> Bool {
    let index = zip_file_add(archive, name, source, UInt32(ZIP_FL_ENC_UTF_8))
    guard index >= 0 else {
      zip_source_free(source)
      return false
    }
    return zip_set_file_compression(archive, zip_uint64_t(index), Int32(ZIP_CM_STORE), 0) == 0
  }

  /// Reads `features`, or the only 2-D array there is, and `ids` where there are any.
  ///
  /// - Throws: `missingInput`; `badData` for what is no such archive.
  static func read(_ path: String) throws -> (features: Matrix<Float>, ids: [ImageID]?) {
    _ = try FileBytes.open(path)
    var code: Int32 = 0
    guard let archive = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, &code) else {
      throw Failure(.badData, "is no .npz file", at: .file(path), cure: "Write it with numpy.savez(path, features=F, ids=I).")
    }
    defer { zip_discard(archive) }
    let names = (0..<max(0, zip_get_num_entries(archive, 0))).compactMap {
      zip_get_name(archive, zip_uint64_t($0), 0).map { String(cString: $0) }
    }
    let others = names.filter { $0 != "ids.npy" }
    guard let features = names.contains("features.npy") ? "features.npy" : others.count == 1 ? others.first : nil else {
      throw Failure(
        .badData, "holds \(names.joined(separator: ", ")), and none is called features", at: .file(path),
        cure: "Name the matrix: numpy.savez(path, features=F, ids=I).")
    }
    let scratch = FileManager.default.temporaryDirectory.path + "/hpa-feat-\(UUID().uuidString).npy"
    defer { unlink(scratch) }
    try FileBytes.replace(scratch) { handle in try forEachPiece(of: features, archive, path) { try handle.write(contentsOf: $0) } }
    var ids: [UInt8] = []
    if names.contains("ids.npy") { try forEachPiece(of: "ids.npy", archive, path) { ids += $0 } }
    let matrix: Matrix<Float>
    do {
      matrix = try NumpyFile.read(scratch)
    } catch var failure as Failure {
      failure.place.path = "\(path), \(features)"
      throw failure
    }
    return (matrix, try ids.isEmpty ? nil : NumpyTexts.decode(ids, path: "\(path), ids.npy").map { ImageID($0) })
  }

  /// Gives what a member holds, piece by piece; libzip checks its CRC-32 at the end.
  private static func forEachPiece(of name: String, _ archive: OpaquePointer, _ path: String, _ body: (ArraySlice<UInt8>) throws -> Void)
    throws
  {
    let damaged = Failure(.badData, "its member \(name) is damaged", at: .file(path), cure: "Copy the file again.")
    guard let member = zip_fopen(archive, name, 0) else { throw damaged }
    defer { zip_fclose(member) }
    var piece = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let got = zip_fread(member, &piece, zip_uint64_t(piece.count))
      guard got >= 0 else { throw damaged }
      guard got > 0 else { return }
      try body(piece[..<Int(got)])
    }
  }
}

/// One-dimensional `.npy` arrays of texts: `<U` (UCS-4) and `|S` (bytes, taken as UTF-8), both of fixed width, filled with zeros.
enum NumpyTexts {
  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]

  static func encode(_ texts: [String]) -> [UInt8] {
    let width = max(1, texts.map(\.unicodeScalars.count).max() ?? 1)
    let text = "{'descr': '<U\(width)', 'fortran_order': False, 'shape': (\(texts.count),), }"
    let padding = (64 - (magic.count + 2 + text.utf8.count + 1) % 64) % 64
    let header = Array((text + String(repeating: " ", count: padding) + "\n").utf8)
    var bytes = magic + [UInt8(header.count & 0xFF), UInt8(header.count >> 8)] + header
    bytes.reserveCapacity(bytes.count + texts.count * width * 4)
    for text in texts {
      let end = bytes.count + width * 4
      for scalar in text.unicodeScalars { withUnsafeBytes(of: scalar.value.littleEndian) { bytes.append(contentsOf: $0) } }
      bytes.append(contentsOf: repeatElement(0, count: end - bytes.count))
    }
    return bytes
  }

  /// - Throws: `badData` for any other array.
  static func decode(_ bytes: [UInt8], path: String) throws -> [String] {
    let unknown = Failure(.badData, "is no list of texts", at: .file(path), cure: "Save the ids with numpy.array(ids, dtype=str).")
    guard bytes.count >= 12, bytes.starts(with: magic.prefix(6)), (1...3).contains(bytes[6]) else { throw unknown }
    let isFirst = bytes[6] == 1
    let length = Int(bytes[8]) | Int(bytes[9]) << 8 | (isFirst ? 0 : Int(bytes[10]) << 16 | Int(bytes[11]) << 24)
    let start = (isFirst ? 10 : 12) + length
    guard start <= bytes.count else { throw unknown }
    let header = String(decoding: bytes[(isFirst ? 10 : 12)..<start], as: UTF8.self)
    guard let type = header.firstMatch(of: /'descr':\s*'(<U|\|S)([0-9]+)'/), let width = Int(type.2), (1...4096).contains(width),
      let count = header.firstMatch(of: /'shape':\s*\(\s*([0-9]+)\s*,\s*\)/).flatMap({ Int($0.1) })
    else { throw unknown }
    let isWide = type.1 == "<U"
    let bytesEach = isWide ? width * 4 : width
    guard bytes.count - start == count.multipliedReportingOverflow(by: bytesEach).partialValue, count <= bytes.count else { throw unknown }
    return try (0..<count).map { index in
      let field = bytes[(start + index * bytesEach)..<(start + (index + 1) * bytesEach)]
      guard let text = isWide ? wide(field) : String(validating: field.prefix { $0 != 0 }, as: UTF8.self) else { throw unknown }
      return text
    }
  }

  private static func wide(_ field: ArraySlice<UInt8>) -> String? {
    var text = String.UnicodeScalarView()
    for place in stride(from: field.startIndex, to: field.endIndex, by: 4) {
      let value = (0..<4).reduce(UInt32(0)) { $0 | UInt32(field[place + $1]) << UInt32(8 * $1) }
      guard value != 0 else { break }
      guard let scalar = UnicodeScalar(value) else { return nil }
      text.append(scalar)
    }
    return String(text)
  }
}
