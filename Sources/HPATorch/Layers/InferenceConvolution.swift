import CTorchABI
import HPACore

/// A convolution by kernels of our own, whose weights are packed once: for processors with AVX-512.
final class InferenceConvolution {
  private let handle: OpaquePointer
  private let release: @convention(c) (OpaquePointer?) -> Void

  /// Nil where this processor, or the form of the convolution, needs another way.
  ///
  /// - Parameters:
  ///   - weight: (out, in, height, width).
  ///   - depthwise: (in, 1, 3, 3): a convolution of each channel alone, padded by 1, before this one.
  ///   - rectifiesInput: only with `depthwise`, whose input it is.
  ///   - image: the size of images that is expected; others will do, too.
  init?(
    weight: Tensor, bias: Tensor?, depthwise: Tensor? = nil, rectifiesInput: Bool = false, stride: Extent, padding: Extent, image: Extent,
    type: DataType
  ) throws {
    release = try TorchLibrary.table().free_convolution
    let made = try weight.asking(bias, depthwise) {
      $0.make_convolution(
        weight.handle, bias?.handle, depthwise?.handle, rectifiesInput, stride.foreign, padding.foreign, image.foreign, type.rawValue,
        $1)
    }
    guard let made else { return nil }
    handle = made
  }

  deinit { release(handle) }

  /// - Parameter addend: has the output's shape.
  func callAsFunction(_ input: Tensor, adding addend: Tensor? = nil, isRectified: Bool, into place: ChannelPlace?) throws -> Tensor {
    try withExtendedLifetime(self) {
      try place.written { place in
        try input.applying(addend) { $0.convolve(handle, input.handle, addend?.handle, isRectified, place, $1) }
      }
    }
  }
}
