import HPAImages

extension RasterImage {
  /// The samples as they lie in memory.
  var rawBytes: [UInt8] {
    switch samples {
    case .bytes(let bytes): bytes
    case .words(let words): words.withUnsafeBytes { Array($0) }
    }
  }
}

/// The largest difference of two lists of bytes, 256 where they differ in length.
func largestDifference(_ left: [UInt8], _ right: [UInt8]) -> Int {
  if left == right { return 0 }
  guard left.count == right.count else { return 256 }
  return left.withUnsafeBufferPointer { left in
    right.withUnsafeBufferPointer { right in
      var largest = 0
      for index in 0..<left.count { largest = max(largest, abs(Int(left[index]) - Int(right[index]))) }
      return largest
    }
  }
}
