import HPACore

/// What happened to a test field on its way into the gallery.
enum PlantedChange: String, CaseIterable, Sendable {
  /// Encoded anew as JPEG.
  case encoding
  /// Every stain brightened or dimmed by its own factor.
  case tint
  /// Served at another size.
  case size

  /// Side of the picture that the gallery holds.
  func size(of side: Int) -> Int { self == .size ? side * 5 / 4 : side }

  func apply(to stack: PixelStack, seed: UInt64) -> PixelStack {
    guard self == .tint else { return stack }
    var generator = SeededGenerator(seed: seed, stream: "synthetic tint")
    var tinted = stack
    for channel in 0..<stack.channels {
      // Away from 1 on either side, so that every tint shows.
      let gain = generator.uniform() < 0.5 ? generator.uniform(0.85, 0.95) : generator.uniform(1.05, 1.15)
      let area = stack.height * stack.width
      for pixel in channel * area..<(channel + 1) * area {
        tinted.pixels[pixel] = UInt8(min((Double(stack.pixels[pixel]) * gain).rounded(), 255))
      }
    }
    return tinted
  }
}
