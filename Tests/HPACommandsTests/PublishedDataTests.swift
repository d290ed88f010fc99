import Foundation
import HPACore
import HPATestSupport
import Testing

/// The real data beside the project, through the program as a user runs it.
@Suite struct PublishedDataTests {
  @Test(.enabled(if: SharedData.has("vpp/sample_submission.csv"), "needs ../shared/data"))
  func `The published blend and its leak step come out row by row`() throws {
    let folder = try TemporaryFolder()
    let members = [
      ("inceptionv3_800", 31), ("inceptionv3_650", 11), ("inceptionv4_800", 21), ("inceptionv4_650", 6), ("xception_800", 9),
      ("xception_650", 2),
      ("xception_512", 15), ("featureconcat_incv3_800_incv4_800_xcep_800", 13), ("featureconcat_incv3_800_incv4_800_xcep_800_2", 13),
    ]
    let published = [
      0.422, 0.15, 0.454, 0.29, 0.348, 0.331, 0.15, 0.572, 0.15, 0.15, 0.15, 0.15, 0.15, 0.15, 0.15, 0.15, 0.299, 0.15, 0.15, 0.15, 0.15,
      0.318,
      0.15, 0.336, 0.15, 0.355, 0.15, 0.15,
    ]
    try FileBytes.write(
      "class,threshold\n" + published.enumerated().map { "\($0.offset),\($0.element)\n" }.joined(), to: folder.path("thresholds.csv"))
    let result = try Program.run(
      members.flatMap { ["--member", SharedData.path("vpp/\($0.0)_score.npy") + "=\($0.1)"] }.prefixed(with: "blend") + [
        "--ids", SharedData.path("vpp/sample_submission.csv"), "--thresholds", folder.path("thresholds.csv"), "--leaks",
        SharedData.path("vpp/leak_test_matches.csv"), "--out", folder.path("submission.csv"),
      ])
    #expect(result.status == 0, "\(result.standardError)")
    for (ours, theirs) in [
      ("submission_without_leaks.csv", "summary_final_1_multhr.csv"), ("submission.csv", "summary_final_1_multhr_lk.csv"),
    ] {
      #expect(try LabelTable(contentsOf: folder.path(ours)) == LabelTable(contentsOf: SharedData.path("vpp/\(theirs)")), "\(ours)")
    }
  }

  @Test(.enabled(if: SharedData.has("hpaic/train.csv"), "needs ../shared/data"))
  func `Statistics of the real training labels are those of the published table`() throws {
    struct Statistics: Decodable {
      struct Row: Decodable { let images: Int }
      let images: Int
      let classes: [Row]
      let labelsPerImage: [Int]
    }
    let result = try Program.run(["stats", "--labels", SharedData.path("hpaic/train.csv"), "--json"])
    let found = try JSONDecoder().decode(Statistics.self, from: Data(result.standardOutput.utf8))
    #expect(found.images == 31_072)
    #expect(
      found.classes.map(\.images) == [
        12885, 1254, 3621, 1561, 1858, 2513, 1008, 2822, 53, 45, 28, 1093, 688, 537, 1066, 21, 530, 210, 902, 1482, 172, 3777, 802, 2965,
        322, 8228,
        328, 11,
      ])
    #expect(found.labelsPerImage.dropFirst() == [15126, 12485, 3160, 299, 2])
  }

  @Test(.enabled(if: SharedData.has("hpaic/train.csv"), "needs ../shared/data"), arguments: ["kfold", "shuffle"])
  func `Folds of the real labels have the same bytes for the same seed`(scheme: String) throws {
    let folder = try TemporaryFolder()
    for name in ["a.csv", "b.csv"] {
      let result = try Program.run([
        "folds", "--labels", SharedData.path("hpaic/train.csv"), "--count", "10", "--scheme", scheme, "--seed", "7", "--out",
        folder.path(name),
      ])
      #expect(result.status == 0, "\(result.standardError)")
    }
    #expect(try FileBytes.read(folder.path("a.csv")) == FileBytes.read(folder.path("b.csv")))
  }
}

extension [String] {
  fileprivate func prefixed(with first: String) -> [String] { [first] + self }
}
