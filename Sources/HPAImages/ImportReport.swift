import HPACore

/// `import_report.csv`: everything odd about the images of a folder, in the order of ids.
enum ImportReport {
  /// The findings of every image, and files and images that are the same as an earlier one.
  ///
  /// - Parameter entries: in the order of ids, which decides who is the first of duplicates.
  static func findings(of entries: [ImportEntry]) -> [ImportFinding] {
    var firstFile: [String: (id: ImageID, name: String)] = [:]
    var firstPixels: [String: ImageID] = [:]
    return entries.flatMap { entry in
      var found = entry.findings
      for file in entry.files {
        if let first = firstFile[file.sha256] {
          found.append(
            ImportFinding(
              id: entry.imageID, stain: file.stain, file: file.name, kind: .sameFile,
              detail: "the bytes of \(first.name)" + (first.id == entry.imageID ? ", a stain of the same image" : " (\(first.id))")))
        } else {
          firstFile[file.sha256] = (entry.imageID, file.name)
        }
      }
      if let pixels = entry.pixels {
        if let first = firstPixels[pixels] {
          found.append(ImportFinding(id: entry.imageID, kind: .samePixels, detail: "the pixels of \(first)"))
        } else {
          firstPixels[pixels] = entry.imageID
        }
      }
      return found
    }
  }

  /// - Throws: `cannotCreate`, `inputOutput`.
  static func write(_ findings: [ImportFinding], to path: String) throws {
    try FileBytes.write(([ImportFinding.columns] + findings.map(\.fields)).map(CSVTable.line).joined(), to: path)
  }
}
