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

/// The same of the steps that led from `origin` to both, beyond what the rounding of two float32 values explains: small steps of large values
/// have few digits.
public func relativeErrorOfSteps(from origin: [Float], to values: [Float], _ expected: [Float]) -> Float {
  guard values.count == expected.count, origin.count == expected.count else { return .infinity }
  var (difference, largest): (Float, Float) = (0, 0)
  for index in values.indices {
    guard values[index].isFinite else { return .infinity }
    difference = max(difference, abs(values[index] - expected[index]) - max(values[index].ulp, expected[index].ulp))
    largest = max(largest, abs(expected[index] - origin[index]))
  }
  return difference <= 0 ? 0 : difference / largest
}
