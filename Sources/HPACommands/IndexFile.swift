import Foundation
import HPACore
import HPAIndex
import HPAStore

/// What stands beside an index, in `FILE.json`: what it was built from, how, and how good it is (schemas/index.schema.json).
struct IndexRecord: Codable {
  let recipe: IndexRecipe
  let recall: Recall
  /// The features as they were named.
  let gallery: String
  /// SHA-256 over the rows: id, a zero byte, the features.
  let gallerySHA256: String
  let rows: Int
  let dimension: Int
  /// SHA-256 of the index's own file.
  let indexSHA256: String
  let faissVersion: String
  let programVersion: String
  let command: String
  /// UTC, ISO 8601.
  let created: String

  static func path(of index: String) -> String { index + ".json" }

  /// - Throws: `missingInput`; `badData` for a record of another form or a newer format.
  init(of index: String) throws {
    let path = Self.path(of: index)
    guard FileManager.default.fileExists(atPath: path) else {
      throw Failure(.missingInput, "no such index", at: .file(path), cure: "Build it: hpa-feat index build --out '\(index)' ...")
    }
    self = try FileBytes.read(json: path, cure: "Build it again: hpa-feat index build.")
  }

  init(_ search: ApproximateSearch, recall: Recall, of gallery: NamedRows<Float>, named name: String, indexSHA256: String) throws {
    recipe = search.recipe
    self.recall = recall
    self.gallery = name
    gallerySHA256 = ContentHash.rows(gallery)
    rows = gallery.matrix.rows
    dimension = gallery.matrix.columns
    self.indexSHA256 = indexSHA256
    faissVersion = try ApproximateSearch.libraryVersion()
    programVersion = Version.text
    command = CommandLine.line
    created = Date().ISO8601Format()
  }

  /// - Throws: `badData` where the measured recall is below the recipe's minimum.
  func requireRecall(of index: String) throws {
    guard recall.value < recipe.minimum.recall else { return }
    throw Failure(
      .badData,
      "recipe '\(recipe.name)' finds \(Output.decimal(recall.value)) of the \(recall.neighbours) nearest rows, below its minimum of \(recipe.minimum.recall)",
      at: .file(index), cure: "Raise efSearch, nprobe or oversampling in the recipe, or choose another one: hpa-feat index recipes.")
  }
}

extension IndexRecord {
  /// The index of `gallery` in a file, checked against its record.
  ///
  /// - Throws: `missingInput`; `badData` where file or gallery are not those of the record, or the recall is too low.
  func open(_ index: String, gallery: NamedRows<Float>, named name: String) throws -> ApproximateSearch {
    try requireRecall(of: index)
    let wanted = ContentHash.rows(gallery)
    guard wanted == gallerySHA256 else {
      throw Failure(
        .badData,
        "was built for other rows\n    index:   \(self.gallery), \(rows) x \(dimension), SHA-256 \(gallerySHA256.prefix(16))...\n"
          + "    gallery: \(name), \(gallery.matrix.rows) x \(gallery.matrix.columns), SHA-256 \(wanted.prefix(16))...",
        at: .file(index), cure: "Build it again: hpa-feat index build --gallery '\(name)' --recipe \(recipe.name) --out '\(index)'")
    }
    guard try ContentHash.file(index) == indexSHA256 else {
      throw Failure(.badData, "is not the file that its record describes", at: .file(index), cure: "Build it again: hpa-feat index build.")
    }
    return try ApproximateSearch(contentsOf: index, recipe: recipe, gallery: gallery, path: name)
  }
}

extension ContentHash {
  /// The hash of rows in their order: each as id, a zero byte, the little-endian float32 values.
  static func rows(_ rows: NamedRows<Float>) -> String {
    let hash = ContentHash()
    rows.matrix.values.withUnsafeBytes { values in
      let width = rows.matrix.columns * MemoryLayout<Float>.size
      for (row, id) in rows.ids.enumerated() {
        hash.update(id.text + "\0")
        hash.update(UnsafeRawBufferPointer(rebasing: values[row * width..<(row + 1) * width]))
      }
    }
    return hash.hexadecimal
  }
}
