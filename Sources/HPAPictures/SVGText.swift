internal import Foundation

/// What Cairo leaves out of an SVG: its words, and names that do not depend on what was drawn before.
enum SVGText {
  /// Adds `<title>` and `<desc>` for screen readers and search, and numbers the names anew.
  static func finished(_ bytes: [UInt8], title: String, texts: [String]) -> [UInt8] {
    let svg = withStableNames(bytes)
    let words = "\n<title>\(escaped(title))</title>\n<desc>\(escaped(texts.joined(separator: "\n")))</desc>"
    guard let tag = Data(svg).range(of: Data("<svg".utf8)), let end = svg[tag.upperBound...].firstIndex(of: UInt8(ascii: ">")) else {
      return svg
    }
    return svg[...end] + Array(words.utf8) + svg[(end + 1)...]
  }

  private static let kinds = ["surface", "image", "clip", "mask", "linear", "radial", "pattern"].map { Array($0.utf8) }

  /// Cairo counts over the life of the process (`image12`, `clip12`); here the count starts with the picture.
  ///
  /// A name stands after a quote or `#`, neither of which occurs within the base64 text of an image.
  private static func withStableNames(_ svg: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(svg.count)
    var numbers: [ArraySlice<UInt8>: Int] = [:]
    var position = 0
    while position < svg.count {
      let byte = svg[position]
      result.append(byte)
      position += 1
      guard byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "#"), let kind = kinds.first(where: { svg[position...].starts(with: $0) })
      else { continue }
      let digits = svg[(position + kind.count)...].prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
      guard !digits.isEmpty else { continue }
      let number = numbers[digits, default: numbers.count]
      numbers[digits] = number
      result += kind + Array("\(number)".utf8)
      position = digits.endIndex
    }
    return result
  }

  private static func escaped(_ text: String) -> String {
    text.filter { $0 == "\n" || !$0.unicodeScalars.contains { $0.properties.generalCategory == .control } }
      .replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
  }
}
