/// The largest difference, as a share of the largest expected value.
public func relativeError(_ values: [Float], _ expected: [Float]) -> Float {
  guard values.count == expected.count else { return .infinity }
  var (difference, largest): (Float, Float) = (0, 0)
  for index in values.indices {
    guard values[index].isFinite else { return .infinity }
    difference = max(difference, abs(values[index] - expected[index]))
    largest = max(largest, abs(expected[index]))
  }
  return difference == 0 ? 0 : difference / largest
}

/// How far two steps from `origin` are apart: the length of their difference as a share of the expected step's length. What the rounding of
/// two float32 values explains does not count: small steps of large values have few digits.
public func relativeErrorOfSteps(from origin: [Float], to values: [Float], _ expected: [Float]) -> Double {
  guard values.count == expected.count, origin.count == expected.count else { return .infinity }
  var (difference, length) = (0.0, 0.0)
  for index in values.indices {
    guard values[index].isFinite else { return .infinity }
    let apart = max(0, abs(values[index] - expected[index]) - max(values[index].ulp, expected[index].ulp))
    let step = expected[index] - origin[index]
    difference += Double(apart) * Double(apart)
    length += Double(step) * Double(step)
  }
  return difference == 0 ? 0 : (difference / length).squareRoot()
}
