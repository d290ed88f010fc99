import HPACore
import HPAIndex
import HPAPictures

extension Matches {
  /// How similar the matches are; known pairs stand apart.
  func similarityPicture(title: String, known: KnownPairs?) -> Picture {
    let scores = { (matches: [Match]) in matches.map { Double($0.score) } }
    let count = "\(Output.grouped(matches.count)) matches"
    guard let known else {
      return Histogram(
        title: title, subtitle: count, valueLabel: "Cosine similarity", countLabel: "Matches", series: [.init("matches", values: scores(matches))]
      ).picture
    }
    let hits = matches.filter(known.contains)
    return Histogram(
      title: title, subtitle: "\(count), among them \(Output.grouped(hits.count)) of the \(Output.grouped(known.count)) known pairs",
      valueLabel: "Cosine similarity", countLabel: "Matches (logarithmic)",
      series: [
        .init("other matches", values: scores(matches.filter { !known.contains($0) })), .init("known pairs", values: scores(hits)),
      ], isLogarithmic: true
    ).picture
  }
}
