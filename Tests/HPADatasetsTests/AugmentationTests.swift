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

  /// What Python makes of `stack`, there x, a uint8 array of (4, H, W): the planes of the list y, one after the other.
  private static func python(_ source: String, _ stack: PixelStack) throws -> [UInt8] {
    let folder = try TemporaryFolder()
    try FileBytes.write(stack.pixels, to: folder.path("in"))
    try Python.run(
      """
      import numpy as np, sys, math
      x = np.fromfile(sys.argv[1], 'u1').reshape(4, \(stack.height), \(stack.width))
      \(source)
      np.concatenate([a.reshape(-1) for a in y]).astype('u1').tofile(sys.argv[2])
      """, [folder.path("in"), folder.path("out")])
    return try FileBytes.read(folder.path("out"))
  }

  private static func differences(_ ours: [UInt8], _ theirs: [UInt8]) -> [Int] {
    #expect(ours.count == theirs.count)
    return zip(ours, theirs).map { abs(Int($0) - Int($1)) }
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"), arguments: [(5, 5), (8, 3)])
  func `turns and flips are NumPy's`(height: Int, width: Int) throws {
    let stack = Self.noise(height: height, width: width, seed: testSeed())
    let theirs = try Self.python("y = [np.rot90(x, k, (1, 2)) for k in (1, 2, 3)] + [x[:, :, ::-1], x[:, ::-1], x]", stack)
    let changes: [Augmentation] = [.rotate90, .rotate180, .rotate270, .flipHorizontally, .flipVertically, .shear(degrees: 0)]
    #expect(changes.flatMap { $0.applied(to: stack).pixels } == theirs)
    #expect(Augmentation.rotate90.applied(to: stack).height == width)
  }

  private static let angles = [-16, -7.3, 0.5, 11, 16]

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"), arguments: [(40, 40), (31, 48)])
  func `a shear is SciPy's, to the rounding of one level`(height: Int, width: Int) throws {
    let stack = Self.noise(height: height, width: width, seed: testSeed())
    let theirs = try Self.python(
      """
      from scipy.ndimage import affine_transform
      y = []
      for s in np.radians(\(Self.angles)):
        inverse = np.linalg.inv([[math.cos(s), 0], [-math.sin(s), 1]])  # rows, columns
        centre = (np.array(x.shape[1:]) - 1) / 2
        y += [affine_transform(p.astype('f8'), inverse, centre - inverse @ centre, order=1, mode='grid-constant').round() for p in x]
      """, stack)
    let differences = Self.differences(Self.angles.flatMap { Augmentation.shear(degrees: $0).applied(to: stack).pixels }, theirs)
    #expect((differences.max() ?? 0) <= 1)
    // Rounding decides only where a value lies on the half.
    #expect(differences.count { $0 == 1 } <= differences.count / 200)
  }

  // OpenCV rounds coordinates to 1/32 of a pixel, so a picture of noise may differ by 255 / 64 in x and in y; the matrix is imgaug's.
  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `a shear is OpenCV's warpAffine, to its fixed-point coordinates`() throws {
    let stack = Self.noise(height: 64, width: 64, seed: testSeed())
    let theirs = try Self.python(
      """
      import cv2
      move = lambda x, y: np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])
      y = []
      for s in np.radians(\(Self.angles)):
        m = move(31.5, 31.5) @ np.array([[1, -math.sin(s), 0], [0, math.cos(s), 0], [0, 0, 1]]) @ move(-31.5, -31.5)
        y += [cv2.warpAffine(p, m[:2], (64, 64), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0) for p in x]
      """, stack)
    let differences = Self.differences(Self.angles.flatMap { Augmentation.shear(degrees: $0).applied(to: stack).pixels }, theirs)
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
