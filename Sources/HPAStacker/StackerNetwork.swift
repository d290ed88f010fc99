import HPACore
import HPATorch

/// BatchNorm -> Dropout -> Linear -> ReLU -> Dropout -> Linear: (N, columns) features to (N, 28) logits.
///
/// Source: the vpp team's stacker; parameter names are those of the same `torch.nn.Sequential` (`0.weight`, `2.weight`, `5.weight`).
struct StackerNetwork {
  private let normalization: BatchNorm
  private let hidden: Linear
  private let head: Linear
  private let dropout: Dropout

  init(_ path: ParameterPath, columns: Int, width: Int, dropout probability: Double) throws {
    normalization = try BatchNorm(path / 0, columns)
    hidden = try Linear(path / 2, columns, width)
    head = try Linear(path / 5, width, ProteinLocation.count)
    dropout = Dropout(probability)
  }

  func callAsFunction(_ features: Tensor, _ mode: ForwardMode) throws -> Tensor {
    let normalized = try dropout(normalization(features, mode), mode)
    return try head(dropout(hidden(normalized).relu(), mode))
  }
}
