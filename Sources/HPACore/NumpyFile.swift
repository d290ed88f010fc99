import Foundation

/// NumPy `.npy` matrices: float32 or float64, 2-D, C order, little-endian (format versions 1 to 3).
///
/// Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
public enum NumpyFile {
  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  private struct Header {
    let scalarBytes: Int
    let rows: Int
    let columns: Int
    let dataOffset: Int
  }

  /// Reads a matrix and converts it to `Scalar` where the file holds the other width.
  ///
  /// - Throws: `missingInput`; `badData` for another type, order or rank, or a file shorter or longer than its header says.
  public static func read<Scalar: BinaryFloatingPoint & Sendable>(_ path: String, as: Scalar.Type = Scalar.self) throws -> Matrix<Scalar> {
    let handle = try FileBytes.open(path)
    defer { try? handle.close() }
    let header = try readHeader(handle, path: path)
    let count = header.rows * header.columns
    try checkSize(of: handle, is: header.dataOffset + count * header.scalarBytes, path: path)
    let values: [Scalar] =
      if header.scalarBytes == MemoryLayout<Scalar>.size {
        try readValues(handle, count: count, offset: header.dataOffset, path: path)
      } else if header.scalarBytes == 4 {
        try readValues(handle, count: count, offset: header.dataOffset, path: path).map { (value: Float) in Scalar(value) }
      } else {
        try readValues(handle, count: count, offset: header.dataOffset, path: path).map { (value: Double) in Scalar(value) }
      }
    return Matrix(rows: header.rows, columns: header.columns, values: values)
  }

  /// Writes a version 1 file that `numpy.load` reads; nothing is left behind where writing fails.
  ///
  /// - Throws: `cannotCreate`, `inputOutput`.
  public static func write<Scalar: BinaryFloatingPoint & Sendable>(_ matrix: Matrix<Scalar>, to path: String) throws {
    try FileBytes.replace(path) { handle in
      try handle.write(contentsOf: Data(header(rows: matrix.rows, columns: matrix.columns, scalarBytes: MemoryLayout<Scalar>.size)))
      try matrix.values.withUnsafeBytes { bytes in
        let chunk = 1 << 26
        for start in stride(from: 0, to: bytes.count, by: chunk) {
          try handle.write(contentsOf: Data(bytes[start..<min(start + chunk, bytes.count)]))
        }
      }
    }
  }

  private static func header(rows: Int, columns: Int, scalarBytes: Int) -> [UInt8] {
    let text = "{'descr': '<f\(scalarBytes)', 'fortran_order': False, 'shape': (\(rows), \(columns)), }"
    let padding = 64 - (magic.count + 4 + text.utf8.count + 1) % 64
    let body = Array((text + String(repeating: " ", count: padding % 64) + "\n").utf8)
    return magic + [1, 0, UInt8(body.count & 0xFF), UInt8(body.count >> 8)] + body
  }

  private static func readHeader(_ handle: FileHandle, path: String) throws -> Header {
    let prefix = [UInt8](try handle.read(upToCount: 12) ?? Data())
    guard prefix.count == 12, prefix.starts(with: magic) else {
      throw Failure(.badData, "is no .npy file", at: .file(path), cure: "Write it with numpy.save(path, matrix).")
    }
    let isVersion1 = prefix[6] == 1
    let length = Int(prefix[8]) | Int(prefix[9]) << 8 | (isVersion1 ? 0 : Int(prefix[10]) << 16 | Int(prefix[11]) << 24)
    let offset = isVersion1 ? 10 : 12
    guard (1...3).contains(prefix[6]), length <= 1 << 16 else { throw Failure(.badData, "has an unknown .npy header", at: .file(path)) }
    try handle.seek(toOffset: UInt64(offset))
    let body = [UInt8](try handle.read(upToCount: length) ?? Data())
    guard body.count == length else {
      throw Failure(.badData, "ends inside its header", at: .file(path), cure: "Copy the file again; it is truncated.")
    }
    return try parse(String(decoding: body, as: UTF8.self), dataOffset: offset + length, path: path)
  }

  private static func parse(_ text: String, dataOffset: Int, path: String) throws -> Header {
    let cure = "Save it with numpy.save(path, numpy.ascontiguousarray(matrix, dtype='float32'))."
    guard let type = text.firstMatch(of: /'descr':\s*'([^']*)'/)?.1,
      let order = text.firstMatch(of: /'fortran_order':\s*(True|False)/)?.1,
      let shape = text.firstMatch(of: /'shape':\s*\(([^)]*)\)/)?.1
    else { throw Failure(.badData, "has an unknown .npy header", at: .file(path), cure: cure) }
    guard type == "<f4" || type == "<f8" else {
      throw Failure(.badData, "holds '\(type)', not float32 or float64", at: .file(path), cure: cure)
    }
    guard order == "False" else { throw Failure(.badData, "is in Fortran order", at: .file(path), cure: cure) }
    let extents = shape.split(separator: ",").map { Int($0.trimmingCharacters(in: .whitespaces)) }
    guard extents.count == 2, let rows = extents[0], let columns = extents[1], rows >= 0, columns >= 0,
      !rows.multipliedReportingOverflow(by: columns).overflow, rows * columns < 1 << 48
    else { throw Failure(.badData, "has shape (\(shape)), not two dimensions", at: .file(path), cure: cure) }
    guard columns > 0 || rows == 0 else {
      throw Failure(.badData, "has \(rows) rows of no columns", at: .file(path), cure: "Write a matrix with one row an image: numpy.save.")
    }
    return Header(scalarBytes: type == "<f4" ? 4 : 8, rows: rows, columns: columns, dataOffset: dataOffset)
  }

  private static func checkSize(of handle: FileHandle, is expected: Int, path: String) throws {
    let actual = Int(try handle.seekToEnd())
    guard actual == expected else {
      throw Failure(
        .badData, "has \(actual) bytes where its header says \(expected)", at: .file(path),
        cure: "Copy the file again; it is \(actual < expected ? "truncated" : "damaged").")
    }
  }

  private static func readValues<Stored>(_ handle: FileHandle, count: Int, offset: Int, path: String) throws -> [Stored] {
    try [Stored](unsafeUninitializedCapacity: count) { buffer, initialized in
      let bytes = UnsafeMutableRawBufferPointer(buffer)
      var done = 0
      while done < bytes.count {
        let got = pread(handle.fileDescriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done, off_t(offset + done))
        guard got > 0 else { throw Failure(.inputOutput, "cannot be read: \(String(cString: strerror(errno)))", at: .file(path)) }
        done += got
      }
      initialized = count
    }
  }
}
