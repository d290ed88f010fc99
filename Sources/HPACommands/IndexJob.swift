import Foundation
import HPACore
import HPAIndex
import HPAStore

/// From the features of a gallery to its index, and the record beside it.
struct IndexJob {
  struct Built {
    let record: IndexRecord
    /// For people.
    let text: String
  }

  static let defaultRecallQueries = 1000

  let recipe: IndexRecipe
  let gallery: EmbeddingReference
  let threads: Int
  let out: String
  /// Rows of the gallery that recall is measured with, and what draws them.
  var recallQueries = defaultRecallQueries
  var seed: UInt64 = 0

  /// - Throws: `badData` where the recall is below the recipe's minimum: then nothing is written.
  func run() throws -> Built {
    let rows = try gallery.load()
    let started = ContinuousClock.now
    let progress = ProgressLine("index build", total: rows.matrix.rows, unit: "rows")
    let search = try ApproximateSearch(building: recipe, gallery: rows, threads: threads, path: gallery.name, progress: progress)
    let seconds = (ContinuousClock.now - started).seconds
    let recall = try search.recall(queries: recallQueries, seed: seed, threads: threads)
    let record = try write(search, recall, of: rows)
    return Built(
      record: record,
      text: "\(out): \(record.rows) x \(record.dimension) by \(recipe.factory) in \(Output.decimal(seconds, places: 1)) s; finds "
        + "\(Output.decimal(recall.value)) of the \(recall.neighbours) nearest rows (\(recall.queries) queries, at least \(recipe.minimum.recall))"
    )
  }

  /// The record goes first, so that an index is never without one: an index that does not fit its record is refused.
  private func write(_ search: ApproximateSearch, _ recall: Recall, of rows: NamedRows<Float>) throws -> IndexRecord {
    let scratch = out + ".building-\(ProcessInfo.processInfo.processIdentifier)"
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    try search.write(to: scratch)
    let record = try IndexRecord(search, recall: recall, of: rows, named: gallery.name, indexSHA256: try ContentHash.file(scratch))
    try record.requireRecall(of: out)
    try FileBytes.write(json: record, to: IndexRecord.path(of: out))
    try FileBytes.move(scratch, to: out)
    return record
  }
}
