import HPAImages

extension FuzzTarget {
  static let png = picture("png")
  static let tiff = picture("tiff")
  static let jpeg = picture("jpeg")

  /// Pictures beyond this are only probed: decoding them tells nothing that smaller ones do not, and takes a second each.
  private static let mostSampleBytes = 16 << 20

  /// The formats share one door, which tells them by their first bytes; each has seeds of its own.
  private static func picture(_ name: String) -> FuzzTarget {
    FuzzTarget(name, longestInput: 32 << 10, largestAllocation: 288) { input in
      let header = try ImageFile.header(of: input.bytes, path: "input")
      try require(max(header.width, header.height) <= ImageFile.maximumSide, "\(header) is beyond the longest side")
      let sampleBytes = header.width * header.height * header.channels * header.bits / 8
      try require(sampleBytes > 0 && sampleBytes <= ImageFile.maximumBytes, "\(header) has \(sampleBytes) bytes of samples")
      guard sampleBytes <= mostSampleBytes else { return }
      let image = try ImageFile.decode(input.bytes, path: "input")
      try require(
        (image.width, image.height, image.channels, image.bits) == (header.width, header.height, header.channels, header.bits),
        "the picture is not what its header said: \(header)")
      // The sum reads every sample, so that AddressSanitizer sees the buffer's whole length.
      let sum = image.bytes().reduce(0) { $0 &+ Int($1) }
      try require(sum >= 0, "samples are sums of bytes")
    }
  }
}
