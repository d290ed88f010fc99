import CZip
import Foundation
import HPACore

/// The files inside a zip archive that are stored as they are, neither compressed nor encrypted; read by libzip.
///
/// What is read is checked against the archive's CRC-32, always. No read takes more memory than the archive has bytes.
final class ZipArchive {
  static let signature = Array("PK\u{3}\u{4}".utf8)

  let path: String
  /// Names and sizes.
  let sizes: [String: Int]
  private let handle: OpaquePointer
  private let indices: [String: UInt64]

  /// - Throws: `missingInput`; `badData` for an archive that contradicts itself, names a file twice or compresses it.
  init(_ path: String) throws {
    self.path = path
    let file = try FileBytes.open(path)
    let byteCount = try file.seekToEnd()
    try file.close()
    var code: Int32 = 0
    guard let handle = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, &code) else {
      throw ZipArchive.broken(path, ZipArchive.reason(code))
    }
    self.handle = handle
    do {
      (sizes, indices) = try ZipArchive.contents(handle, archiveByteCount: byteCount, path: path)
    } catch {
      zip_discard(handle)
      throw error
    }
  }

  deinit { zip_discard(handle) }

  private static func contents(_ handle: OpaquePointer, archiveByteCount: UInt64, path: String) throws -> ([String: Int], [String: UInt64])
  {
    var (sizes, indices): ([String: Int], [String: UInt64]) = ([:], [:])
    for index in 0..<UInt64(max(zip_get_num_entries(handle, zip_flags_t(ZIP_FL_UNCHANGED)), 0)) {
      var status = zip_stat_t()
      zip_stat_init(&status)
      let wanted = UInt64(ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD)
      guard zip_stat_index(handle, index, zip_flags_t(ZIP_FL_UNCHANGED), &status) == 0, status.valid & wanted == wanted,
        let name = status.name
      else {
        throw broken(path, "its entry \(index) cannot be read")
      }
      let text = String(cString: name)
      guard status.comp_method == ZIP_CM_STORE, status.encryption_method == ZIP_EM_NONE else {
        throw broken(path, "'\(text)' is compressed or encrypted, which PyTorch never does")
      }
      guard status.size == status.comp_size, status.size <= archiveByteCount else {
        throw broken(path, "'\(text)' claims \(status.size) bytes")
      }
      guard indices.updateValue(index, forKey: text) == nil else { throw broken(path, "'\(text)' stands in it twice") }
      sizes[text] = Int(status.size)
    }
    return (sizes, indices)
  }

  static func broken(_ path: String, _ what: String) -> Failure {
    Failure(.badData, "is not a sound PyTorch file: \(what)", at: .file(path), cure: "Fetch or write the file again.")
  }

  private static func reason(_ code: Int32) -> String {
    var error = zip_error_t()
    zip_error_init_with_code(&error, code)
    defer { zip_error_fini(&error) }
    return String(cString: zip_error_strerror(&error))
  }

  /// The bytes `range` of a file of the archive.
  ///
  /// - Throws: `badData` where there is no such file, it is too short or its checksum is wrong.
  func read(_ name: String, _ range: Range<Int>) throws -> Data {
    guard let index = indices[name], let size = sizes[name] else { throw ZipArchive.broken(path, "it has no '\(name)'") }
    guard range.lowerBound >= 0, range.upperBound <= size else { throw ZipArchive.broken(path, "'\(name)' has \(size) bytes, too few") }
    guard let file = zip_fopen_index(handle, index, zip_flags_t(ZIP_FL_UNCHANGED)) else {
      throw ZipArchive.broken(path, "'\(name)': \(String(cString: zip_strerror(handle)))")
    }
    defer { zip_fclose(file) }
    func fill(_ buffer: UnsafeMutableRawBufferPointer) throws {
      var filled = 0
      while filled < buffer.count {
        let count = zip_fread(file, buffer.baseAddress?.advanced(by: filled), UInt64(buffer.count - filled))
        guard count > 0 else { throw ZipArchive.broken(path, "'\(name)': \(String(cString: zip_file_strerror(file)))") }
        filled += Int(count)
      }
    }
    // libzip compares the checksum where the file ends, so all of it is read, and once beyond.
    func skip(_ count: Int) throws {
      var left = count
      try withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 1) { scratch in
        while left > 0 {
          let part = UnsafeMutableRawBufferPointer(rebasing: scratch[..<min(scratch.count, left)])
          try fill(part)
          left -= part.count
        }
      }
    }
    try skip(range.lowerBound)
    var data = Data(count: range.count)
    try data.withUnsafeMutableBytes(fill)
    try skip(size - range.upperBound)
    var beyond: UInt8 = 0
    guard zip_fread(file, &beyond, 1) == 0 else { throw ZipArchive.broken(path, "the checksum of '\(name)' is wrong") }
    return data
  }
}
