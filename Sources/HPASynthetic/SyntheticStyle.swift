import HPACore

/// What all fields of one well share: the protein's places, and the look of the cell line and of the staining.
struct SyntheticStyle: Sendable {
  let labels: LabelSet
  /// Mean cell radius in field units.
  let cellRadius: Double
  /// Distance of neighbouring cells, in cell radii; small values give a closed lawn.
  let spacing: Double
  let elongation: Double
  let roughness: Double
  /// Radius of the nucleus in cell radii.
  let nuclearRatio: Double
  let filamentsPerCell: Int
  /// Turning of microtubules, radians a step.
  let filamentCurl: Double
  /// Meshes of the endoplasmic reticulum over the field's side.
  let meshFrequency: Double
  /// Brightness by stain, in the order r, g, b, y.
  let gains: [Double]
  /// Brightness of the green pattern by class.
  let strengths: [Double]

  init(seed: UInt64, labels: LabelSet) {
    var generator = SeededGenerator(seed: seed, stream: "synthetic style")
    self.labels = labels
    cellRadius = generator.uniform(0.15, 0.28)
    spacing = generator.uniform(1.35, 2.4)
    elongation = generator.uniform(1.0, 1.6)
    roughness = generator.uniform(0.06, 0.16)
    nuclearRatio = generator.uniform(0.38, 0.54)
    filamentsPerCell = 25 + generator.index(below: 80)
    filamentCurl = generator.uniform(0.05, 0.16)
    meshFrequency = generator.uniform(16, 44)
    gains = [generator.uniform(0.3, 1), generator.uniform(0.6, 1), generator.uniform(0.3, 1), generator.uniform(0.2, 0.9)]
    strengths = (0..<ProteinLocation.count).map { _ in generator.uniform(0.7, 1) }
  }
}
