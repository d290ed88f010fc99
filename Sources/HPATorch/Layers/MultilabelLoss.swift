/// The losses of classes that do not exclude each other.
public enum MultilabelLoss: String, Sendable, Codable, CaseIterable {
  /// torch.nn.MultiLabelSoftMarginLoss.
  case multilabelSoftMargin = "mlsm"
  /// torch.nn.BCEWithLogitsLoss.
  case binaryCrossEntropy = "bce"

  /// The mean loss of logits (N, classes) against targets of the same shape, 0 or 1.
  public func callAsFunction(_ logits: Tensor, _ targets: Tensor) throws -> Tensor {
    switch self {
    case .multilabelSoftMargin: try logits.multilabelSoftMarginLoss(targets: targets)
    case .binaryCrossEntropy: try logits.binaryCrossEntropyWithLogits(targets: targets)
    }
  }
}
