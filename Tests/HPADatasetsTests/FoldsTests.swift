import HPACore
import HPADatasets
import HPATestSupport
import Testing

/// The fewest and the most images that a validation part holds of a class of 20 or more, as a part of its share.
private func relativeCounts(_ folds: Folds, _ table: LabelTable, share: Double) throws -> ClosedRange<Double> {
  let ratios = try (0..<folds.count).flatMap { fold in
    let ids = folds.validation(fold: fold)
    let part = LabelStatistics(try LabelTable(ids: ids, labels: try table.labels(for: ids)))
    return zip(LabelStatistics(table).classes, part.classes).filter { $0.0.images >= 20 }
      .map { Double($1.images) / (share * Double($0.images)) }
  }
  return (ratios.min() ?? 0)...(ratios.max() ?? 0)
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
  @Test(.enabled(if: hasTrainCSV, "needs ../shared/data"), arguments: [0, 1, 2, 3, 4] as [UInt64])
  func `ten folds of train.csv are as even as whole numbers can be`(seed: UInt64) throws {
    let table = try trainTable.get()
    let folds = try Folds.stratified(table, count: 10, seed: seed)
    #expect((0..<10).flatMap { folds.validation(fold: $0) }.sorted() == table.ids.sorted())
    #expect(Set((0..<10).map { folds.validation(fold: $0).count }) == [3107, 3108])
    let evenness = try folds.evenness(table, share: 0.1)
    // Of n = 10 q + r images, r folds hold q + 1 and the others q at best.
    let rests = LabelStatistics(table).classes.map { Double($0.images % 10) / 10 }
    #expect(abs(evenness.meanDeviation - rests.map { 2 * $0 * (1 - $0) }.reduce(0, +) / 28) < 1e-9)
    #expect(evenness.largestDeviation < 0.9 + 1e-9)
    // 2 or 3 images of the 21 of class 15: whole numbers allow no more than 3 / 2.1 here.
    let relative = try relativeCounts(folds, table, share: 0.1)
    #expect(relative.lowerBound >= 0.6 && relative.upperBound < 3 / 2.1 + 1e-6)
  }

  @Test(.enabled(if: hasTrainCSV, "needs ../shared/data")) func `shuffle splits of train.csv are even, and differ`() throws {
    let table = try trainTable.get()
    let folds = try Folds.stratified(table, count: 3, scheme: .shuffle, seed: 7)
    #expect((0..<3).map { folds.validation(fold: $0).count } == [2486, 2486, 2486])
    #expect(Set((0..<3).map { folds.validation(fold: $0) }).count == 3)
    // No whole number is further than half an image from the share that it stands for.
    #expect(try folds.evenness(table, share: 0.08).largestDeviation <= 0.5)
  }

  @Test(
    .enabled(if: hasTrainCSV && Python.isPresent, "needs ../shared/data and scripts/setup test"),
    arguments: [(Folds.Scheme.kfold, 10, 0.1), (.shuffle, 3, 0.08)])
  func `folds of train.csv are at least as even as those of iterative-stratification`(scheme: Folds.Scheme, count: Int, share: Double)
    throws
  {
    let seed = testSeed()
    let table = try trainTable.get()
    let folds = try Folds.stratified(table, count: count, scheme: scheme, seed: seed, validationFraction: share)
    let folder = try TemporaryFolder()
    try folds.write(to: folder.path("folds.csv"))
    // Both divisions are measured by NumPy.
    let printed = try Python.run(
      """
      import csv, sys, numpy as np
      from iterstrat.ml_stratifiers import MultilabelStratifiedKFold, MultilabelStratifiedShuffleSplit
      labels, folds, scheme, count, share, seed = *sys.argv[1:4], int(sys.argv[4]), float(sys.argv[5]), int(sys.argv[6])
      rows = list(csv.DictReader(open(labels)))
      y = np.zeros((len(rows), 28), int)
      for i, row in enumerate(rows): y[i, [int(c) for c in row['Target'].split()]] = 1
      row_of = {row['Id']: i for i, row in enumerate(rows)}
      ours = [[] for _ in range(count)]
      for row in csv.DictReader(open(folds)):
        if scheme == 'kfold': ours[int(row['Fold'])].append(row_of[row['Id']])
        elif row['Part'] == 'validation': ours[int(row['Split'])].append(row_of[row['Id']])
      make = (MultilabelStratifiedKFold(n_splits=count, shuffle=True, random_state=seed) if scheme == 'kfold'
              else MultilabelStratifiedShuffleSplit(n_splits=count, test_size=share, random_state=seed))
      theirs = [held for _, held in make.split(np.zeros(len(y)), y)]
      for parts in (ours, theirs):
        off = np.abs(np.array([y[part].sum(0) for part in parts]) - share * y.sum(0))
        print(off.max(), off.mean())
      """, [trainCSV, folder.path("folds.csv"), scheme.rawValue, "\(count)", "\(share)", "\(seed)"])
    let figures = printed.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
    try #require(figures.count == 4)
    print(
      "\(scheme) x \(count): largest and mean deviation \(figures[0]), \(figures[1]); iterative-stratification \(figures[2]), \(figures[3])"
    )
    #expect(figures[0] <= figures[2] + 1e-9 && figures[1] <= figures[3] + 1e-9, "\(figures)")
    let evenness = try folds.evenness(table, share: share)
    #expect(abs(evenness.largestDeviation - figures[0]) < 1e-9 && abs(evenness.meanDeviation - figures[1]) < 1e-9)
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
    #expect(try folds.evenness(table, share: scheme == .kfold ? 0.2 : 0.08).largestDeviation < 2)
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
