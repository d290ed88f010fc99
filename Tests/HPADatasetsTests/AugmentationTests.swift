import Foundation
import HPACore
import HPADatasets
import HPATestSupport
import Testing

@Suite struct AugmentationTests {
  private static func noise(height: Int, width: Int, seed: UInt64) -> PixelStack {
    var generator = SeededGenerator(seed: seed)
    return PixelStack(height: height, width: width, pixels: (0..<4 * height * width).map { _ in UInt8(generator.index(below: 256)) })
  }

  /// What a line of Python makes of `stack`, there named x, a uint8 array of (4, H, W).
  private static func python(_ source: String, _ stack: PixelStack) throws -> [UInt8] {
    let folder = try TemporaryFolder()
    try FileBytes.write(stack.pixels, to: folder.path("in"))
    try Python.run(
      """
      import numpy as np, sys, math
      x = np.fromfile(sys.argv[1], 'u1').reshape(4, \(stack.height), \(stack.width))
      \(source)
      np.ascontiguousarray(y).astype('u1').tofile(sys.argv[2])
      """, [folder.path("in"), folder.path("out")])
    return try FileBytes.read(folder.path("out"))
  }

  @Test(
    .enabled(if: Python.isPresent, "needs scripts/setup test"),
    arguments: [
      (.rotate90, "y = np.rot90(x, 1, (1, 2))"), (.rotate180, "y = np.rot90(x, 2, (1, 2))"), (.rotate270, "y = np.rot90(x, 3, (1, 2))"),
      (.flipHorizontally, "y = x[:, :, ::-1]"), (.flipVertically, "y = x[:, ::-1]"), (.shear(degrees: 0), "y = x"),
    ] as [(Augmentation, String)], [(5, 5), (8, 3)])
  func `turns and flips are NumPy's`(case: (Augmentation, String), shape: (Int, Int)) throws {
    let stack = Self.noise(height: shape.0, width: shape.1, seed: testSeed())
    #expect(`case`.0.applied(to: stack).pixels == (try Self.python(`case`.1, stack)))
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"), arguments: [-16, -7.3, 0.5, 11, 16], [(40, 40), (31, 48)])
  func `a shear is SciPy's, to the rounding of one level`(degrees: Double, shape: (Int, Int)) throws {
    let stack = Self.noise(height: shape.0, width: shape.1, seed: testSeed())
    let theirs = try Self.python(
      """
      from scipy.ndimage import affine_transform
      s = math.radians(\(degrees))
      inverse = np.linalg.inv([[math.cos(s), 0], [-math.sin(s), 1]])  # rows, columns
      centre = (np.array(x.shape[1:]) - 1) / 2
      y = np.stack([affine_transform(p.astype('f8'), inverse, centre - inverse @ centre, order=1, mode='grid-constant') for p in x]).round()
      """, stack)
    let ours = Augmentation.shear(degrees: degrees).applied(to: stack).pixels
    let differences = zip(ours, theirs).map { abs(Int($0) - Int($1)) }
    #expect((differences.max() ?? 0) <= 1)
    // Rounding decides only where a value lies on the half.
    #expect(differences.count { $0 == 1 } <= ours.count / 200)
  }

  // OpenCV rounds coordinates to 1/32 of a pixel, so a picture of noise may differ by 255 / 32 in x and in y; the matrix is imgaug's.
  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"), arguments: [-16, -5, 9, 16])
  func `a shear is OpenCV's warpAffine, to its fixed-point coordinates`(degrees: Double) throws {
    let stack = Self.noise(height: 64, width: 64, seed: testSeed())
    let theirs = try Self.python(
      """
      import cv2
      s, c = math.radians(\(degrees)), (np.array(x.shape[1:]) - 1) / 2
      move = lambda x, y: np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])
      m = move(c[1], c[0]) @ np.array([[1, -math.sin(s), 0], [0, math.cos(s), 0], [0, 0, 1]]) @ move(-c[1], -c[0])
      y = np.stack([cv2.warpAffine(p, m[:2], (64, 64), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0) for p in x])
      """, stack)
    let differences = zip(Augmentation.shear(degrees: degrees).applied(to: stack).pixels, theirs).map { abs(Int($0) - Int($1)) }
    #expect((differences.max() ?? 0) <= 9)
    #expect(Double(differences.reduce(0, +)) / Double(differences.count) < 2)
  }

  @Test func `the six changes come equally often, shears over the whole range`() {
    // 0.999 quantile of chi-square with 5 degrees of freedom: 20.52.
    var counts: [String: Double] = [:]
    var angles: [Double] = []
    for sample in 0..<6000 {
      let augmentation = Augmentation.drawn(seed: 5, epoch: 2, sample: sample)
      if case .shear(let degrees) = augmentation {
        counts["shear", default: 0] += 1
        angles.append(degrees)
      } else {
        counts["\(augmentation)", default: 0] += 1
      }
    }
    #expect(counts.count == 6)
    #expect(counts.values.reduce(0) { $0 + ($1 - 1000) * ($1 - 1000) / 1000 } < 20.52)
    #expect(angles.allSatisfy { Augmentation.shearRange.contains($0) })
    #expect((angles.min() ?? 0) < -15.5 && (angles.max() ?? 0) > 15.5)
    let mean = angles.reduce(0, +) / Double(angles.count)
    #expect(abs(mean) < 3.3 * 32 / (12.0 * Double(angles.count)).squareRoot())
  }

  @Test func `a sample of an epoch always has the same change, another epoch another`() {
    let draw = { (seed: UInt64, epoch: Int) in (0..<50).map { Augmentation.drawn(seed: seed, epoch: epoch, sample: $0) } }
    #expect(draw(1, 1) == draw(1, 1))
    #expect(draw(1, 1) != draw(1, 2))
    #expect(draw(1, 1) != draw(2, 1))
  }
}
