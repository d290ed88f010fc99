import HPACore
import HPATestSupport
import Testing

@testable import HPABlend

/// Made-up scores with labels that follow them, in files that NumPy reads too.
private struct Scored {
  let folder: TemporaryFolder
  let scores: ClassScores
  let truth: LabelTable

  /// - Parameter digits: scores are rounded to so many decimals, which makes ties.
  init(images: Int, seed: UInt64, digits: Double = 3) throws {
    folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: seed)
    let scale = digits == 0 ? 1 : (0..<Int(digits)).reduce(1.0) { value, _ in value * 10 }
    let values = (0..<images * 28).map { _ in
      let value = generator.uniform() * generator.uniform()
      return digits == 0 ? value : (value * scale).rounded() / scale
    }
    let matrix = Matrix(rows: images, columns: 28, values: values)
    let ids = (0..<images).map { ImageID("image\($0)") }
    scores = try ClassScores(ids: ids, matrix: matrix, name: "scores.npy")
    // The last classes become rare, and the very last never occurs.
    let labels = ids.indices.map { row in
      LabelSet((0..<27).filter { generator.uniform() < 0.8 * matrix[row, $0] / Double(max(1, $0 - 22)) })
    }
    truth = try LabelTable(ids: ids, labels: labels)
    try NumpyFile.write(matrix, to: folder.path("scores.npy"))
    let targets = labels.flatMap { set in (0..<28).map { set.contains($0) ? 1.0 : 0 } }
    try NumpyFile.write(Matrix(rows: images, columns: 28, values: targets), to: folder.path("truth.npy"))
  }
}

private func numbers(_ printed: String) -> [[Double]] {
  printed.split(separator: "\n").map { $0.split(separator: " ").compactMap { Double($0) } }
}

@Suite struct ThresholdRuleTests {
  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"), arguments: ["optimum", "ratio"])
  func `bootstrap intervals equal NumPy's for the same resamples`(rule: String) throws {
    let data = try Scored(images: 400, seed: testSeed(), digits: 2)
    let bootstrap = try ThresholdBootstrap(resamples: 50, confidence: 0.9, seed: 4)
    let search = ThresholdSearch(rule == "optimum" ? .optimum : .ratio(try ClassShares(data.truth)), minimumCount: 20)
    let choices = try search.choices(scores: data.scores, truth: data.truth, bootstrap: bootstrap)
    let draws = (0..<50).flatMap { bootstrap.draws(resample: $0, images: 400).map(Double.init) }
    try NumpyFile.write(Matrix(rows: 50, columns: 400, values: draws), to: data.folder.path("draws.npy"))
    let theirs = numbers(
      try Python.run(
        """
        import numpy as np, sys
        folder, rule, chosen = sys.argv[1], sys.argv[2], list(map(float, sys.argv[3].split()))
        scores, truth, draws = (np.load(f"{folder}/{name}.npy") for name in ("scores", "truth", "draws"))
        assert (draws.sum(1) == len(scores)).all()
        def f1(s, t, limit):
            bottom = (s > limit).sum() + t.sum()
            return 2 * t[s > limit].sum() / bottom if bottom else 0.0
        def find(s, t, share, is_searched):
            levels = np.unique(s)
            limits = np.concatenate([[min(0, np.nextafter(levels[0], -1))], levels[:-1] / 2 + levels[1:] / 2, levels[-1:]])
            if rule == "ratio":
                away = [abs(int((s > limit).sum()) * len(truth) - int(share) * len(s)) for limit in limits]
                return max(limit for limit, a in zip(limits, away) if a == min(away))
            if not is_searched or not t.any(): return 0.15
            found = [f1(s, t, limit) for limit in limits]
            if f1(s, t, 0.15) >= max(found): return 0.15
            return min((abs(limit - 0.15), limit) for limit, f in zip(limits, found) if f == max(found))[1]
        for c in range(28):
            rows = [np.repeat(np.arange(len(scores)), d.astype(int)) for d in draws]
            searched = truth[:, c].sum() > 20
            limits = [find(scores[r, c], truth[r, c], truth[:, c].sum(), searched) for r in rows]
            reached = [f1(scores[r, c], truth[r, c], chosen[c]) for r in rows]
            print(*(float(np.quantile(v, q)) for v in (limits, reached) for q in (0.05, 0.95)))
        """, [data.folder.path, rule, choices.map { "\($0.threshold)" }.joined(separator: " ")]))
    for (choice, expected) in zip(choices, theirs) {
      let (threshold, f1) = (try #require(choice.thresholdInterval), try #require(choice.f1Interval))
      let ours = [threshold.low, threshold.high, f1.low, f1.high]
      #expect(zip(ours, expected).allSatisfy { abs($0 - $1) <= 1e-12 }, "class \(choice.classID): \(ours), NumPy \(expected)")
    }
    #expect(theirs.count == 28)
    #expect(choices.contains { $0.thresholdInterval?.low ?? 0 < $0.thresholdInterval?.high ?? 0 })
  }

  @Test func `intervals do not depend on threads, and other seeds give others`() throws {
    let data = try Scored(images: 150, seed: testSeed())
    func choices(threads: Int, seed: UInt64) throws -> [ThresholdSearch.Choice] {
      try ThresholdSearch(minimumCount: 5).choices(
        scores: data.scores, truth: data.truth, bootstrap: try ThresholdBootstrap(resamples: 40, seed: seed), threads: threads)
    }
    let reference = try choices(threads: 1, seed: 1)
    #expect(try choices(threads: 3, seed: 1) == reference)
    #expect(try choices(threads: 2, seed: 2) != reference)
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `ratio thresholds are NumPy's quantiles where the share is a whole number of images`() throws {
    let data = try Scored(images: 1024, seed: testSeed(), digits: 0)
    // 256 labelled images, so that each stands for four of the scored ones.
    let table = try LabelTable(ids: Array(data.truth.ids.prefix(256)), labels: Array(data.truth.labels.prefix(256)))
    let shares = try ClassShares(table)
    let choices = try ThresholdSearch(.ratio(shares)).choices(scores: data.scores, truth: nil)
    let theirs = numbers(
      try Python.run(
        """
        import numpy as np, sys
        scores, carriers = np.load(sys.argv[1]), list(map(int, sys.argv[2].split()))
        print(*(float(np.quantile(scores[:, c], 1 - n / 256, method="averaged_inverted_cdf")) for c, n in enumerate(carriers)))
        """, [data.folder.path("scores.npy"), shares.carriers.map(String.init).joined(separator: " ")]))
    #expect(zip(choices.map(\.threshold), theirs[0]).allSatisfy { abs($0 - $1) <= 1e-15 })
    #expect(choices.map(\.predicted) == shares.carriers.map { 4 * $0 })
    #expect(choices[27].predicted == 0 && choices[27].note == .fewPositives && choices[0].f1 == nil)
  }

  @Test func `of two ratios equally near the smaller is taken, and ties are labelled together`() throws {
    let ids = (0..<4).map { ImageID("image\($0)") }
    func predicted(_ scores: [Double], carriers: Int, of images: Int) throws -> Int {
      let matrix = Matrix(rows: 4, columns: 28, values: scores.flatMap { Array(repeating: $0, count: 28) })
      let table = try LabelTable(ids: (0..<images).map { ImageID("t\($0)") }, labels: (0..<images).map { $0 < carriers ? [0] : [] })
      let search = ThresholdSearch(.ratio(try ClassShares(table)))
      return try search.choices(scores: try ClassScores(ids: ids, matrix: matrix, name: "s.npy"), truth: nil)[0].predicted
    }
    #expect(try predicted([0.9, 0.7, 0.5, 0.3], carriers: 3, of: 8) == 1)
    #expect(try predicted([0.9, 0.7, 0.5, 0.3], carriers: 5, of: 10) == 2)
    #expect(try predicted([0.9, 0.5, 0.5, 0.3], carriers: 5, of: 10) == 1)
    #expect(try predicted([0.9, 0.5, 0.5, 0.3], carriers: 6, of: 10) == 3)
    #expect(try predicted([0.5, 0.5, 0.5, 0.5], carriers: 9, of: 10) == 4)
    #expect(try predicted([0.9, 0.7, 0.5, 0.3], carriers: 0, of: 10) == 0)
  }

  @Test func `a fixed value holds for all classes, and a class with few positives says so`() throws {
    let data = try Scored(images: 300, seed: testSeed())
    let choices = try ThresholdSearch(.fixed, minimumCount: 20, fallback: 0.3).choices(scores: data.scores, truth: data.truth)
    #expect(choices.allSatisfy { $0.threshold == 0.3 && $0.f1 == $0.f1AtFallback })
    for choice in choices { #expect((choice.note == .fewPositives) == (choice.positives ?? 0 <= 20)) }
    #expect(choices[27].note == .fewPositives && choices[0].note == nil)
  }

  @Test func `details name class, counts, F1, interval and note`() throws {
    let data = try Scored(images: 200, seed: testSeed())
    let search = ThresholdSearch(minimumCount: 20)
    let bootstrap = try ThresholdBootstrap(resamples: 40)
    let choices = try search.choices(scores: data.scores, truth: data.truth, bootstrap: bootstrap)
    try choices.writeDetails(to: data.folder.path("details.csv"))
    let table = try CSVTable(contentsOf: data.folder.path("details.csv"))
    #expect(table.header.prefix(3) == ["class", "threshold", "name"])
    #expect(
      table.rows[27].fields == [
        "27", "0.15", "Rods & rings", "0", "\(choices[27].predicted)", "0.0", "0.0", "0.15", "0.15", "0.0", "0.0",
        "too few positives, default kept",
      ])
    #expect(try Thresholds(contentsOf: data.folder.path("details.csv")) == Thresholds(choices))
  }

  @Test func `what no interval or optimum can be made of is refused`() throws {
    let data = try Scored(images: 3, seed: 1)
    func kind(_ body: () throws -> Void) -> Failure.Kind? { #expect(throws: Failure.self) { try body() }?.kind }
    #expect(kind { _ = try ThresholdBootstrap(resamples: 39) } == .usage)
    #expect(kind { _ = try ThresholdBootstrap(resamples: 1000, confidence: 1) } == .usage)
    #expect(kind { _ = try ThresholdSearch().choices(scores: data.scores, truth: nil) } == .usage)
    let none = try ClassScores(ids: [], matrix: Matrix(rows: 0, columns: 28), name: "none.npy")
    #expect(kind { _ = try ThresholdSearch(.fixed).choices(scores: none, truth: nil) } == .badData)
    #expect(kind { _ = try ClassShares(try LabelTable(ids: [], labels: [])) } == .badData)
  }
}
