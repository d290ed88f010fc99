import HPAImages

extension FuzzTarget {
  /// Law: pixels that lie in the file as they are, as its first bytes tell, are those of the picture.
  static let tiff = FuzzTarget("tiff", longestInput: 32 << 10, largestAllocation: 288) { input in
    let image = try? picture(input.bytes)
    for count in [256, 1024, input.bytes.count] {
      let plain = input.bytes.prefix(count).withUnsafeBufferPointer { ImageFile.plainPixels(inHead: $0, ofFile: input.bytes.count) }
      guard let plain else { continue }
      let end = plain.offset + plain.header.width * plain.header.height
      try require(plain.offset > 0 && end <= input.bytes.count, "pixels beyond the end of the file")
      guard let image, case .bytes(let samples) = image.samples else { continue }
      try require(samples == Array(input.bytes[plain.offset..<end]), "the plain pixels are not those of the picture")
    }
    _ = try picture(input.bytes)
  }

  /// Law: a stain that is taken row by row is the channel of the whole picture, and its sums are those of the channels.
  static let jpeg = FuzzTarget("jpeg", longestInput: 32 << 10, largestAllocation: 288) { input in
    guard let image = try picture(input.bytes), image.channels == 3, case .bytes(let samples) = image.samples else { return }
    let header = try ImageFile.header(of: input.bytes, path: "input")
    guard header.format == .jpeg else { return }
    var sums: [UInt64] = [0, 0, 0]
    let levels = try reread {
      try [UInt8](unsafeUninitializedCapacity: image.width * image.height) { target, filled in
        try ImageFile.decode(input.bytes, header, taking: .green, path: "input", into: target.baseAddress, sums: &sums)
        filled = image.width * image.height
      }
    }
    let channels = (0..<3).map { channel in stride(from: channel, to: samples.count, by: 3).map { samples[$0] } }
    try require(levels == channels[1], "the stain is not the channel of the picture")
    try require(sums == channels.map { $0.reduce(0) { $0 + UInt64($1) } }, "the sums are not those of the channels")
  }

  /// Pictures beyond this are only probed: decoding them tells nothing that smaller ones do not, and takes a second each.
  private static let mostSampleBytes = 16 << 20

  /// The picture, nil where it is only probed. The formats share one door, which tells them by their first bytes; each has seeds of its own.
  static func picture(_ bytes: [UInt8]) throws -> RasterImage? {
    let header = try ImageFile.header(of: bytes, path: "input")
    try require(max(header.width, header.height) <= ImageFile.maximumSide, "\(header) is beyond the longest side")
    let sampleBytes = header.width * header.height * header.channels * header.bits / 8
    try require(sampleBytes > 0 && sampleBytes <= ImageFile.maximumBytes, "\(header) has \(sampleBytes) bytes of samples")
    guard sampleBytes <= mostSampleBytes else { return nil }
    let image = try ImageFile.decode(bytes, path: "input")
    try require(
      (image.width, image.height, image.channels, image.bits) == (header.width, header.height, header.channels, header.bits),
      "the picture is not what its header said: \(header)")
    // The sum reads every sample, so that AddressSanitizer sees the buffer's whole length.
    let sum = image.bytes().reduce(0) { $0 &+ Int($1) }
    try require(sum >= 0, "samples are sums of bytes")
    return image
  }
}
