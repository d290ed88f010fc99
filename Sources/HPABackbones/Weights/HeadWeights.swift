import Foundation
public import HPACore
public import HPATorch

/// The last linear layer of a checkpoint: it turns stored features into scores without a network, and without LibTorch.
public struct HeadWeights: Sendable {
  /// 28 x 128.
  public let weight: Matrix<Float>
  /// 28.
  public let bias: [Float]

  /// - Throws: `badData` where the file has no such layer.
  public init(_ file: any TensorFile) throws {
    func read(_ name: String, shape: [Int]) throws -> [Float] {
      let found = try file.entry(name).shape
      guard found == shape else { throw Failure(.badData, "\(name) is \(found), not \(shape)", at: .file(file.path)) }
      return try file.floats(name)
    }
    let (rows, columns) = (ProteinLocation.count, Network.featureCount)
    weight = Matrix(rows: rows, columns: columns, values: try read("last_linear.5.weight", shape: [rows, columns]))
    bias = try read("last_linear.5.bias", shape: [rows])
  }

  /// sigmoid(W relu(f) + b): (N x 128) to (N x 28).
  ///
  /// - Precondition: `features.columns == 128`.
  public func scores(_ features: Matrix<Float>) -> Matrix<Float> {
    precondition(features.columns == weight.columns)
    var scores = Matrix<Float>(rows: features.rows, columns: weight.rows)
    for row in 0..<features.rows {
      let feature = features[row: row].map { max($0, 0) }
      for location in 0..<weight.rows {
        let sum = zip(feature, weight[row: location]).reduce(bias[location]) { $0 + $1.0 * $1.1 }
        scores[row, location] = 1 / (1 + exp(-sum))
      }
    }
    return scores
  }
}
