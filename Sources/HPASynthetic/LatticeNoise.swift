import HPACore

/// Smooth random texture over the field: hashed values on a lattice, interpolated (value noise, Perlin 1985's lattice without gradients).
struct LatticeNoise: Sendable {
  private let seed: UInt64
  /// A vector along the lattice, as long as there are lattice cells over the field's side.
  private let axis: FieldPoint

  /// - Parameter frequency: lattice cells over the field's side. The seed turns the lattice too, lest its rows show.
  init(seed: UInt64, frequency: Float) {
    self.seed = seed
    var generator = SeededGenerator(seed: seed, stream: "lattice")
    axis = .polar(frequency, Float(generator.uniform(0.3, 1.2)))
  }

  /// In 0...1.
  func value(at point: FieldPoint) -> Float {
    let (x, y) = (point.x * axis.x - point.y * axis.y, point.x * axis.y + point.y * axis.x)
    let (left, top) = (x.rounded(.down), y.rounded(.down))
    let (across, down) = (ease(x - left), ease(y - top))
    let (column, row) = (Int64(left), Int64(top))
    let upper = mix(corner(column, row), corner(column + 1, row), across)
    let lower = mix(corner(column, row + 1), corner(column + 1, row + 1), across)
    return mix(upper, lower, down)
  }

  /// Bright ridges where the noise crosses its middle: a mesh, in 0...1.
  func ridge(at point: FieldPoint) -> Float { max(0, 1 - 4 * abs(value(at: point) - 0.5)) }

  private func ease(_ part: Float) -> Float { part * part * (3 - 2 * part) }
  private func mix(_ first: Float, _ second: Float, _ part: Float) -> Float { first + (second - first) * part }

  private func corner(_ column: Int64, _ row: Int64) -> Float {
    var word = seed ^ UInt64(bitPattern: column) &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(bitPattern: row) &* 0xC2B2_AE3D_27D4_EB4F
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return Float((word ^ (word >> 31)) >> 40) * 0x1p-24
  }
}
