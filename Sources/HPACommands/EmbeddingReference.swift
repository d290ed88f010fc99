import HPACore
import HPAStore

/// Features by name: an `.npy` file with its ids, or a view of a store.
struct EmbeddingReference {
  /// The file or view as the person named it.
  let name: String
  private let idsPath: String?
  private let store: String

  init(_ name: String, ids: String?, store: String) {
    self.name = name
    idsPath = ids
    self.store = store
  }

  private var isFile: Bool { name.hasSuffix(".npy") }
  var hasRowNumbers: Bool { isFile && idsPath == nil }

  /// - Throws: `missingInput`, or `badData` for a damaged file, a wrong number of ids or an incomplete view.
  func load() throws -> NamedRows<Float> {
    guard isFile else { return try FeatureStore.reading(store).matrix(name) }
    let matrix: Matrix<Float> = try NumpyFile.read(name)
    guard let idsPath else { return try NamedRows(ids: Self.rowNumbers(matrix.rows), matrix: matrix, path: name) }
    return try NamedRows(ids: try ImageID.list(contentsOf: idsPath), matrix: matrix, path: idsPath)
  }

  /// - Throws: `badData` with both sides where two views cannot be compared; nothing is known about files.
  static func checkComparable(_ left: EmbeddingReference, _ right: EmbeddingReference) throws {
    guard let first = try left.header(), let second = try right.header() else { return }
    try ViewHeader.checkComparable(first, second)
    let maps = [first, second].compactMap(\.lineage.channelMap)
    if Set(maps).count == 2 {
      Talk.say("note: channel maps differ (\(maps.joined(separator: ", "))): right only where the stains of one data set are grey files.")
    }
  }

  private func header() throws -> ViewHeader? { isFile ? nil : try FeatureStore(store).header(of: name) }

  /// Row numbers of equal width, so that their order as ids is their order as numbers.
  private static func rowNumbers(_ count: Int) -> [ImageID] {
    let width = String(count).utf8.count
    return (0..<count).map { row in
      ImageID(
        String(unsafeUninitializedCapacity: width) { digits in
          var left = row
          for place in (0..<width).reversed() {
            digits[place] = UInt8(ascii: "0") + UInt8(left % 10)
            left /= 10
          }
          return width
        })
    }
  }

  /// The id as people see it: a row number without leading zeros where the file came without ids.
  func publicID(_ id: ImageID) -> ImageID { hasRowNumbers ? ImageID(Int(id.text).map(String.init) ?? id.text) : id }
}
