import HPABlend
import HPACore
import HPATestSupport

/// The blend that team vpp published: nine score files, their weights in file order, thresholds, and what came out.
enum PublishedBlend {
  static var isPresent: Bool { SharedData.has("vpp/summary_final_1_multhr_lk.csv") }

  static let weights: [(model: String, weight: Double)] = [
    ("inceptionv3_800", 31), ("inceptionv3_650", 11), ("inceptionv4_800", 21), ("inceptionv4_650", 6), ("xception_800", 9),
    ("xception_650", 2), ("xception_512", 15), ("featureconcat_incv3_800_incv4_800_xcep_800", 13),
    ("featureconcat_incv3_800_incv4_800_xcep_800_2", 13),
  ]

  static let thresholds: [Double] = [
    0.422, 0.15, 0.454, 0.29, 0.348, 0.331, 0.15, 0.572, 0.15, 0.15, 0.15, 0.15, 0.15, 0.15, 0.15, 0.15, 0.299, 0.15, 0.15, 0.15, 0.15,
    0.318, 0.15, 0.336, 0.15, 0.355, 0.15, 0.15,
  ]

  static func path(_ name: String) -> String { SharedData.path("vpp/" + name) }
  static func ids() throws -> [ImageID] { try ImageID.list(contentsOf: path("sample_submission.csv")) }

  /// Read once for all tests, as is the submission made of them.
  static let members = Result {
    let ids = try PublishedBlend.ids()
    return try weights.map { Blend.Member(try ClassScores(contentsOf: path($0.model + "_score.npy"), ids: ids), weight: $0.weight) }
  }

  static let blend = Result { try Blend.mean(of: try members.get()) }

  static let submission = Result {
    try Submission(scores: try blend.get(), thresholds: try Thresholds(thresholds)).ordered(as: try ids(), of: "sample")
  }
}
