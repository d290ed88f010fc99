/// One decoded picture file: samples interleaved, row by row, as the file holds them.
public struct RasterImage: Sendable, Equatable {
  public enum Samples: Sendable, Equatable {
    case bytes([UInt8])
    case words([UInt16])

    public var count: Int {
      switch self {
      case .bytes(let bytes): bytes.count
      case .words(let words): words.count
      }
    }
  }

  public let width: Int
  public let height: Int
  /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha; more in scientific TIFFs.
  public let channels: Int
  /// (height, width, channels).
  public let samples: Samples

  /// Bits of a sample: 8 or 16.
  public var bits: Int {
    switch samples {
    case .bytes: 8
    case .words: 16
    }
  }

  /// - Precondition: as many samples as height x width x channels.
  public init(width: Int, height: Int, channels: Int, samples: Samples) {
    precondition(samples.count == width * height * channels, "\(samples.count) samples do not fill \(height) x \(width) x \(channels)")
    self.width = width
    self.height = height
    self.channels = channels
    self.samples = samples
  }

  /// Grey, 8 bits.
  public init(width: Int, height: Int, grey bytes: [UInt8]) { self.init(width: width, height: height, channels: 1, samples: .bytes(bytes)) }
}

/// How 16-bit samples become bytes. 8-bit samples stay as they are.
///
/// A 16-bit file does not say which range its microscope used. Those of the Human Protein Atlas are stretched over the whole range (the
/// real field in `images/odd` holds 65,122 different values up to 65535), so `full` is the default; a picture under a sixteenth of the
/// range is reported (`StainWarning.Kind.lowRange`), for it may be a 12-bit one.
public enum SampleRange: String, Sendable, Codable, CaseIterable {
  /// 0...65535 to 0...255: value / 257, rounded. This is the exact inverse of 8-bit samples stored as 16-bit ones.
  case full
  /// 0...4095 to 0...255: value x 255 / 4095, rounded; larger values become 255.
  case twelveBit = "12bit"

  func byte(_ word: UInt16) -> UInt8 {
    switch self {
    case .full: UInt8((UInt32(word) + 128) / 257)
    case .twelveBit: UInt8((min(UInt32(word), 4095) * 510 + 4095) / 8190)
    }
  }
}

extension RasterImage {
  /// The samples as bytes, interleaved as before.
  public func bytes(range: SampleRange = .full) -> [UInt8] {
    switch samples {
    case .bytes(let bytes): return bytes
    case .words(let words):
      return [UInt8](unsafeUninitializedCapacity: words.count) { target, count in
        words.withUnsafeBufferPointer { source in
          for index in 0..<source.count { target[index] = range.byte(source[index]) }
        }
        count = words.count
      }
    }
  }
}
