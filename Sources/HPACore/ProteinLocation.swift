/// One of the 28 places in a cell where a protein can lie; the classes of the HPAIC challenge.
public struct ProteinLocation: Hashable, Sendable {
  /// 0 to 27, the number that label files use.
  public let id: Int
  public let name: String

  public static let all: [ProteinLocation] = names.enumerated().map { ProteinLocation(id: $0.offset, name: $0.element) }
  public static let count = 28

  private static let names = [
    "Nucleoplasm", "Nuclear membrane", "Nucleoli", "Nucleoli fibrillar center", "Nuclear speckles", "Nuclear bodies",
    "Endoplasmic reticulum", "Golgi apparatus", "Peroxisomes", "Endosomes", "Lysosomes", "Intermediate filaments",
    "Actin filaments", "Focal adhesion sites", "Microtubules", "Microtubule ends", "Cytokinetic bridge",
    "Mitotic spindle", "Microtubule organizing center", "Centrosome", "Lipid droplets", "Plasma membrane",
    "Cell junctions", "Mitochondria", "Aggresome", "Cytosol", "Cytoplasmic bodies", "Rods & rings",
  ]
}
