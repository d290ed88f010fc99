import CLMDB
import HPACore

/// What stands in a view, for a person to look at.
public struct ViewSummary: Sendable, Equatable {
  public let header: ViewHeader
  /// Vectors that are there now.
  public let count: Int
  /// Vectors with a NaN or an infinity; vectors whose features are all zero.
  public let nonFinite: Int
  public let zero: Int
  /// Smallest, mean and largest length of the other vectors, nil where there are none.
  public let norms: Norms?
  /// Features that have the same value in every vector.
  public let constantDimensions: [Int]
  /// SHA-256 over all records in key order: key, a zero byte, the vector's bytes. Equal views have equal hashes, wherever and in which order they were written.
  public let contentsSHA256: String

  public struct Norms: Sendable, Equatable {
    public let minimum: Double
    public let mean: Double
    public let maximum: Double
  }
}

/// What `verify` found.
public struct VerifyReport: Sendable, Equatable {
  public struct BadRecord: Sendable, Equatable {
    /// The key as text; bytes that are not UTF-8 are shown as U+FFFD.
    public let key: String
    public let reason: String
  }

  public let count: Int
  public let checked: Int
  public let bad: [BadRecord]
  /// A complete view has exactly the ids that its header's hash says; a view that is being written always passes.
  public let hasItsIDs: Bool

  public var isSound: Bool { bad.isEmpty && hasItsIDs }
}

extension FeatureStore {
  /// Looks at every vector of a view. Damaged records throw, as in `matrix`.
  public func summary(of name: String) throws -> ViewSummary {
    let view = try view(name)
    return try environment.read { transaction in
      var tally = Tally(dimension: view.header.dimension)
      try transaction.forEach(view.database) { key, record in
        try self.check(key, record, view.header)
        tally.add(key, FeatureRecord.floats(record))
        if tally.count % 4096 == 0 { try Interruption.check() }
      }
      return tally.summary(view.header)
    }
  }

  /// Checks the checksums of all records, or of `sample` records drawn by `seed`.
  public func verify(_ name: String, sample: Int? = nil, seed: UInt64 = 0) throws -> VerifyReport {
    let view = try view(name)
    return try environment.read { transaction in
      let count = try transaction.count(view.database)
      let chosen = sample.map { FeatureStore.sample($0, of: count, seed: seed) }
      var (bad, checked): ([VerifyReport.BadRecord], Int) = ([], 0)
      var ids = IDsHash()
      try transaction.forEach(view.database) { key, record in
        ids.add(key)
        if ids.count % 4096 == 0 { try Interruption.check() }
        guard chosen?.contains(ids.count - 1) ?? true else { return }
        checked += 1
        guard let defect = FeatureRecord.defect(key: key, record: record, dimension: view.header.dimension) else { return }
        bad.append(.init(key: String(decoding: key, as: UTF8.self), reason: defect.rawValue))
      }
      let hasItsIDs = view.header.state == .writing || ids.hexadecimal == view.header.lineage.idsSHA256
      return VerifyReport(count: count, checked: checked, bad: bad, hasItsIDs: hasItsIDs)
    }
  }

  /// Removes the damaged records of a view, which goes back to state `writing` where any is missing; returns what was removed.
  public func repair(_ name: String) throws -> [VerifyReport.BadRecord] {
    try checkWritable()
    let view = try view(name)
    let headers = try headersDatabase()
    return try environment.write { transaction in
      var bad: [(key: [UInt8], record: VerifyReport.BadRecord)] = []
      try transaction.forEach(view.database) { key, record in
        guard let defect = FeatureRecord.defect(key: key, record: record, dimension: view.header.dimension) else { return }
        bad.append((Array(key), .init(key: String(decoding: key, as: UTF8.self), reason: defect.rawValue)))
      }
      for (key, _) in bad { try transaction.delete(view.database, key) }
      _ = try self.settleState(of: name, view.database, headers, transaction)
      return bad.map(\.record)
    }
  }

  private static func sample(_ wanted: Int, of count: Int, seed: UInt64) -> Set<Int> {
    var generator = SeededGenerator(seed: seed, stream: "verify")
    return Set((0..<count).shuffled(using: &generator).prefix(max(0, wanted)))
  }
}

/// Sums over the vectors of a view, one by one.
private struct Tally {
  var count = 0
  private var (nonFinite, zero, sum, minimum, maximum) = (0, 0, 0.0, Double.infinity, 0.0)
  private var first: [Float] = []
  private var isConstant: [Bool]
  private let hash = ContentHash()

  init(dimension: Int) { isConstant = Array(repeating: true, count: dimension) }

  mutating func add(_ key: UnsafeRawBufferPointer, _ floats: UnsafeRawBufferPointer) {
    count += 1
    hash.update(key)
    hash.update("\0")
    hash.update(floats)
    var squares = 0.0
    for index in isConstant.indices {
      let value = floats.loadUnaligned(fromByteOffset: index * MemoryLayout<Float>.size, as: Float.self)
      if count == 1 { first.append(value) }
      if value != first[index] { isConstant[index] = false }
      squares += Double(value) * Double(value)
    }
    guard squares.isFinite else { return nonFinite += 1 }
    guard squares > 0 else { return zero += 1 }
    let norm = squares.squareRoot()
    (minimum, maximum, sum) = (min(minimum, norm), max(maximum, norm), sum + norm)
  }

  func summary(_ header: ViewHeader) -> ViewSummary {
    let measured = count - nonFinite - zero
    let constant = count > 1 ? isConstant.indices.filter { isConstant[$0] } : []
    let norms = measured > 0 ? ViewSummary.Norms(minimum: minimum, mean: sum / Double(measured), maximum: maximum) : nil
    return ViewSummary(
      header: header, count: count, nonFinite: nonFinite, zero: zero, norms: norms, constantDimensions: constant,
      contentsSHA256: hash.hexadecimal)
  }
}
