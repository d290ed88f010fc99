import CTorchABI
import HPACore

/// LibTorch's random numbers from a seed; each generator is a stream of its own, so nothing depends on what else draws numbers.
public final class RandomGenerator {
  let handle: OpaquePointer
  public let device: Device
  private let release: @convention(c) (OpaquePointer?) -> Void

  public init(seed: UInt64, device: Device = .cpu) throws {
    guard let made = try TorchLibrary.call({ $0.make_generator(seed, device.foreign, $1) }) else {
      throw Failure(.software, "LibTorch returned no generator")
    }
    handle = made
    release = try TorchLibrary.table().free_generator
    self.device = device
  }

  deinit { release(handle) }
}
