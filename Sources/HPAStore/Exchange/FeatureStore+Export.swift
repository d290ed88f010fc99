import CHDF5
import Foundation
public import HPACore

extension FeatureStore {
  /// Writes a view as a matrix file and an ids file (`Id`), in key order or in that of `ids`; `ids` must all be there.
  ///
  /// - Throws: as `matrix`; `cannotCreate`, `inputOutput`.
  public func export(_ name: String, matrix: String, ids idsPath: String, ids: [ImageID]? = nil, allowIncomplete: Bool = false) throws {
    let rows = try self.matrix(name, ids: ids, allowIncomplete: allowIncomplete)
    try FileBytes.write("Id\n" + rows.ids.map { CSVTable.line([$0.text]) }.joined(), to: idsPath)
    try NumpyFile.write(rows.matrix, to: matrix)
  }

  /// Writes a view as a table: `Id,f0,f1,...`, numbers as the shortest decimals that give the same float32 back.
  ///
  /// - Parameter separator: a comma, or a tab.
  /// - Throws: as `matrix`; `badData` for an id that a table with tabs cannot hold; `cannotCreate`, `inputOutput`.
  public func exportTable(
    _ name: String, to path: String, separator: String = ",", ids: [ImageID]? = nil, allowIncomplete: Bool = false
  ) throws {
    let rows = try matrix(name, ids: ids, allowIncomplete: allowIncomplete)
    let line = { (fields: [String]) in separator == "," ? CSVTable.line(fields) : fields.joined(separator: separator) + "\n" }
    if separator != ",", let id = rows.ids.first(where: { $0.text.contains { $0 == "\t" || $0.isNewline } }) {
      throw Failure(.badData, "the id has a tab or a line end", at: .file(path, id: id.text), cure: "Write a .csv, which can hold it.")
    }
    try FileBytes.replace(path) { handle in
      try handle.write(contentsOf: Data(line(["Id"] + FeatureStore.featureNames(rows.matrix.columns)).utf8))
      for start in stride(from: 0, to: rows.ids.count, by: FeatureStore.batch) {
        try Interruption.check()
        let lines = (start..<min(start + FeatureStore.batch, rows.ids.count)).map { row in
          line([rows.ids[row].text] + rows.matrix[row: row].map { "\($0)" })
        }
        try handle.write(contentsOf: Data(lines.joined().utf8))
      }
    }
  }

  /// Writes a view as one `.npz`: `features` (N x dimension) and `ids` (N texts), which `numpy.load` reads.
  ///
  /// - Throws: as `matrix`; `cannotCreate`, `inputOutput`.
  public func exportNPZ(_ name: String, to path: String, allowIncomplete: Bool = false) throws {
    let rows = try matrix(name, allowIncomplete: allowIncomplete)
    try NumpyArchive.write(rows, to: path)
  }

  /// Writes a view as an AnnData file (`.h5ad`): X, the ids as names of the observations, and the view's header as JSON in `uns["view"]`.
  ///
  /// - Throws: as `matrix`; `unavailable` without the HDF5 library; `cannotCreate`, `inputOutput`.
  public func exportAnnData(_ name: String, to path: String, allowIncomplete: Bool = false) throws {
    let rows = try matrix(name, allowIncomplete: allowIncomplete)
    let header = try header(of: name).json()
    let features = FeatureStore.featureNames(rows.matrix.columns)
    try FileBytes.replace(path) { handle in
      try CStrings.with(rows.ids.map(\.text)) { ids in
        CStrings.with(features) { features in
          rows.matrix.values.withUnsafeBufferPointer { values in
            // By its descriptor, since the file has its name only when it is whole.
            hpa_h5ad_write(
              "/proc/self/fd/\(handle.fileDescriptor)", values.baseAddress, UInt64(rows.matrix.rows), UInt64(rows.matrix.columns), ids,
              features, "view", header)
          }
        }
      }.checked(path)
    }
  }

  private static func featureNames(_ count: Int) -> [String] { (0..<count).map { "f\($0)" } }
}

extension Int32 {
  /// - Throws: what a code of the HDF5 bridge says.
  fileprivate func checked(_ path: String) throws {
    switch Int(self) {
    case HPA_H5AD_WRITTEN: return
    case HPA_H5AD_NO_LIBRARY:
      throw Failure(.unavailable, "the HDF5 library cannot be opened", at: .file(path), cure: "Install it: apt-get install libhdf5-103-1")
    default:
      throw Failure(.inputOutput, "cannot be written", at: .file(path), cure: "Is the disk full? See: df -h.")
    }
  }
}

/// Texts as C has them.
private enum CStrings {
  static func with<Result>(_ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) throws -> Result) rethrows -> Result {
    var bytes: [CChar] = []
    var starts: [Int] = []
    for text in texts {
      starts.append(bytes.count)
      bytes.append(contentsOf: text.utf8.lazy.map { CChar(bitPattern: $0) })
      bytes.append(0)
    }
    return try bytes.withUnsafeBufferPointer { bytes in
      let pointers = starts.map { start in bytes.baseAddress.map { UnsafePointer($0 + start) } }
      return try pointers.withUnsafeBufferPointer { try body($0.baseAddress) }
    }
  }
}
