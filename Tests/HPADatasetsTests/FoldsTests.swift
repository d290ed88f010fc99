import HPACore
import HPADatasets
import HPATestSupport
import Testing

/// How far the class counts of validation parts are from their shares, in images.
private struct Evenness {
  private(set) var largest = 0.0
  private(set) var mean = 0.0
  /// The fewest and the most images of a class of 20 or more, as a part of its share.
  private(set) var relative = 1.0...1.0

  init(_ folds: Folds, _ table: LabelTable, fraction: Double) throws {
    let total = Self.counts(table.labels)
    for fold in 0..<folds.count {
      let part = Self.counts(try table.labels(for: folds.validation(fold: fold)))
      for (whole, count) in zip(total, part) {
        let share = Double(whole) * fraction
        let deviation = abs(Double(count) - share)
        largest = max(largest, deviation)
        mean += deviation / Double(total.count * folds.count)
        if whole >= 20 { relative = min(relative.lowerBound, Double(count) / share)...max(relative.upperBound, Double(count) / share) }
      }
    }
  }

  private static func counts(_ labels: [LabelSet]) -> [Int] {
    var counts = Array(repeating: 0, count: ProteinLocation.count)
    for set in labels {
      var bits = set.bits
      while bits != 0 {
        counts[bits.trailingZeroBitCount] += 1
        bits &= bits - 1
      }
    }
    return counts
  }
}

private let trainTable = Result { try LabelTable(contentsOf: trainCSV) }

/// Images with one to three labels each, low class ids more often than high ones.
private func randomTable(_ count: Int, seed: UInt64) throws -> LabelTable {
  var generator = SeededGenerator(seed: seed)
  let labels = (0..<count).map { _ in
    LabelSet((0...generator.index(below: 3)).map { _ in Int(28 * generator.uniform() * generator.uniform()) })
  }
  return try LabelTable(ids: (0..<count).map { ImageID("image-\($0)") }, labels: labels)
}

@Suite struct FoldsTests {
  // The bounds are what MultilabelStratifiedKFold and MultilabelStratifiedShuffleSplit of iterative-stratification 0.1.9 (PyPI) reach on
  // the same file, in folds of 3055 to 3157 images: rounding of the shares, no more.
  @Test(.enabled(if: hasTrainCSV, "needs ../shared/data"), arguments: [0, 1, 2, 3, 4] as [UInt64])
  func `ten folds of train.csv are as even as whole numbers can be`(seed: UInt64) throws {
    let table = try trainTable.get()
    let folds = try Folds.stratified(table, count: 10, seed: seed)
    #expect((0..<10).flatMap { folds.validation(fold: $0) }.sorted() == table.ids.sorted())
    #expect(Set((0..<10).map { folds.validation(fold: $0).count }) == [3107, 3108])
    let evenness = try Evenness(folds, table, fraction: 0.1)
    #expect(evenness.largest < 0.9 + 1e-6)
    #expect(evenness.mean < 0.32572)
    // 2 or 3 images of the 21 of class 15: whole numbers allow no more than 3 / 2.1 here.
    #expect(evenness.relative.lowerBound >= 0.6 && evenness.relative.upperBound < 3 / 2.1 + 1e-6)
  }

  @Test(.enabled(if: hasTrainCSV, "needs ../shared/data")) func `shuffle splits of train.csv are even, and differ`() throws {
    let table = try trainTable.get()
    let folds = try Folds.stratified(table, count: 3, scheme: .shuffle, seed: 7)
    #expect((0..<3).map { folds.validation(fold: $0).count } == [2486, 2486, 2486])
    #expect(Set((0..<3).map { folds.validation(fold: $0) }).count == 3)
    let evenness = try Evenness(folds, table, fraction: 0.08)
    #expect(evenness.largest < 0.44 + 1e-6)
    #expect(evenness.mean < 0.24143)
  }

  @Test(arguments: Folds.Scheme.allCases) func `the same seed gives the same bytes, another seed others`(scheme: Folds.Scheme) throws {
    let table = try randomTable(300, seed: testSeed())
    let folds = try Folds.stratified(table, count: 5, scheme: scheme, seed: 3)
    #expect(try Folds.stratified(table, count: 5, scheme: scheme, seed: 3).csv == folds.csv)
    #expect(try Folds.stratified(table, count: 5, scheme: scheme, seed: 4).csv != folds.csv)
  }

  @Test(arguments: Folds.Scheme.allCases) func `the order of rows changes nothing`(scheme: Folds.Scheme) throws {
    let table = try randomTable(300, seed: testSeed())
    let order = table.ids.indices.reversed()
    let reversed = try LabelTable(ids: order.map { table.ids[$0] }, labels: order.map { table.labels[$0] })
    let (folds, others) = (
      try Folds.stratified(table, count: 5, scheme: scheme, seed: 3), try Folds.stratified(reversed, count: 5, scheme: scheme, seed: 3)
    )
    for fold in 0..<5 { #expect(Set(folds.validation(fold: fold)) == Set(others.validation(fold: fold))) }
  }

  @Test(arguments: Folds.Scheme.allCases) func `training and validation are the whole, and share nothing`(scheme: Folds.Scheme) throws {
    let table = try randomTable(200, seed: testSeed())
    let folds = try Folds.stratified(table, count: 4, scheme: scheme, seed: 1, validationFraction: 0.25)
    for fold in 0..<4 {
      let (training, validation) = (folds.training(fold: fold), folds.validation(fold: fold))
      #expect(validation.count == 50)
      #expect((training + validation).sorted() == table.ids.sorted())
    }
    #expect(throws: Failure.self) { try folds.check(fold: 4) }
  }

  @Test(arguments: Folds.Scheme.allCases) func `duplicates stay together, along chains`(scheme: Folds.Scheme) throws {
    let table = try randomTable(400, seed: testSeed())
    let folder = try TemporaryFolder()
    let pairs = stride(from: 0, to: 120, by: 3).map {
      "image-\($0),image-\($0 + 200)\nother-\($0),image-\($0 + 200)\nother-\($0),image-\($0 + 1)\n"
    }
    try FileBytes.write("query,gallery\n" + pairs.joined(), to: folder.path("pairs.csv"))
    let groups = try ImageGroups(contentsOf: folder.path("pairs.csv"), for: table)
    #expect(groups.idsOutside(table).count == 40)
    let folds = try Folds.stratified(table, count: 5, scheme: scheme, seed: 3, groups: groups)
    for fold in 0..<5 {
      let held = Set(folds.validation(fold: fold))
      for first in stride(from: 0, to: 120, by: 3) {
        let members: [ImageID] = [ImageID("image-\(first)"), ImageID("image-\(first + 1)"), ImageID("image-\(first + 200)")]
        #expect([0, 3].contains(members.count { held.contains($0) }))
      }
    }
    let evenness = try Evenness(folds, table, fraction: scheme == .kfold ? 0.2 : 0.08)
    #expect(evenness.largest < 2)
  }

  @Test(arguments: Folds.Scheme.allCases) func `a fold file is read as it was written`(scheme: Folds.Scheme) throws {
    let table = try randomTable(60, seed: testSeed())
    let folder = try TemporaryFolder()
    let folds = try Folds.stratified(table, count: 3, scheme: scheme, seed: 3)
    try folds.write(to: folder.path("folds.csv"))
    #expect(try Folds.read(folder.path("folds.csv"), for: table.ids) == folds)
    #expect(try Folds.read(folder.path("folds.csv"), for: table.ids, count: 3) == folds)
  }

  @Test(
    arguments: [
      ("Id,Fold\na,0\nb,1\nx,0\n", 4, "not among"),
      ("Id,Fold\na,0\nb,1\n", nil, "no row"),
      ("Id,Fold\na,0\nb,1\nc,2\n", 4, "no fold"),
      ("Id,Fold\na,0\nb,-1\nc,1\n", 3, "no fold"),
      ("Id,Fold\na,0\nb,one\nc,1\n", 3, "no fold"),
      ("Id,Fold\na,0\nb,0\nb,1\nc,1\n", 4, "twice"),
      ("Id,Fold\na,0\nb,0\nc,0\n", nil, "no training"),
      ("Id,Part\na,0\n", 1, "no column 'Fold'"),
      ("Id,Split,Part\na,0,train\nb,0,test\nc,0,train\n", 3, "no part"),
      ("Id,Split,Part\na,0,train\nb,0,train\nc,0,train\na,1,train\nb,1,train\nc,1,validation\n", nil, "no validation"),
      ("Id,Split,Part\na,0,train\nb,0,train\nc,0,validation\na,1,train\nb,1,validation\n", nil, "no row for this id in split 1"),
      ("Id,Split,Part\na,0,train\nb,0,train\nc,0,validation\nc,0,train\n", 5, "twice"),
      ("Id,Split,Part\na,0,train\nb,0,train\nc,0,validation\n", nil, "in split 1"),
    ] as [(String, Int?, String)])
  func `a wrong fold file is refused with its row`(text: String, row: Int?, message: String) throws {
    let folder = try TemporaryFolder()
    try FileBytes.write(text, to: folder.path("folds.csv"))
    let failure = try #require(throws: Failure.self) { try Folds.read(folder.path("folds.csv"), for: ["a", "b", "c"], count: 2) }
    #expect(failure.kind == .badData)
    #expect(failure.place.path == folder.path("folds.csv"))
    #expect(failure.place.row == row)
    #expect(failure.message.contains(message))
  }

  @Test(arguments: ["Id\na\n", "a,b\nimage-0,\n", "a,b\nx,y\n"]) func `a wrong groups file is refused`(text: String) throws {
    let folder = try TemporaryFolder()
    try FileBytes.write(text, to: folder.path("pairs.csv"))
    let table = try randomTable(5, seed: 0)
    let failure = #expect(throws: Failure.self) { try ImageGroups(contentsOf: folder.path("pairs.csv"), for: table) }
    #expect(failure?.kind == .badData)
  }

  @Test func `impossible divisions are refused`() throws {
    let table = try randomTable(5, seed: 0)
    #expect(throws: Failure.self) { try Folds.stratified(table, count: 6, seed: 0) }
    #expect(throws: Failure.self) { try Folds.stratified(table, count: 1, seed: 0) }
    #expect(throws: Failure.self) { try Folds.stratified(table, count: 0, scheme: .shuffle, seed: 0) }
    for fraction in [0, 1, -1, 0.05, .nan, .infinity] {
      #expect(throws: Failure.self) { try Folds.stratified(table, count: 2, scheme: .shuffle, seed: 0, validationFraction: fraction) }
    }
    #expect(throws: Failure.self) { try Folds.stratified(try LabelTable(ids: [], labels: []), count: 2, seed: 0) }
  }
}
