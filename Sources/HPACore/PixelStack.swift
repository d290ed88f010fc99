/// The stains of one image as bytes: (channels, height, width), planar, row by row, in the order r, g, b, y.
public struct PixelStack: Sendable, Equatable {
  public let channels: Int
  public let height: Int
  public let width: Int
  public var pixels: [UInt8]

  /// - Precondition: `pixels.count == channels * height * width`.
  public init(channels: Int = 4, height: Int, width: Int, pixels: [UInt8]) {
    precondition(pixels.count == channels * height * width, "\(pixels.count) bytes do not fill \(channels) x \(height) x \(width)")
    self.channels = channels
    self.height = height
    self.width = width
    self.pixels = pixels
  }

  public init(channels: Int = 4, height: Int, width: Int) {
    self.init(channels: channels, height: height, width: width, pixels: Array(repeating: 0, count: channels * height * width))
  }

  /// The bytes of one channel.
  public func plane(_ channel: Int) -> ArraySlice<UInt8> { pixels[channel * height * width..<(channel + 1) * height * width] }
}

/// Images of one size that go through a network together.
public struct PixelBatch: Sendable {
  public let ids: [ImageID]
  /// Side of the square images.
  public let size: Int
  /// (ids.count, 4, size, size), planar uint8.
  public let pixels: [UInt8]
  /// One set an image while training; empty otherwise.
  public let labels: [LabelSet]

  public init(ids: [ImageID], size: Int, pixels: [UInt8], labels: [LabelSet] = []) {
    precondition(pixels.count == ids.count * 4 * size * size)
    precondition(labels.isEmpty || labels.count == ids.count)
    self.ids = ids
    self.size = size
    self.pixels = pixels
    self.labels = labels
  }
}

/// Hands out batches in a fixed order; decoding may run ahead on other threads.
public protocol PixelBatchSource {
  /// The next batch, or nil after the last.
  func next() throws -> PixelBatch?
}
