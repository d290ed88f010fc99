import Foundation
public import HPACore

/// The one change that an image undergoes before it is shown to a network in training.
public enum Augmentation: Sendable, Equatable {
  /// Quarter turns, counter-clockwise (`numpy.rot90`).
  case rotate90, rotate180, rotate270
  /// Parallel to x, about the centre; what comes from outside the image is 0.
  case shear(degrees: Double)
  case flipHorizontally, flipVertically

  public static let shearRange = -16.0..<16.0

  /// One of the six with equal chance; a shear by an angle uniform in `shearRange`.
  public static func drawn(using generator: inout SeededGenerator) -> Augmentation {
    switch generator.index(below: 6) {
    case 0: .rotate90
    case 1: .rotate180
    case 2: .rotate270
    case 3: .flipHorizontally
    case 4: .flipVertically
    default: .shear(degrees: generator.uniform(shearRange.lowerBound, shearRange.upperBound))
    }
  }

  /// The augmentation of one sample of one epoch, which no other sample and no thread can disturb.
  public static func drawn(seed: UInt64, epoch: Int, sample: Int) -> Augmentation {
    var generator = SeededGenerator(seed: seed, stream: "augmentation/\(epoch)/\(sample)")
    return drawn(using: &generator)
  }

  /// The changed image; a quarter turn of (C, H, W) has the shape (C, W, H).
  public func applied(to stack: PixelStack) -> PixelStack {
    let (height, width) = (stack.height, stack.width)
    return switch self {
    case .rotate90: rearranged(stack, width, height, origin: width - 1, rowStep: -1, columnStep: width)
    case .rotate180: rearranged(stack, height, width, origin: height * width - 1, rowStep: -width, columnStep: -1)
    case .rotate270: rearranged(stack, width, height, origin: (height - 1) * width, rowStep: 1, columnStep: -width)
    case .flipHorizontally: rearranged(stack, height, width, origin: width - 1, rowStep: width, columnStep: -1)
    case .flipVertically: rearranged(stack, height, width, origin: (height - 1) * width, rowStep: -width, columnStep: 1)
    case .shear(let degrees): sheared(stack, degrees: degrees)
    }
  }

  /// Pixel (row, column) of the result is pixel `origin + row * rowStep + column * columnStep` of the source plane.
  private func rearranged(_ stack: PixelStack, _ height: Int, _ width: Int, origin: Int, rowStep: Int, columnStep: Int) -> PixelStack {
    eachPlane(of: stack, height: height, width: width) { source, target in
      for row in 0..<height {
        var index = origin + row * rowStep
        for column in 0..<width {
          target[row * width + column] = source[index]
          index += columnStep
        }
      }
    }
  }

  /// The map of imgaug 0.2 (scikit-image's AffineTransform): x' = x - sin(s) y, y' = cos(s) y about ((W - 1) / 2, (H - 1) / 2), bilinear.
  private func sheared(_ stack: PixelStack, degrees: Double) -> PixelStack {
    let (height, width) = (stack.height, stack.width)
    let (sine, cosine) = (sin(degrees * .pi / 180), cos(degrees * .pi / 180))
    let centreY = Double(height - 1) / 2
    return eachPlane(of: stack, height: height, width: width) { source, target in
      for row in 0..<height {
        let y = (Double(row) - centreY) / cosine
        // The inverse map is a plain shift within a row, so its two rows and four weights are the same for every column.
        let (sourceY, shift) = (y + centreY, sine * y)
        let (top, left) = (Int(sourceY.rounded(.down)), Int(shift.rounded(.down)))
        let (down, right) = (Float(sourceY - Double(top)), Float(shift - Double(left)))
        func pixel(_ row: Int, _ column: Int) -> Float {
          row >= 0 && row < height && column >= 0 && column < width ? Float(source[row * width + column]) : 0
        }
        for column in 0..<width {
          let x = column + left
          let above = pixel(top, x) * (1 - right) + pixel(top, x + 1) * right
          let below = pixel(top + 1, x) * (1 - right) + pixel(top + 1, x + 1) * right
          target[row * width + column] = UInt8((above * (1 - down) + below * down).rounded())
        }
      }
    }
  }

  private func eachPlane(
    of stack: PixelStack, height: Int, width: Int, _ fill: (UnsafeBufferPointer<UInt8>, UnsafeMutableBufferPointer<UInt8>) -> Void
  ) -> PixelStack {
    let area = height * width
    let pixels = [UInt8](unsafeUninitializedCapacity: stack.channels * area) { target, initialized in
      stack.pixels.withUnsafeBufferPointer { source in
        for channel in 0..<stack.channels {
          let plane = channel * area..<(channel + 1) * area
          fill(UnsafeBufferPointer(rebasing: source[plane]), UnsafeMutableBufferPointer(rebasing: target[plane]))
        }
      }
      initialized = stack.channels * area
    }
    return PixelStack(channels: stack.channels, height: height, width: width, pixels: pixels)
  }
}
