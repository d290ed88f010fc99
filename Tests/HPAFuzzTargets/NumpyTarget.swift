import HPACore

extension FuzzTarget {
  /// Law: what was read, written and read again is the same, bit for bit.
  static let npy = FuzzTarget("npy", longestInput: 16 << 10, largestAllocation: 8) { input in
    let path = try input.file()
    let matrix: Matrix<Double> = try NumpyFile.read(path)
    let narrow: Matrix<Float> = try NumpyFile.read(path)
    try require((narrow.rows, narrow.columns) == (matrix.rows, matrix.columns), "the shape depends on the wanted type")
    let copy = input.folder.path("copy")
    try NumpyFile.write(matrix, to: copy)
    let again: Matrix<Double> = try reread { try NumpyFile.read(copy) }
    try require((again.rows, again.columns) == (matrix.rows, matrix.columns), "the shape changed when it was written")
    try require(
      again.values.elementsEqual(matrix.values) { $0.bitPattern == $1.bitPattern }, "the values changed when they were written")
  }
}
