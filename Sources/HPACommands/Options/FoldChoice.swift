import ArgumentParser

/// `all` or `best:6`: the folds of each model whose test scores a blend takes.
enum FoldChoice: ExpressibleByArgument, Equatable {
  case all
  /// Those of the lowest validation losses.
  case best(Int)

  init?(argument: String) {
    guard argument != "all" else {
      self = .all
      return
    }
    let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0] == "best", let count = Int(parts[1]), count >= 1 else { return nil }
    self = .best(count)
  }
}
