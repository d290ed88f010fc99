/// A rectangle in points; y grows downwards.
public struct Box: Sendable, Equatable {
  public var x: Double
  public var y: Double
  public var width: Double
  public var height: Double

  public init(x: Double, y: Double, width: Double, height: Double) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }

  public var right: Double { x + width }
  public var bottom: Double { y + height }
  public var middle: (x: Double, y: Double) { (x + width / 2, y + height / 2) }

  /// The largest box of the proportions `width` to `height` that lies centred in this one.
  public func fitting(width: Double, height: Double) -> Box {
    let scale = min(self.width / width, self.height / height)
    let (fittedWidth, fittedHeight) = (width * scale, height * scale)
    return Box(x: x + (self.width - fittedWidth) / 2, y: y + (self.height - fittedHeight) / 2, width: fittedWidth, height: fittedHeight)
  }
}

/// An RGB picture: `pixels` are width * height * 3 bytes, row by row.
public struct RGBImage: Sendable, Equatable {
  public let width: Int
  public let height: Int
  public let pixels: [UInt8]

  /// - Precondition: a width and height of at least 1, and three bytes a pixel.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(
      width > 0 && height > 0 && pixels.count == width * height * 3, "\(pixels.count) bytes are no \(width) x \(height) RGB picture")
    self.width = width
    self.height = height
    self.pixels = pixels
  }
}
