import CConvolutionHarness
import Foundation
import HPACore
import HPATestSupport
import Testing

/// The convolutions without LibTorch, against NumPy in float64.
@Suite(.serialized, .enabled(if: Python.isPresent, "needs scripts/setup test")) struct ConvolutionKernelTests {
  struct Case: Sendable, CustomStringConvertible {
    let form: HarnessForm
    let (count, height, width): (Int, Int, Int)
    var isWinograd = false
    var isSeparable = false

    init(
      _ inputs: Int, _ outputs: Int, _ kernel: (Int, Int), stride: Int = 1, padding: (Int, Int) = (0, 0), _ count: Int, _ height: Int,
      _ width: Int, isWinograd: Bool = false, isSeparable: Bool = false
    ) {
      form = HarnessForm(
        inputs: Int64(inputs), outputs: Int64(outputs), kernel_height: Int64(kernel.0), kernel_width: Int64(kernel.1),
        stride: Int64(stride),
        padding_height: Int64(padding.0), padding_width: Int64(padding.1))
      (self.count, self.height, self.width, self.isWinograd, self.isSeparable) = (count, height, width, isWinograd, isSeparable)
    }

    var description: String {
      "\(form.inputs) -> \(form.outputs), \(form.kernel_height) x \(form.kernel_width) / \(form.stride), \(count) of \(height) x \(width)"
        + (isWinograd ? ", Winograd" : isSeparable ? ", separable" : "")
    }

    var outputSize: (Int, Int) {
      let height = (self.height + 2 * Int(form.padding_height) - Int(form.kernel_height)) / Int(form.stride) + 1
      let width = (self.width + 2 * Int(form.padding_width) - Int(form.kernel_width)) / Int(form.stride) + 1
      return (height, width)
    }
  }

  static let cases = [
    Case(16, 32, (1, 1), 2, 9, 7), Case(48, 40, (1, 1), stride: 2, 1, 11, 13), Case(32, 33, (3, 3), padding: (1, 1), 2, 8, 15),
    Case(8, 64, (3, 3), stride: 2, 1, 17, 17), Case(16, 48, (5, 5), padding: (2, 2), 1, 12, 12),
    Case(32, 32, (1, 7), padding: (0, 3), 1, 9, 30),
    Case(32, 64, (3, 3), padding: (1, 1), 2, 35, 35, isWinograd: true), Case(32, 48, (1, 7), padding: (0, 3), 1, 17, 34, isWinograd: true),
    Case(32, 48, (7, 1), padding: (3, 0), 1, 34, 17, isWinograd: true), Case(64, 96, (1, 1), 1, 19, 19, isSeparable: true),
  ]

  @Test(arguments: cases, [false, true])
  func `A convolution is NumPy's, for any number of threads`(_ trial: Case, inBFloat16: Bool) throws {
    guard harness_is_supported(inBFloat16) else { try Test.cancel("needs AVX-512") }
    var generator = SeededGenerator(seed: testSeed())
    let form = trial.form
    let values = { (count: Int) in (0..<count).map { _ in Float(generator.normal()) } }
    let pixels = values(trial.count * trial.height * trial.width * Int(form.inputs))
    let weights = values(Int(form.outputs * form.inputs * form.kernel_height * form.kernel_width))
    let (bias, filters) = (values(Int(form.outputs)), values(Int(form.inputs) * 9))
    let size = trial.outputSize
    let count = trial.count * size.0 * size.1 * Int(form.outputs)
    let addend = values(count)
    let results = [1, 2, 5].map { (threads: Int64) in
      harness_set_threads(threads)
      var output = [Float](repeating: .nan, count: count)
      pixels.withUnsafeBufferPointer { pixels in
        let images = HarnessImages(
          pixels: pixels.baseAddress, count: Int64(trial.count), height: Int64(trial.height), width: Int64(trial.width))
        if trial.isSeparable {
          harness_separable(form, inBFloat16, images, filters, true, weights, bias, &output)
        } else {
          harness_convolve(form, trial.isWinograd, inBFloat16, images, weights, bias, addend, true, &output)
        }
      }
      return output
    }
    #expect(results.allSatisfy { $0 == results[0] })
    let expected = try numpy(trial, pixels, weights, bias, filters, addend, inBFloat16: inBFloat16)
    #expect(relativeError(results[0], expected) < (inBFloat16 ? 3e-2 : 5e-6))
  }

  private func numpy(
    _ trial: Case, _ pixels: [Float], _ weights: [Float], _ bias: [Float], _ filters: [Float], _ addend: [Float], inBFloat16: Bool
  ) throws -> [Float] {
    let folder = try TemporaryFolder()
    for (name, values) in [("pixels", pixels), ("weights", weights), ("bias", bias), ("filters", filters), ("addend", addend)] {
      try NumpyFile.write(Matrix(rows: 1, columns: values.count, values: values), to: folder.path(name + ".npy"))
    }
    let form = trial.form
    let numbers = [
      Int64(trial.count), Int64(trial.height), Int64(trial.width), form.inputs, form.outputs, form.kernel_height, form.kernel_width,
      form.stride, form.padding_height, form.padding_width, trial.isSeparable ? 1 : 0,
    ]
    try Python.run(Self.oracle, [folder.path] + numbers.map(String.init))
    let matrix: Matrix<Float> = try NumpyFile.read(folder.path("expected.npy"))
    return matrix.values
  }

  private static let oracle = """
    import sys, numpy as np
    from numpy.lib.stride_tricks import sliding_window_view
    folder, n, h, w, c, o, kh, kw, s, ph, pw, separable = sys.argv[1], *map(int, sys.argv[2:])
    load = lambda name: np.load(f"{folder}/{name}.npy").astype(np.float64)[0]
    x, weights, bias, addend = load("pixels").reshape(n, h, w, c), load("weights").reshape(o, c, kh, kw), load("bias"), load("addend")
    def windows(x, kh, kw, ph, pw, s):
        x = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)))
        return sliding_window_view(x, (kh, kw), axis=(1, 2))[:, ::s, ::s]
    if separable:
        x = np.einsum("nhwcij,cij->nhwc", windows(np.maximum(x, 0), 3, 3, 1, 1, 1), load("filters").reshape(c, 3, 3))
    y = np.einsum("nhwcij,ocij->nhwo", windows(x, kh, kw, ph, pw, s), weights, optimize=True) + bias
    if not separable:
        y = np.maximum(y + addend.reshape(y.shape), 0)
    np.save(f"{folder}/expected.npy", y.reshape(1, -1).astype(np.float32))
    """
}
