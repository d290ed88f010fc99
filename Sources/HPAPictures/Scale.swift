internal import Foundation

/// One axis: the range it covers, where a value lies in it, and round numbers to write beside it.
struct Scale {
  struct Tick {
    let value: Double
    let label: String
  }

  let range: ClosedRange<Double>
  let isLogarithmic: Bool
  let ticks: [Tick]

  /// A linear axis, widened to the next round numbers unless it `isTight`; where all values are whole numbers, so are the ticks.
  init(linear values: some Sequence<Double>, includingZero: Bool = false, isTight: Bool = false, most: Int = 7) {
    let finite = values.filter(\.isFinite) + (includingZero ? [0] : [])
    let (low, high) = Self.extent(finite)
    let isWhole = !finite.isEmpty && finite.allSatisfy { $0 == $0.rounded() }
    let step = max(isWhole ? 1 : 0, Self.step((high - low) / Double(most)))
    // A hair of slack, for 0.6 / 0.2 is not quite 3.
    let outer = ((low / step + 1e-9).rounded(.down) * step)...((high / step - 1e-9).rounded(.up) * step)
    range = isTight ? low...high : outer
    isLogarithmic = false
    let (first, last) = ((range.lowerBound / step - 1e-9).rounded(.up), (range.upperBound / step + 1e-9).rounded(.down))
    ticks = stride(from: first, through: last, by: 1).map { Tick(value: $0 * step, label: Self.label($0 * step, step: step)) }
  }

  /// A base-10 logarithmic axis from 1, or from the decade of the smallest value above 0, if that is less.
  init(logarithmic values: some Sequence<Double>) {
    let positive = values.filter { $0 > 0 && $0.isFinite }
    let low = log10(min(1, positive.min() ?? 1)).rounded(.down)
    let headroom = 1.15
    range = low...max(low + 1, log10((positive.max() ?? 1) * headroom))
    isLogarithmic = true
    ticks = stride(from: low, through: range.upperBound, by: 1).map {
      Tick(value: pow(10, $0), label: Self.label(pow(10, $0), step: pow(10, min(0, $0))))
    }
  }

  /// 0 at the low end, 1 at the high end; values outside lie outside, and on a logarithmic axis 0 lies at the low end.
  func fraction(of value: Double) -> Double {
    let place = isLogarithmic ? (value > 0 ? log10(value) : range.lowerBound) : value
    return (place - range.lowerBound) / (range.upperBound - range.lowerBound)
  }

  private static func extent(_ values: [Double]) -> (low: Double, high: Double) {
    guard let low = values.min(), let high = values.max() else { return (0, 1) }
    return low < high ? (low, high) : (low - max(abs(low), 1) / 2, low + max(abs(low), 1) / 2)
  }

  /// The smallest of 1, 2 and 5 times a power of ten that is no smaller than `raw`.
  private static func step(_ raw: Double) -> Double {
    let power = pow(10, log10(raw).rounded(.down))
    return [1, 2, 5, 10].map { $0 * power }.first { $0 >= raw * (1 - 1e-9) } ?? 10 * power
  }

  /// With the decimals that the step needs, and commas between thousands.
  static func label(_ value: Double, step: Double) -> String {
    let decimals = max(0, Int((-log10(step) - 1e-9).rounded(.up)))
    let text = String(format: "%.\(decimals)f", abs(value))
    let whole = text.prefix { $0 != "." }
    let grouped = String(whole.reversed().enumerated().flatMap { $0 > 0 && $0 % 3 == 0 ? [",", $1] : [$1] }.reversed())
    return (value < 0 ? "\u{2212}" : "") + grouped + text.dropFirst(whole.count)
  }
}
