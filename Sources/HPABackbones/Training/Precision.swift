import HPATorch

/// The numbers that convolutions and matrix products are computed in; weights, sums and losses are float32 always.
public enum Precision: String, Sendable, Codable, CaseIterable {
  case float32 = "fp32"
  case bfloat16 = "bf16"

  var dataType: DataType {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    }
  }

  func run<Result>(on device: Device, _ body: () throws -> Result) throws -> Result {
    switch self {
    case .float32: try body()
    case .bfloat16: try Scope.bfloat16(on: device, body)
    }
  }
}
