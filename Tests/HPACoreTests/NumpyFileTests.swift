import HPACore
import HPATestSupport
import Testing

@Suite struct NumpyFileTests {
  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test")) func `NumPy reads what is written, and the other way round`() throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: testSeed())
    let matrix = Matrix<Float>(rows: 7, columns: 5, values: (0..<35).map { _ in Float(generator.normal()) })
    try NumpyFile.write(matrix, to: folder.path("ours.npy"))
    try Python.run("import numpy as n, sys; a = n.load(sys.argv[1]); assert a.shape == (7, 5) and a.dtype == 'f4'; n.save(sys.argv[2], a.astype('f8') * 2)", [folder.path("ours.npy"), folder.path("theirs.npy")])
    let doubled: Matrix<Double> = try NumpyFile.read(folder.path("theirs.npy"))
    #expect(doubled.values == matrix.values.map { Double($0) * 2 })
    #expect(try NumpyFile.read(folder.path("ours.npy"), as: Float.self) == matrix)
  }
}
