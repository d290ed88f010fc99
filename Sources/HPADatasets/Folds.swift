public import HPACore

/// Divisions of the labelled images into a training and a validation part, one a model.
public struct Folds: Sendable, Equatable {
  public enum Scheme: String, CaseIterable, Codable, Sendable {
    /// Every image is in the validation part of exactly one fold.
    case kfold
    /// Every fold is a division by itself; an image can be in several validation parts or in none.
    case shuffle
  }

  public let scheme: Scheme
  /// The images divided, in the order of the table they came from.
  public let ids: [ImageID]
  /// By fold: the rows of `ids` in the validation part, ascending.
  let validationRows: [[Int]]

  public var count: Int { validationRows.count }

  /// The images that `fold` is judged by, in the order of `ids`.
  /// - Precondition: `fold` is in 0..<count.
  public func validation(fold: Int) -> [ImageID] { validationRows[fold].map { ids[$0] } }

  /// The images that `fold` is trained on, in the order of `ids`.
  /// - Precondition: `fold` is in 0..<count.
  public func training(fold: Int) -> [ImageID] {
    let held = isValidation(fold: fold)
    return ids.indices.filter { !held[$0] }.map { ids[$0] }
  }

  /// Whether each of `ids` is in the validation part of `fold`.
  func isValidation(fold: Int) -> [Bool] {
    var held = Array(repeating: false, count: ids.count)
    for row in validationRows[fold] { held[row] = true }
    return held
  }

  /// Throws unless there is a fold of that number.
  ///
  /// - Throws: `usage`.
  public func check(fold: Int) throws {
    guard validationRows.indices.contains(fold) else {
      throw Failure(.usage, "there is no fold \(fold)", cure: "Give a fold from 0 to \(count - 1).")
    }
  }
}

extension Folds {
  /// The share of the images that a `shuffle` fold holds out.
  public static let defaultValidationFraction = 0.08

  /// Divides images so that every part has its share of every class (iterative stratification, Sechidis et al. 2011).
  ///
  /// Depends on the ids with their labels, the groups and the seed, not on the order of rows: ids are sorted first.
  /// Without groups, `kfold` folds differ by one image at most.
  ///
  /// - Parameters:
  ///   - groups: images that stay in one part.
  ///   - validationFraction: of `shuffle` folds; `kfold` holds out 1/count.
  /// - Throws: `usage` for fewer than two `kfold` folds, for more folds than images or groups, or a fraction that leaves a part empty.
  public static func stratified(
    _ table: LabelTable, count: Int, scheme: Scheme = .kfold, seed: UInt64, groups: ImageGroups = ImageGroups(),
    validationFraction: Double = defaultValidationFraction
  ) throws -> Folds {
    let units = unitRows(of: table, groups: groups)
    try check(count: count, scheme: scheme, units: units.count, validationFraction: validationFraction)
    let stratification = Stratification(units: units.map { rows in rows.map { table.labels[$0] } })
    let rows = { (parts: [Int], part: Int) in zip(units, parts).flatMap { $1 == part ? $0 : [] }.sorted() }
    switch scheme {
    case .kfold:
      var generator = SeededGenerator(seed: seed, stream: "folds/kfold")
      let parts = stratification.parts(ratios: Array(repeating: 1 / Double(count), count: count), using: &generator)
      return Folds(scheme: scheme, ids: table.ids, validationRows: (0..<count).map { rows(parts, $0) })
    case .shuffle:
      let validationRows = (0..<count).map { split in
        var generator = SeededGenerator(seed: seed, stream: "folds/shuffle/\(split)")
        return rows(stratification.parts(ratios: [validationFraction, 1 - validationFraction], using: &generator), 0)
      }
      return Folds(scheme: scheme, ids: table.ids, validationRows: validationRows)
    }
  }

  /// The rows of every image or group, in the order of their smallest ids.
  private static func unitRows(of table: LabelTable, groups: ImageGroups) -> [[Int]] {
    var groups = groups
    var units: [[Int]] = []
    var unitOfRoot: [ImageID: Int] = [:]
    for row in table.ids.indices.sorted(by: { table.ids[$0] < table.ids[$1] }) {
      let root = groups.root(of: table.ids[row])
      if let unit = unitOfRoot[root] {
        units[unit].append(row)
      } else {
        unitOfRoot[root] = units.count
        units.append([row])
      }
    }
    return units
  }

  private static func check(count: Int, scheme: Scheme, units: Int, validationFraction: Double) throws {
    switch scheme {
    case .kfold:
      guard count >= 2 else { throw Failure(.usage, "\(count) folds cannot be made", cure: "Give --count 2 or more.") }
      guard count <= units else {
        throw Failure(
          .usage, "\(count) folds of \(units) images (or groups of images) leave a fold empty", cure: "Give --count \(units) or fewer.")
      }
    case .shuffle:
      guard count >= 1 else { throw Failure(.usage, "\(count) splits cannot be made", cure: "Give --count 1 or more.") }
      guard validationFraction > 0, validationFraction < 1, (1..<units).contains(Int((Double(units) * validationFraction).rounded())) else {
        throw Failure(
          .usage, "a validation fraction of \(validationFraction) leaves a part of \(units) images empty",
          cure: "Give a fraction between 0 and 1, such as 0.08.")
      }
    }
  }
}
