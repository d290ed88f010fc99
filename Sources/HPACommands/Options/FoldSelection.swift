import ArgumentParser
import HPADatasets

/// `3`, `0,3` or `all`: which folds of a division.
enum FoldSelection: ExpressibleByArgument {
  case all
  case numbers([Int])

  init?(argument: String) {
    guard argument != "all" else {
      self = .all
      return
    }
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { Int($0) }.filter { $0 >= 0 }
    guard numbers.count == parts.count, Set(numbers).count == numbers.count else { return nil }
    self = .numbers(numbers)
  }

  /// Whether it can stand for several.
  var isSeveral: Bool {
    switch self {
    case .all: true
    case .numbers(let numbers): numbers.count > 1
    }
  }

  /// - Throws: `usage` for a fold that is not there.
  func numbers(of folds: Folds) throws -> [Int] {
    switch self {
    case .all: return Array(0..<folds.count)
    case .numbers(let numbers):
      for number in numbers { try folds.check(fold: number) }
      return numbers
    }
  }
}
