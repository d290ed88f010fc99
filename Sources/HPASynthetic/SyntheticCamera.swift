import Foundation
import HPACore

/// What a microscope does to light: uneven illumination, a soft focus, shot noise, a dark offset, eight bits.
struct SyntheticCamera: Sendable {
  private let seed: UInt64
  private let size: Int
  private let tilt: FieldPoint
  private let vignette: Float
  private let exposure: Float

  init(seed: UInt64, size: Int) {
    var generator = SeededGenerator(seed: seed, stream: "synthetic camera")
    self.seed = seed
    self.size = size
    tilt = FieldPoint(x: Float(generator.uniform(-0.2, 0.2)), y: Float(generator.uniform(-0.2, 0.2)))
    vignette = Float(generator.uniform(0, 0.4))
    exposure = Float(generator.uniform(0.85, 1.1))
  }

  /// (size, size) of light to bytes.
  func expose(_ light: [Float], stain: Stain, gain: Float) -> [UInt8] {
    var noise = SeededGenerator(seed: seed, stream: "synthetic noise \(stain.rawValue)")
    let focused = soften(light)
    var bytes = [UInt8](repeating: 0, count: light.count)
    for pixel in bytes.indices {
      let (x, y) = (Float(pixel % size) / Float(size) - 0.5, Float(pixel / size) / Float(size) - 0.5)
      let illumination = exposure * (1 + tilt.x * x + tilt.y * y - vignette * (x * x + y * y))
      // Highlights are compressed, so that bright filaments keep their shape instead of being clipped.
      let level = 255 * (1 - exp(-1.6 * focused[pixel] * gain * illumination))
      let shot = (level * 0.5 + 1.5).squareRoot()
      bytes[pixel] = UInt8(min(max(level + shot * Self.normal(&noise), 0), 255))
    }
    return bytes
  }

  /// A binomial blur, 1-2-1 both ways.
  private func soften(_ light: [Float]) -> [Float] {
    var across = light
    var result = light
    for row in 0..<size {
      for column in 0..<size {
        let (left, right) = (max(column - 1, 0), min(column + 1, size - 1))
        across[row * size + column] = (light[row * size + left] + 2 * light[row * size + column] + light[row * size + right]) / 4
      }
    }
    for row in 0..<size {
      let (above, below) = (max(row - 1, 0), min(row + 1, size - 1))
      for column in 0..<size {
        result[row * size + column] = (across[above * size + column] + 2 * across[row * size + column] + across[below * size + column]) / 4
      }
    }
    return result
  }

  /// Nearly normal: four uniform numbers from one word (Irwin and Hall), enough for noise and quicker than the exact law.
  private static func normal(_ generator: inout SeededGenerator) -> Float {
    let word = generator.next()
    let sum = (word & 0xFFFF) + (word >> 16 & 0xFFFF) + (word >> 32 & 0xFFFF) + (word >> 48)
    return (Float(sum) * 0x1p-16 - 2) * Float(3).squareRoot()
  }
}
