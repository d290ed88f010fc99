import HPACore
import HPAIndex
import HPAPictures

extension Matches {
  /// How similar the matches are; known pairs stand apart.
  func similarityPicture(title: String, known: KnownPairs?) -> Picture {
    // So many that the bars of a few would not be seen on even steps.
    let isLogarithmic = matches.count > 2000
    let countLabel = isLogarithmic ? "Matches (logarithmic)" : "Matches"
    let scores = { (matches: [Match]) in matches.map { Double($0.score) } }
    let count = "\(Output.grouped(matches.count)) matches"
    guard let known else {
      return Histogram(
        title: title, subtitle: count, valueLabel: "Cosine similarity", countLabel: countLabel,
        series: [.init("matches", values: scores(matches))],
        isLogarithmic: isLogarithmic
      ).picture
    }
    let hits = matches.filter(known.contains)
    return Histogram(
      title: title, subtitle: "\(count), among them \(Output.grouped(hits.count)) of the \(Output.grouped(known.count)) known pairs",
      valueLabel: "Cosine similarity", countLabel: countLabel,
      series: [
        .init("other matches", values: scores(matches.filter { !known.contains($0) })), .init("known pairs", values: scores(hits)),
      ], isLogarithmic: isLogarithmic
    ).picture
  }
}
