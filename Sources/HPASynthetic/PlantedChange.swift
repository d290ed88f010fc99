import HPACore
import HPAImages

/// What happened to a test field on its way into the gallery.
enum PlantedChange: String, CaseIterable, Sendable {
  /// Encoded anew as JPEG.
  case encoding
  /// Every stain brightened or dimmed by its own factor.
  case tint
  /// Taken at twice the size, and served at half as much again as its twin.
  case size

  func apply(to stack: PixelStack, seed: UInt64) -> PixelStack {
    switch self {
    case .encoding: return stack
    case .tint: return tinted(stack, seed: seed)
    case .size: return stack.resized(to: stack.width * 3 / 4, method: .area)
    }
  }

  private func tinted(_ stack: PixelStack, seed: UInt64) -> PixelStack {
    var generator = SeededGenerator(seed: seed, stream: "synthetic tint")
    var tinted = stack
    for channel in 0..<stack.channels {
      // Away from 1 on either side, so that every tint shows.
      let gain = generator.uniform() < 0.5 ? generator.uniform(0.94, 0.97) : generator.uniform(1.03, 1.06)
      let area = stack.height * stack.width
      for pixel in channel * area..<(channel + 1) * area {
        tinted.pixels[pixel] = UInt8(min((Double(stack.pixels[pixel]) * gain).rounded(), 255))
      }
    }
    return tinted
  }
}
