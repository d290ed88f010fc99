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
    cellRadius = generator.uniform(0.205, 0.25)
    spacing = generator.uniform(1.45, 1.95)
    elongation = generator.uniform(1.0, 1.3)
    roughness = generator.uniform(0.06, 0.16)
    nuclearRatio = generator.uniform(0.42, 0.5)
    filamentsPerCell = 50 + generator.index(below: 40)
    filamentCurl = generator.uniform(0.05, 0.16)
    meshFrequency = generator.uniform(26, 38)
    gains = [generator.uniform(0.65, 0.95), generator.uniform(0.75, 1), generator.uniform(0.65, 0.95), generator.uniform(0.55, 0.9)]
    strengths = (0..<ProteinLocation.count).map { _ in generator.uniform(0.85, 1) }
  }
}
