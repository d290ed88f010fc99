public import HPACore

/// Resizing of byte planes with OpenCV's rules, so that pixels equal those that published pipelines fed to their networks.
public enum Resize {
  public enum Method: String, Sendable, Codable, CaseIterable {
    /// Bilinear between pixel centres (`cv2.INTER_LINEAR`): what the team used. Shrinking more than twofold skips pixels.
    case linear
    /// Mean over the area that a pixel covers (`cv2.INTER_AREA`): no pixel is skipped, so better for strong shrinking.
    case area
  }

  /// One plane, row by row.
  ///
  /// - Precondition: all sides are positive.
  static func plane(
    _ source: UnsafeBufferPointer<UInt8>, width: Int, height: Int, into target: UnsafeMutableBufferPointer<UInt8>, width newWidth: Int,
    height newHeight: Int, method: Method
  ) {
    if method == .area, newWidth <= width, newHeight <= height {
      area(source, AreaAxis(from: width, to: newWidth), AreaAxis(from: height, to: newHeight), width: width, into: target)
    } else {
      linear(
        source, LinearAxis(from: width, to: newWidth, method: method), LinearAxis(from: height, to: newHeight, method: method),
        width: width, into: target)
    }
  }
}

extension Resize {
  /// The two source pixels of every target pixel along one axis, and their weights in 1/2048 (OpenCV's fixed point).
  private struct LinearAxis {
    var first: [Int] = []
    var second: [Int] = []
    var firstWeight: [Int32] = []
    var secondWeight: [Int32] = []

    init(from old: Int, to new: Int, method: Method) {
      let growth = Double(new) / Double(old)
      for index in 0..<new {
        let (cell, share) = Self.position(of: index, growth: growth, method: method)
        let isInside = cell >= 0 && cell < old - 1
        let low = min(max(cell, 0), old - 1)
        first.append(low)
        second.append(isInside ? low + 1 : low)
        firstWeight.append(isInside ? Int32(((1 - share) * 2048).rounded(.toNearestOrEven)) : 2048)
        secondWeight.append(isInside ? Int32((share * 2048).rounded(.toNearestOrEven)) : 0)
      }
    }

    /// OpenCV enlarges with `INTER_AREA` by other coordinates: every source pixel keeps a flat part.
    /// The scale is 1 / growth, as there: old / new can fall on the other side of a whole number.
    private static func position(of index: Int, growth: Double, method: Method) -> (cell: Int, share: Float) {
      let scale = 1 / growth
      if method == .linear {
        let position = Float((Double(index) + 0.5) * scale - 0.5)
        let cell = position.rounded(.down)
        return (Int(cell), position - cell)
      }
      let cell = (Double(index) * scale).rounded(.down)
      let share = Float(Double(index + 1) - (cell + 1) * growth)
      return (Int(cell), share <= 0 ? 0 : share - share.rounded(.down))
    }
  }

  private static func linear(
    _ source: UnsafeBufferPointer<UInt8>, _ columns: LinearAxis, _ rows: LinearAxis, width: Int,
    into target: UnsafeMutableBufferPointer<UInt8>
  ) {
    let newWidth = columns.first.count
    // The two stretched source rows between which the target row lies, kept for the next one.
    var held = (upper: -1, lower: -1)
    var upper = [Int32](repeating: 0, count: newWidth)
    var lower = [Int32](repeating: 0, count: newWidth)
    for row in rows.first.indices {
      let wanted = (upper: rows.first[row], lower: rows.second[row])
      if wanted.upper == held.lower {
        swap(&upper, &lower)
        held = (held.lower, held.upper)
      }
      if wanted.upper != held.upper { stretch(source, row: wanted.upper, width: width, columns, into: &upper) }
      if wanted.lower != held.lower { stretch(source, row: wanted.lower, width: width, columns, into: &lower) }
      held = wanted
      let (upperWeight, lowerWeight) = (rows.firstWeight[row], rows.secondWeight[row])
      let line = UnsafeMutableBufferPointer(rebasing: target[row * newWidth..<(row + 1) * newWidth])
      upper.withUnsafeBufferPointer { upper in
        lower.withUnsafeBufferPointer { lower in
          for column in 0..<newWidth {
            let mixed = ((upper[column] &>> 4) &* upperWeight) &>> 16 &+ ((lower[column] &>> 4) &* lowerWeight) &>> 16
            line[column] = UInt8(truncatingIfNeeded: (mixed &+ 2) &>> 2)
          }
        }
      }
    }
  }

  private static func stretch(_ source: UnsafeBufferPointer<UInt8>, row: Int, width: Int, _ columns: LinearAxis, into line: inout [Int32]) {
    let source = UnsafeBufferPointer(rebasing: source[row * width..<(row + 1) * width])
    line.withUnsafeMutableBufferPointer { line in
      columns.first.withUnsafeBufferPointer { first in
        columns.second.withUnsafeBufferPointer { second in
          columns.firstWeight.withUnsafeBufferPointer { firstWeight in
            columns.secondWeight.withUnsafeBufferPointer { secondWeight in
              for column in 0..<line.count {
                line[column] = Int32(source[first[column]]) &* firstWeight[column] &+ Int32(source[second[column]]) &* secondWeight[column]
              }
            }
          }
        }
      }
    }
  }
}

extension Resize {
  /// The run of source pixels under every target pixel along one axis, and the share of each; shares of a pixel sum to 1.
  private struct AreaAxis {
    /// First source pixel of each target pixel.
    var first: [Int] = []
    /// Where the shares of each target pixel begin in `shares`; one entry more than there are pixels.
    var start: [Int] = [0]
    var shares: [Float] = []

    init(from old: Int, to new: Int) {
      let scale = Double(old) / Double(new)
      for index in 0..<new {
        let begin = Double(index) * scale
        let end = min(begin + scale, Double(old))
        var cell = Int(begin)
        first.append(cell)
        while cell < old, Double(cell) < end - 1e-6 {
          shares.append(Float((min(end, Double(cell + 1)) - max(begin, Double(cell))) / (end - begin)))
          cell += 1
        }
        start.append(shares.count)
      }
    }
  }

  private static func area(
    _ source: UnsafeBufferPointer<UInt8>, _ columns: AreaAxis, _ rows: AreaAxis, width: Int, into target: UnsafeMutableBufferPointer<UInt8>
  ) {
    let newWidth = columns.first.count
    var sums = [Float](repeating: 0, count: width)
    for row in rows.first.indices {
      sums.withUnsafeMutableBufferPointer { sums in
        sums.update(repeating: 0)
        for (offset, share) in rows.shares[rows.start[row]..<rows.start[row + 1]].enumerated() {
          let line = UnsafeBufferPointer(rebasing: source[(rows.first[row] + offset) * width..<(rows.first[row] + offset + 1) * width])
          for column in 0..<width { sums[column] += share * Float(line[column]) }
        }
        columns.shares.withUnsafeBufferPointer { shares in
          for column in 0..<newWidth {
            var level: Float = 0.5
            var cell = columns.first[column]
            for share in columns.start[column]..<columns.start[column + 1] {
              level += shares[share] * sums[cell]
              cell &+= 1
            }
            target[row * newWidth + column] = UInt8(min(level, 255))
          }
        }
      }
    }
  }
}

extension PixelStack {
  /// (channels, size, size).
  public func resized(to size: Int, method: Resize.Method = .linear) -> PixelStack { resized(height: size, width: size, method: method) }

  /// (channels, height, width), every plane on its own.
  ///
  /// - Precondition: all sides are positive.
  public func resized(height newHeight: Int, width newWidth: Int, method: Resize.Method = .linear) -> PixelStack {
    if newHeight == height && newWidth == width { return self }
    let (area, newArea) = (height * width, newHeight * newWidth)
    let resized = [UInt8](unsafeUninitializedCapacity: channels * newArea) { target, count in
      pixels.withUnsafeBufferPointer { source in
        for channel in 0..<channels {
          Resize.plane(
            UnsafeBufferPointer(rebasing: source[channel * area..<(channel + 1) * area]), width: width, height: height,
            into: UnsafeMutableBufferPointer(rebasing: target[channel * newArea..<(channel + 1) * newArea]), width: newWidth,
            height: newHeight,
            method: method)
        }
      }
      count = channels * newArea
    }
    return PixelStack(channels: channels, height: newHeight, width: newWidth, pixels: resized)
  }
}
