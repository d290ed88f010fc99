import HPACore
import HPAPictures

extension LineChart.LearningCurve {
  /// Reads the log that `train` writes: `Epoch,...,TrainLoss,ValidationLoss,...`, one row an epoch from 1 on.
  ///
  /// - Throws: `missingInput`; `badData` with file and row for an epoch out of turn or a loss that is no number.
  init(contentsOf path: String) throws {
    let table = try CSVTable(contentsOf: path)
    let (epoch, losses) = (try table.column("Epoch"), try ["TrainLoss", "ValidationLoss"].map(table.column))
    var columns: [[Double]] = [[], []]
    for (index, row) in table.rows.enumerated() {
      guard row[epoch] == "\(index + 1)" else {
        throw Failure(
          .badData, "epoch '\(row[epoch])' where \(index + 1) is next", at: .file(path, row: row.line),
          cure: "Give the log of one training.")
      }
      for (place, column) in losses.enumerated() {
        guard let loss = Double(row[column]) else {
          throw Failure(.badData, "'\(row[column])' is no loss", at: .file(path, row: row.line), cure: "Give a log that train wrote.")
        }
        columns[place].append(loss)
      }
    }
    self.init(training: columns[0], validation: columns[1])
  }
}
