import HPAPictures

/// Where pictures go, each as PNG for looking and as SVG for print.
struct PlotFolder {
  let path: String

  /// Returns the two files that were written.
  ///
  /// - Throws: `cannotCreate`, `inputOutput`.
  func write(_ picture: Picture, as name: String) throws -> [String] {
    try ["png", "svg"].map { kind in
      let file = "\(path)/\(name).\(kind)"
      try picture.write(to: file)
      return file
    }
  }
}
