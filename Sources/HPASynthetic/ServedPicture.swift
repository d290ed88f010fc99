import HPACore

/// How a stain looks in the files of HPAv18: an RGB picture whose three channels differ.
enum ServedPicture {
  /// R, G, B of every pixel for one stain's plane, with the bleed into other channels that the atlas' own files show.
  ///
  /// Yellow stands in R and G alike and leaves B nearly empty.
  static func pixels(_ plane: ArraySlice<UInt8>, stain: Stain) -> [UInt8] {
    let table = (0...255).map { colour(Double($0), stain: stain) }
    var pixels: [UInt8] = []
    pixels.reserveCapacity(3 * plane.count)
    for level in plane { pixels.append(contentsOf: table[Int(level)]) }
    return pixels
  }

  private static func colour(_ level: Double, stain: Stain) -> [UInt8] {
    // Bright light spills over more than dim light does.
    let spill = level * level / 255
    let channels: [Double] =
      switch stain {
      case .red: [level, 0.04 * spill, 0.05 * spill]
      case .green: [0.13 * spill, level, 0.13 * spill]
      case .blue: [0.02 * spill, 0.015 * spill, level]
      case .yellow: [level, 0.99 * level, 0.16 * spill]
      }
    return channels.map { UInt8($0.rounded()) }
  }
}
