import Foundation
import HPABlend
import HPACore
import HPATestSupport
import Testing

@Suite(.enabled(if: PublishedBlend.isPresent, "needs the published files in shared/data")) struct PublishedBlendTests {
  @Test func `nine score files, weights and thresholds give the published submission, 0 of 11,702 rows different`() throws {
    let ours = try PublishedBlend.submission.get()
    let published = try Submission(contentsOf: PublishedBlend.path("summary_final_1_multhr.csv"))
    #expect(ours.ids.count == 11_702)
    #expect(ours.ids == published.ids)
    #expect(try ours.differences(from: published).isEmpty)
  }

  @Test func `the published leak table gives the published submission with leaks, and every change is logged`() throws {
    let before = try PublishedBlend.submission.get()
    let leaks = try LeakTable(published: PublishedBlend.path("leak_test_matches.csv"))
    let (after, changes) = try leaks.applied(to: before)
    let published = try Submission(contentsOf: PublishedBlend.path("summary_final_1_multhr_lk.csv"))
    #expect(after.ids == published.ids)
    #expect(try after.differences(from: published).isEmpty)
    #expect(changes.map(\.id) == (try after.differences(from: before).map(\.id)))
    #expect(!changes.isEmpty && changes.count <= 259)
    #expect(changes.allSatisfy { !$0.sources.isEmpty && $0.before != $0.after })
  }

  @Test func `the published leak table holds 259 images, two of them in two rows, none in conflict`() throws {
    let leaks = try LeakTable(published: PublishedBlend.path("leak_test_matches.csv"))
    #expect(leaks.entries.count == 259)
    #expect(leaks.repeated.map(\.sources.count) == [2, 2])
    #expect(leaks.conflicts.isEmpty)
  }

  @Test func `what is written has the bytes of the published file`() throws {
    let folder = try TemporaryFolder()
    try PublishedBlend.submission.get().write(to: folder.path("submission.csv"))
    let published = try FileBytes.read(PublishedBlend.path("summary_final_1_multhr.csv"))
    #expect(try FileBytes.read(folder.path("submission.csv")) == published.filter { $0 != 13 })
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test")) func `the blended scores equal NumPy's to the last bits`() throws {
    let folder = try TemporaryFolder()
    let blend = try PublishedBlend.blend.get()
    try NumpyFile.write(blend.matrix, to: folder.path("blend.npy"))
    let source = """
      import sys, numpy
      ours = numpy.load(sys.argv[1]); weights = [float(word) for word in sys.argv[2].split()]
      theirs = numpy.average([numpy.load(path) for path in sys.argv[3:]], axis=0, weights=weights)
      print(abs(ours - theirs).max())
      """
    let paths = PublishedBlend.weights.map { PublishedBlend.path($0.model + "_score.npy") }
    let weights = PublishedBlend.weights.map { "\($0.weight)" }.joined(separator: " ")
    let printed = try Python.run(source, [folder.path("blend.npy"), weights] + paths)
    let difference = try #require(Double(printed.trimmingCharacters(in: .whitespacesAndNewlines)))
    #expect(difference < 1e-15)
  }
}
