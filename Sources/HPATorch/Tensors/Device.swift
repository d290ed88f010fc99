import CTorchABI
import HPACore

/// Where a tensor lives and is computed on.
public enum Device: Sendable, Equatable, CustomStringConvertible {
  case cpu
  case cuda(Int)

  /// Reads `cpu`, `cuda` or `cuda:1`.
  ///
  /// - Throws: `usage`.
  public init(parsing text: String) throws {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    switch (parts.first, parts.count) {
    case ("cpu", 1): self = .cpu
    case ("cuda", 1): self = .cuda(0)
    case ("cuda", 2):
      guard let index = Int(parts[1]), index >= 0 else { fallthrough }
      self = .cuda(index)
    default: throw Failure(.usage, "there is no device '\(text)'", cure: "Use cpu, cuda or cuda:0.")
    }
  }

  public var description: String {
    switch self {
    case .cpu: "cpu"
    case .cuda(let index): "cuda:\(index)"
    }
  }

  /// `cpu` or `cuda`: numbers of one kind are alike to the last digit, those of the other are not.
  public var kind: String {
    switch self {
    case .cpu: "cpu"
    case .cuda: "cuda"
    }
  }

  var foreign: HPADevice {
    switch self {
    case .cpu: HPADevice(type: Int32(HPA_TORCH_CPU), index: 0)
    case .cuda(let index): HPADevice(type: Int32(HPA_TORCH_CUDA), index: Int32(clamping: index))
    }
  }

  init(_ foreign: HPADevice) { self = foreign.type == HPA_TORCH_CUDA ? .cuda(Int(foreign.index)) : .cpu }

  /// - Throws: `unavailable` where the machine or the library has no such device.
  public func requirePresence() throws {
    guard case .cuda(let index) = self else { return }
    let count = try TorchLibrary.cudaDevices()
    guard index < count else {
      throw Failure(
        .unavailable, "\(self) is not there: LibTorch sees \(count) CUDA devices",
        cure: "Use --device cpu, or set up a CUDA build of LibTorch.")
    }
  }
}
