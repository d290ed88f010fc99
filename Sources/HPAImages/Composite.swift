public import HPACore

/// One RGB picture of a stack, for people to look at.
public enum Composite: String, Sendable, CaseIterable {
  /// Red microtubules, green protein, blue nucleus; the ER is left out.
  case redGreenBlue = "rgb"
  /// The same with the ER in yellow: added to red and green, clamped at 255.
  case withYellow = "rgby"

  /// - Precondition: the stack has four channels, in the order of `Stain`.
  public func image(of stack: PixelStack) -> RasterImage {
    precondition(stack.channels == 4, "a composite needs the four stains")
    let area = stack.height * stack.width
    let bytes = [UInt8](unsafeUninitializedCapacity: 3 * area) { target, count in
      stack.pixels.withUnsafeBufferPointer { source in
        for index in 0..<area {
          let yellow = self == .withYellow ? source[index &+ 3 &* area] : 0
          target[3 &* index] = Self.sum(source[index], yellow)
          target[3 &* index &+ 1] = Self.sum(source[index &+ area], yellow)
          target[3 &* index &+ 2] = source[index &+ 2 &* area]
        }
      }
      count = 3 * area
    }
    return RasterImage(width: stack.width, height: stack.height, channels: 3, samples: .bytes(bytes))
  }

  private static func sum(_ left: UInt8, _ right: UInt8) -> UInt8 { UInt8(truncatingIfNeeded: min(UInt16(left) &+ UInt16(right), 255)) }
}
