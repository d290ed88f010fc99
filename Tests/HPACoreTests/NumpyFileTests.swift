import HPACore
import HPATestSupport
import Testing

@Suite struct NumpyFileTests {
  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test")) func `NumPy reads what is written, and the other way round`() throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: testSeed())
    let matrix = Matrix<Float>(rows: 7, columns: 5, values: (0..<35).map { _ in Float(generator.normal()) })
    try NumpyFile.write(matrix, to: folder.path("ours.npy"))
    try Python.run(
      "import numpy as n, sys; a = n.load(sys.argv[1]); assert a.shape == (7, 5) and a.dtype == 'f4'; n.save(sys.argv[2], a.astype('f8') * 2)",
      [folder.path("ours.npy"), folder.path("theirs.npy")])
    let doubled: Matrix<Double> = try NumpyFile.read(folder.path("theirs.npy"))
    #expect(doubled.values == matrix.values.map { Double($0) * 2 })
    #expect(try NumpyFile.read(folder.path("ours.npy"), as: Float.self) == matrix)
  }
}

extension NumpyFileTests {
  @Test(
    .enabled(if: Python.isPresent, "needs scripts/setup test"),
    arguments: [
      ("n.arange(6).reshape(2, 3)", "holds '<i8'"), ("n.zeros((3, 2), 'f4', order='F')", "Fortran order"),
      ("n.zeros(3, 'f4')", "not two dimensions"),
      ("n.zeros((2, 2), '>f4')", "holds '>f4'"), ("n.zeros((1 << 60, 0), 'f4')", "rows of no columns"),
    ])
  func `Another type, order or rank is refused with what to type`(expression: String, message: String) throws {
    let folder = try TemporaryFolder()
    try Python.run("import numpy as n, sys; n.save(sys.argv[1], \(expression))", [folder.path("m.npy")])
    let failure = #expect(throws: Failure.self) { try NumpyFile.read(folder.path("m.npy"), as: Float.self) }
    #expect(failure?.kind == .badData && failure?.message.contains(message) == true && failure?.cure?.contains("numpy.save") == true)
  }

  @Test func `Every truncation is refused`() throws {
    let folder = try TemporaryFolder()
    try NumpyFile.write(Matrix<Float>(repeating: 1, rows: 3, columns: 2), to: folder.path("m.npy"))
    let bytes = try FileBytes.read(folder.path("m.npy"))
    for length in bytes.indices {
      try FileBytes.write(Array(bytes.prefix(length)), to: folder.path("t.npy"))
      #expect(throws: Failure.self) { try NumpyFile.read(folder.path("t.npy"), as: Float.self) }
    }
  }

  @Test(.enabled(if: SharedData.has("vpp/xception_512_score.npy"), "needs ../shared/data"))
  func `The published score files are read`() throws {
    let scores: Matrix<Double> = try NumpyFile.read(SharedData.path("vpp/xception_512_score.npy"))
    #expect(scores.rows == 11_702 && scores.columns == 28 && scores.firstRowNotFinite == nil)
  }
}
