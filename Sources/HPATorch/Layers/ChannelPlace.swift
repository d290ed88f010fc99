import CTorchABI

/// The joined output of several branches. Each of them writes its channels, so that nothing is copied; the first one makes the tensor.
public final class Joint {
  private let channels: Int
  fileprivate(set) var tensor: Tensor?

  public init(channels: Int) { self.channels = channels }

  /// The channels from `first` on.
  public func place(from first: Int) -> ChannelPlace { ChannelPlace(joint: self, first: first) }

  fileprivate func foreign(first: Int) -> HPAChannelPlace {
    HPAChannelPlace(joint: tensor?.handle, channels: Int64(channels), first: Int64(first))
  }
}

/// Some channels of a joint, for an operation to write to.
public struct ChannelPlace {
  fileprivate let joint: Joint
  fileprivate let first: Int

  /// The channels that come `count` after these.
  public func moved(by count: Int) -> ChannelPlace { ChannelPlace(joint: joint, first: first + count) }
}

extension ChannelPlace? {
  /// What `operation` gives: its own output, or the joint that it has written to.
  func written(by operation: (HPAChannelPlace) throws -> Tensor) throws -> Tensor {
    guard let place = self else { return try operation(HPAChannelPlace()) }
    let joined = try operation(place.joint.foreign(first: place.first))
    place.joint.tensor = joined
    return joined
  }

  /// Copies what an operation that cannot write to a place has given.
  func taking(_ output: Tensor) throws -> Tensor {
    guard self != nil else { return output }
    return try written { place in try output.applying { $0.place(output.handle, place, $1) } }
  }
}
