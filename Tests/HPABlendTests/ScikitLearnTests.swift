import Foundation
import HPABlend
import HPACore
import HPATestSupport
import Testing

/// Scores with labels drawn at random, as CSV and .npy files that scikit-learn reads too.
private struct ScoredLabels {
  let folder: TemporaryFolder
  let scores: ClassScores
  let truth: LabelTable

  /// Real scores where they are at hand: their ties and skew are those of the field.
  init(seed: UInt64, model: String = "xception_800") throws {
    folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: seed)
    let path = PublishedBlend.path(model + "_score.npy")
    let matrix: Matrix<Double> =
      PublishedBlend.isPresent
      ? try NumpyFile.read(path).selecting(rows: Array(0..<3000))
      : Matrix(rows: 3000, columns: 28, values: (0..<3000 * 28).map { _ in (pow(generator.uniform(), 4) * 1000).rounded() / 1000 })
    let ids = (0..<matrix.rows).map { ImageID("image\($0)") }
    scores = try ClassScores(ids: ids, matrix: matrix, name: path)
    // Labels that follow the scores, but not always; two classes that never occur.
    let labels = (0..<matrix.rows).map { row in
      LabelSet((0..<26).filter { generator.uniform() < 0.02 + 0.9 * matrix[row, $0] })
    }
    truth = try LabelTable(ids: ids, labels: labels)
    try NumpyFile.write(matrix, to: folder.path("scores.npy"))
    try NumpyFile.write(Self.indicators(labels), to: folder.path("truth.npy"))
  }

  static func indicators(_ labels: [LabelSet]) -> Matrix<Float> {
    Matrix(rows: labels.count, columns: 28, values: labels.flatMap { set in (0..<28).map { set.contains($0) ? 1 : 0 } })
  }

  func numbers(_ source: String, _ more: [String] = []) throws -> [[Double]] {
    let head = "import sys, numpy as np, sklearn.metrics as m, warnings; warnings.simplefilter('ignore')\n"
    let printed = try Python.run(head + source, [folder.path("truth.npy"), folder.path("scores.npy")] + more)
    return printed.split(separator: "\n").map { $0.split(separator: " ").compactMap { Double($0) } }
  }
}

private func agree(_ left: [Double], _ right: [Double], within tolerance: Double = 1e-12) -> Bool {
  left.count == right.count && zip(left, right).allSatisfy { abs($0 - $1) <= tolerance }
}

@Suite(.enabled(if: Python.isPresent, "needs scripts/setup test")) struct ScikitLearnTests {
  @Test func `precision, recall, F1, support and macro F1 equal scikit-learn's`() throws {
    let data = try ScoredLabels(seed: testSeed())
    let submission = try Submission(scores: data.scores, thresholds: Thresholds())
    try NumpyFile.write(ScoredLabels.indicators(submission.labels), to: data.folder.path("predicted.npy"))
    let theirs = try data.numbers(
      """
      t, p = np.load(sys.argv[1]), np.load(sys.argv[3])
      for row in m.precision_recall_fscore_support(t, p, zero_division=0): print(*map(float, row))
      present = np.flatnonzero(t.sum(0))
      print(float(m.f1_score(t, p, average='macro', zero_division=0)), float(m.f1_score(t, p, average='macro', labels=present, zero_division=0)))
      print(float(m.f1_score(t, np.tile((t.sum(0) > 0).astype('f4'), (len(t), 1)), average='macro', zero_division=0)))
      """, [data.folder.path("predicted.npy")])
    let report = try ClassificationReport(of: submission, truth: data.truth)
    #expect(agree(report.classes.map(\.precision), theirs[0]))
    #expect(agree(report.classes.map(\.recall), theirs[1]))
    #expect(agree(report.classes.map(\.f1), theirs[2]))
    #expect(report.classes.map { Double($0.support) } == theirs[3])
    #expect(agree([report.macroF1, report.macroF1OfPresentClasses], theirs[4]))
    #expect(agree([report.bestConstant.macroF1], theirs[5]))
    #expect(report.bestConstant.labels.ids == report.classes.filter { $0.support > 0 }.map(\.classID))
    #expect(report.macroF1 < report.macroF1OfPresentClasses)
  }

  @Test(arguments: ["xception_800", "inceptionv3_650"])
  func `the F1 curve of every class equals scikit-learn's precision_recall_curve at every threshold`(model: String) throws {
    let data = try ScoredLabels(seed: testSeed(), model: model)
    let curves = try F1Curve.all(scores: data.scores, truth: data.truth)
    // Some that are scores themselves: a label is given above, not at, its threshold.
    let probes = [-0.5, 0, 0.15, 0.5, 1, 2] + (0..<28).map { data.scores.matrix[$0, $0] }
    // Classes that nobody carries have no recall there; ours are 0 throughout.
    let theirs = try data.numbers(
      """
      t, s = np.load(sys.argv[1]), np.load(sys.argv[2])
      for c in range(28):
        p, r, scores = m.precision_recall_curve(t[:, c], s[:, c])
        f1 = np.where(p + r > 0, 2 * p * r / np.where(p + r > 0, p + r, 1), 0) if t[:, c].any() else 0 * p
        print(*map(float, scores)); print(*map(float, f1))
      probes = np.array(sys.argv[3].split(), dtype='f8')
      for x in probes: print(*map(float, m.f1_score(t, s > x, average=None, zero_division=0)))
      """, [probes.map { "\($0)" }.joined(separator: " ")])
    for (curve, (scores, values)) in zip(curves, zip(stride(from: 0, to: 56, by: 2), stride(from: 1, to: 56, by: 2))) {
      #expect(curve.scores == theirs[scores], "class \(curve.classID)")
      #expect(agree(curve.values, theirs[values]), "class \(curve.classID)")
    }
    for (probe, expected) in zip(probes, theirs[56...]) { #expect(agree(curves.map { $0.value(at: probe) }, expected), "\(probe)") }
    #expect(curves.map(\.positives) == (0..<28).map { id in data.truth.labels.count { $0.contains(id) } })
  }

  @Test(arguments: ["xception_800", "inceptionv3_650"])
  func `F1 at a searched threshold is the highest that scikit-learn finds at any threshold`(model: String) throws {
    let data = try ScoredLabels(seed: testSeed(), model: model)
    let choices = try ThresholdSearch(minimumCount: 0).choices(scores: data.scores, truth: data.truth)
    let theirs = try data.numbers(
      """
      t, s = np.load(sys.argv[1]), np.load(sys.argv[2])
      def best(c):
        p, r, _ = m.precision_recall_curve(t[:, c], s[:, c])
        return float(np.nanmax(np.where(p + r > 0, 2 * p * r / (p + r), 0))) if t[:, c].any() else 0.0
      print(*map(best, range(28)))
      print(*map(float, m.f1_score(t, s > np.array(sys.argv[3].split(), dtype='f8'), average=None, zero_division=0)))
      """, [choices.map { "\($0.threshold)" }.joined(separator: " ")])
    #expect(agree(choices.compactMap(\.f1), theirs[0]))
    #expect(agree(choices.compactMap(\.f1), theirs[1]))
    #expect(choices.filter { $0.note == nil }.map(\.classID) == Array(0..<26))
  }
}

/// The nine published score files whole, against labels of two kinds.
@Suite(.enabled(if: Python.isPresent && PublishedBlend.isPresent, "needs scripts/setup test and ../shared/data"))
struct PublishedScoreTests {
  @Test(arguments: ["published", "random"])
  func `macro F1, F1 of each class and thresholds on the nine score files are exactly scikit-learn's`(labels: String) throws {
    let folder = try TemporaryFolder()
    let ids = try PublishedBlend.ids()
    var generator = SeededGenerator(seed: testSeed())
    var lines: [[String]] = []
    for (index, member) in try PublishedBlend.members.get().enumerated() {
      let scores = member.scores
      let sets =
        labels == "published"
        ? try PublishedBlend.submission.get().labels
        : ids.indices.map { row in LabelSet((0..<28).filter { generator.uniform() < 0.01 + 0.9 * scores.matrix[row, $0] }) }
      let truth = try LabelTable(ids: ids, labels: sets)
      let search = ThresholdSearch(minimumCount: 0)
      let choices = try search.choices(scores: scores, truth: truth)
      let report = try ClassificationReport(of: try Submission(scores: scores, thresholds: try Thresholds(choices)), truth: truth)
      try NumpyFile.write(ScoredLabels.indicators(sets), to: folder.path("\(index).npy"))
      lines.append(choices.map { "\($0.threshold)" })
      lines.append(choices.map { "\($0.f1 ?? -1)" })
      lines.append(report.classes.map { "\($0.f1)" } + ["\(report.macroF1)"])
    }
    try FileBytes.write(lines.map { $0.joined(separator: " ") + "\n" }.joined(), to: folder.path("ours.txt"))
    let paths = PublishedBlend.weights.map { PublishedBlend.path($0.model + "_score.npy") }
    let printed = try Python.run(
      """
      import sys, numpy as np, sklearn.metrics as m
      folder, paths = sys.argv[1], sys.argv[2:]
      ours = [list(map(float, line.split())) for line in open(f"{folder}/ours.txt")]
      unequal = searched = 0
      for i, path in enumerate(paths):
          s, t = np.load(path), np.load(f"{folder}/{i}.npy") > 0
          limits, best, report = (np.array(line) for line in ours[3 * i:3 * i + 3])
          for c in np.flatnonzero(t.any(0)):
              p, r, levels = m.precision_recall_curve(t[:, c], s[:, c])
              f = np.nan_to_num(2 * p * r / np.maximum(p + r, 1e-300))[:-1]
              # The curve's own rounding cannot order the best few, so f1_score decides among them.
              theirs = max(m.f1_score(t[:, c], s[:, c] >= level) for level in levels[np.argsort(-f)[:3]])
              searched += 1
              unequal += theirs != best[c] or m.f1_score(t[:, c], s[:, c] > limits[c]) != best[c]
          given = s > limits
          given[~given.any(1), s[~given.any(1)].argmax(1)] = True
          each = m.f1_score(t, given, average=None, zero_division=0)
          unequal += int((each != report[:28]).sum()) + (abs(m.f1_score(t, given, average="macro", zero_division=0) - report[28]) > 1e-15)
      print(searched, int(unequal))
      """, [folder.path] + paths)
    print("\(labels) labels: classes searched and differences: \(printed)")
    let counts = printed.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
    #expect(counts.count == 2 && counts[0] >= 200 && counts[1] == 0, "\(printed)")
  }
}
