import Foundation

/// A random generator whose numbers depend on a seed and a stream name only, never on threads or the platform.
///
/// xoshiro256** seeded by SplitMix64 (Blackman and Vigna 2018, https://prng.di.unimi.it).
public struct SeededGenerator: RandomNumberGenerator, Sendable, Equatable {
  /// The four words of state.
  public private(set) var state: [UInt64]

  /// - Parameter stream: separates uses of one seed (`"folds"`, `"sampler"`), so that none disturbs another.
  public init(seed: UInt64, stream: String = "") {
    var mixer = seed
    for byte in stream.utf8 { mixer = Self.mix(mixer ^ UInt64(byte)) }
    state = (0..<4).map { _ in
      mixer &+= 0x9E37_79B9_7F4A_7C15
      return Self.mix(mixer)
    }
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    var word = value
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }

  public mutating func next() -> UInt64 {
    let product = state[1] &* 5
    let result = (product << 7 | product >> 57) &* 9
    let shifted = state[1] << 17
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= shifted
    state[3] = state[3] << 45 | state[3] >> 19
    return result
  }

  /// Uniform in [0, 1), with 53 bits.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Uniform in [low, high).
  public mutating func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * uniform() }

  /// 0..<bound without bias.
  public mutating func index(below bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

  /// Standard normal (Box and Muller 1958).
  public mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * .pi * uniform())
  }
}
