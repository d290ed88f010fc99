import HPABlend
import HPACore
import HPATestSupport
import Testing

private func scores(_ ids: [ImageID], _ name: String = "a.npy", change: (inout Matrix<Double>) -> Void = { _ in }) throws -> ClassScores {
  var matrix = Matrix<Double>(repeating: 0.25, rows: ids.count, columns: 28)
  change(&matrix)
  return try ClassScores(ids: ids, matrix: matrix, name: name)
}

@Suite struct BlendTests {
  @Test func `a blend is the weighted mean, in the order of the first member`() throws {
    let first = try scores(["a", "b"]) { $0[0, 3] = 1 }
    let second = try scores(["b", "a"]) { $0[1, 3] = 0.5 }
    let blend = try Blend.mean(of: [.init(first, weight: 3), .init(second, weight: 1)])
    #expect(blend.ids == ["a", "b"])
    #expect(blend.matrix[0, 3] == 0.875)
    #expect(blend.matrix[1, 3] == 0.25)
  }

  @Test func `a member of weight 0 changes nothing`() throws {
    let first = try scores(["a"]) { $0[0, 3] = 0.7 }
    #expect(try Blend.mean(of: [.init(first, weight: 1), .init(try scores(["a"]), weight: 0)]).matrix == first.matrix)
  }

  @Test(arguments: [[-1], [.nan], [.infinity], [0, 0], [], [.greatestFiniteMagnitude, .greatestFiniteMagnitude]] as [[Double]])
  func `weights that make no mean are refused`(weights: [Double]) throws {
    let failure = #expect(throws: Failure.self) { try Blend.mean(of: try weights.map { .init(try scores(["a"]), weight: $0) }) }
    #expect(failure?.kind == .usage)
    #expect(failure?.cure != nil)
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func `a score that is not finite is refused with member, row and id`(value: Double) throws {
    let failure = #expect(throws: Failure.self) { try scores(["a", "b"], "stacker.npy") { $0[1, 27] = value } }
    #expect(failure?.place == .file("stacker.npy", row: 2, id: "b"))
    #expect(failure?.kind == .badData)
  }

  @Test(arguments: [["a"], ["a", "c"], ["a", "b", "c"]] as [[ImageID]])
  func `members with other ids are refused`(ids: [ImageID]) throws {
    let failure = #expect(throws: Failure.self) {
      try Blend.mean(of: [.init(try scores(["a", "b"]), weight: 1), .init(try scores(ids, "b.npy"), weight: 1)])
    }
    #expect(failure?.place.path == "b.npy")
    #expect(failure?.place.id == (ids.count == 3 ? "c" : "b"))
  }

  @Test func `features, rows without ids and repeated ids are refused`() {
    #expect(throws: Failure.self) { try ClassScores(ids: ["a"], matrix: Matrix(rows: 1, columns: 128), name: "f.npy") }
    #expect(throws: Failure.self) { try ClassScores(ids: ["a"], matrix: Matrix(rows: 2, columns: 28), name: "s.npy") }
    #expect(throws: Failure.self) { try ClassScores(ids: ["a", "a"], matrix: Matrix(rows: 2, columns: 28), name: "s.npy") }
  }
}

@Suite struct SubmissionTests {
  @Test func `a score at the threshold gives no label, one above it does`() throws {
    let scores = try scores(["a", "b"]) { matrix in
      matrix.values = Array(repeating: 0.15, count: 56)
      matrix[1, 5] = 0.15.nextUp
      matrix[1, 2] = 0.9
    }
    let submission = try Submission(scores: scores, thresholds: Thresholds())
    #expect(submission.labels == [[0], [2, 5]])
  }

  @Test func `an image without a label gets its highest class, the lowest id of a tie`() throws {
    let scores = try scores(["a"]) { matrix in
      matrix.values = Array(repeating: -1, count: 28)
      for tied in [27, 9, 14] { matrix[0, tied] = -0.5 }
    }
    #expect(try Submission(scores: scores, thresholds: Thresholds()).labels == [[9]])
  }

  @Test func `a submission is written in sample order with ascending labels and line feeds`() throws {
    let folder = try TemporaryFolder()
    let submission = try Submission(ids: ["b", "a"], labels: [[16, 0], [21]]).ordered(as: ["a", "b"], of: "sample.csv")
    try submission.write(to: folder.path("s.csv"))
    #expect(String(decoding: try FileBytes.read(folder.path("s.csv")), as: UTF8.self) == "Id,Predicted\na,21\nb,0 16\n")
    #expect(try Submission(contentsOf: folder.path("s.csv")) == submission)
  }

  @Test func `differences are counted by image, whatever the line ends and the order of labels`() throws {
    let folder = try TemporaryFolder()
    try FileBytes.write("Id,Predicted\r\nb,16 0\r\na,3\r\n", to: folder.path("theirs.csv"))
    let ours = try Submission(ids: ["a", "b"], labels: [[21], [0, 16]])
    let differences = try ours.differences(from: try Submission(contentsOf: folder.path("theirs.csv")))
    #expect(differences.map(\.id) == ["a"])
    #expect(differences.first?.here == [21])
    #expect(differences.first?.there == [3])
  }

  @Test(arguments: [["a"], ["a", "b", "c"], ["a", "c"]] as [[ImageID]])
  func `a sample with other ids is refused`(sample: [ImageID]) throws {
    let submission = try Submission(ids: ["a", "b"], labels: [[0], [1]])
    let failure = #expect(throws: Failure.self) { try submission.ordered(as: sample, of: "sample.csv") }
    #expect(failure?.kind == .badData)
    #expect(failure?.place == .file("sample.csv", id: sample.contains("c") ? "c" : "b"))
  }
}

@Suite struct ClassificationReportTests {
  @Test func `a class that nobody carries and nobody predicts counts 0`() throws {
    let truth = try LabelTable(ids: ["a", "b"], labels: [[0], [1]])
    let report = try ClassificationReport(of: try Submission(ids: ["a", "b"], labels: [[0], [1]]), truth: truth)
    #expect(report.macroF1 == 2.0 / 28)
    #expect(report.macroF1OfPresentClasses == 1)
    #expect(report.bestConstant.labels == [0, 1])
    #expect(report.bestConstant.macroF1 == 2 * (2.0 / 3) / 28)
  }

  @Test func `an image without labels, or no image at all, is refused`() throws {
    let truth = try LabelTable(ids: ["a"], labels: [[0]])
    let failure = #expect(throws: Failure.self) { try ClassificationReport(of: try Submission(ids: ["b"], labels: [[0]]), truth: truth) }
    #expect(failure?.place.id == "b")
    #expect(throws: Failure.self) { try ClassificationReport(of: try Submission(ids: [], labels: []), truth: truth) }
  }
}
