public import HPACore

/// Finds a threshold for each class on a set of scores.
///
/// Thresholds between two adjacent scores label the same images, so one candidate stands for them all: their midpoint; the highest score,
/// where no image is labelled; 0 (or the next float64 below the lowest score, if that is smaller), where every image is.
public struct ThresholdSearch: Sendable {
  public enum Rule: Sendable {
    /// The highest F1. A class is searched where MORE than `minimumCount` images carry it; the others keep `fallback`, because the optimum
    /// of a few images is noise. F1 is that of `score > threshold` alone, before the arg-max that `Submission` gives to rows without a
    /// label. Where `fallback` itself reaches the best F1 it stays. Of several best candidates the nearest to `fallback` is taken, and of
    /// two equally near the lower.
    case optimum
    /// `fallback` for every class.
    case fixed
    /// The candidate that labels the share of the images nearest to the share that carries the class in a label table, compared as whole
    /// numbers; of two equally near the higher, which labels fewer.
    case ratio(ClassShares)
  }

  public let rule: Rule
  /// Classes with this many positives or fewer are not searched for the optimum, and are marked under the other rules; 0 searches every
  /// class that occurs.
  public let minimumCount: Int
  public let fallback: Double

  public init(_ rule: Rule = .optimum, minimumCount: Int = 1000, fallback: Double = Thresholds.default) {
    self.rule = rule
    self.minimumCount = minimumCount
    self.fallback = fallback
  }

  /// One choice a class, by class id.
  ///
  /// - Parameters:
  ///   - truth: the labels of the scored images; rows of other images are ignored. Without them there is no F1.
  ///   - bootstrap: gives every choice its intervals.
  ///   - progress: advances by a resample.
  /// - Throws: `badData` that names the first id without labels, or for scores without rows; `usage` for a fallback that is not finite, or an optimum or intervals
  ///   without labels.
  public func choices(
    scores: ClassScores, truth: LabelTable?, bootstrap: ThresholdBootstrap? = nil, threads: Int = Parallel.availableThreads,
    progress: ProgressLine? = nil
  ) throws -> [Choice] {
    try validate(hasTruth: truth != nil, isBootstrapped: bootstrap != nil)
    guard !scores.ids.isEmpty else {
      throw Failure(.badData, "holds no images to find thresholds on", at: .file(scores.name), cure: "Give at least one row of scores.")
    }
    let labels = try truth?.labels(for: scores.ids)
    let rankings = ProteinLocation.all.map { location in
      ScoreRanking(
        scores: scores.ids.indices.map { scores.matrix[$0, location.id] },
        isPositive: labels?.map { $0.contains(location.id) } ?? Array(repeating: false, count: scores.ids.count))
    }
    let choices = rankings.enumerated().map { choice(classID: $0.offset, $0.element, hasTruth: truth != nil) }
    guard let bootstrap else { return choices }
    return try intervals(choices, rankings, bootstrap, threads: threads, progress: progress)
  }

  private func validate(hasTruth: Bool, isBootstrapped: Bool) throws {
    guard fallback.isFinite else {
      throw Failure(.usage, "the default threshold \(fallback) is no number", cure: "Give one such as --default 0.15.")
    }
    if case .optimum = rule, !hasTruth {
      throw Failure(.usage, "an F1 optimum cannot be found without labels", cure: "Add --labels FILE.csv for the scored images.")
    }
    guard hasTruth || !isBootstrapped else {
      throw Failure(.usage, "a bootstrap needs the labels of the scored images", cure: "Add --labels FILE.csv, or leave --bootstrap out.")
    }
  }

  private func choice(classID: Int, _ ranking: ScoreRanking, hasTruth: Bool) -> Choice {
    let draws = ranking.eachOnce
    let positives = ranking.positives(draws)
    let threshold = threshold(of: classID, ranking, draws, isSearched: positives > minimumCount)
    let found = ranking.tally(above: threshold, draws)
    return Choice(
      classID: classID, threshold: threshold, predicted: found.predicted, positives: hasTruth ? positives : nil,
      f1: hasTruth ? found.f1(positives: positives) : nil,
      f1AtFallback: hasTruth ? ranking.tally(above: fallback, draws).f1(positives: positives) : nil,
      note: note(classID, positives, hasTruth))
  }

  private func note(_ classID: Int, _ positives: Int, _ hasTruth: Bool) -> Choice.Note? {
    switch rule {
    case .optimum: positives > minimumCount ? nil : .tooFewPositives
    case .fixed: !hasTruth || positives > minimumCount ? nil : .fewPositives
    case .ratio(let shares): shares.carriers[classID] > minimumCount ? nil : .fewPositives
    }
  }

  // MARK: Rules

  private func threshold(of classID: Int, _ ranking: ScoreRanking, _ draws: [UInt16], isSearched: Bool) -> Double {
    switch rule {
    case .optimum: isSearched ? optimum(ranking, draws) : fallback
    case .fixed: fallback
    case .ratio(let shares): matching(shares.carriers[classID], of: shares.images, ranking, draws)
    }
  }

  /// The fallback where no drawn image carries the class.
  private func optimum(_ ranking: ScoreRanking, _ draws: [UInt16]) -> Double {
    let positives = ranking.positives(draws)
    var best = (threshold: fallback, f1: -1.0)
    ranking.forEachCut(draws) { cut in
      // Equal F1 are equal bits: both are the correctly rounded quotient of whole numbers. Candidates come in falling order, hence `<=`.
      let f1 = cut.tally.f1(positives: positives)
      guard f1 >= best.f1 else { return }
      let threshold = cut.threshold
      if f1 > best.f1 || abs(threshold - fallback) <= abs(best.threshold - fallback) { best = (threshold, f1) }
    }
    return ranking.tally(above: fallback, draws).f1(positives: positives) >= best.f1 ? fallback : best.threshold
  }

  private func matching(_ carriers: Int, of images: Int, _ ranking: ScoreRanking, _ draws: [UInt16]) -> Double {
    let drawn = draws.reduce(0) { $0 + Int($1) }
    var best = (threshold: fallback, distance: Int.max)
    ranking.forEachCut(draws) { cut in
      let distance = abs(cut.tally.predicted * images - carriers * drawn)
      if distance < best.distance { best = (cut.threshold, distance) }
    }
    return best.threshold
  }

  // MARK: Intervals

  private func intervals(
    _ choices: [Choice], _ rankings: [ScoreRanking], _ bootstrap: ThresholdBootstrap, threads: Int, progress: ProgressLine?
  ) throws -> [Choice] {
    let images = rankings[0].eachOnce.count
    let resamples = try Parallel.map(count: bootstrap.resamples, threads: threads) { resample in
      try Interruption.check()
      defer { progress?.advance() }
      let draws = bootstrap.draws(resample: resample, images: images)
      return zip(rankings, choices).map { ranking, choice in
        (
          threshold: threshold(of: choice.classID, ranking, draws, isSearched: choice.note != .tooFewPositives),
          f1: ranking.tally(above: choice.threshold, draws).f1(positives: ranking.positives(draws))
        )
      }
    }
    progress?.finish()
    return choices.map { choice in
      var choice = choice
      choice.thresholdInterval = bootstrap.interval(of: resamples.map { $0[choice.classID].threshold })
      choice.f1Interval = bootstrap.interval(of: resamples.map { $0[choice.classID].f1 })
      return choice
    }
  }
}

/// How many images of a label table carry each class.
public struct ClassShares: Sendable, Equatable {
  public let images: Int
  /// 28 counts, by class id.
  public let carriers: [Int]

  /// - Throws: `badData` for a table without images.
  public init(_ table: LabelTable) throws {
    guard table.count > 0 else { throw Failure(.badData, "no images to take shares of", cure: "Give a label table with at least one row.") }
    images = table.count
    carriers = ProteinLocation.all.map { location in table.labels.count { $0.contains(location.id) } }
  }
}

extension Thresholds {
  /// The thresholds of a search.
  public init(_ choices: [ThresholdSearch.Choice]) throws { try self.init(choices.map(\.threshold)) }
}
