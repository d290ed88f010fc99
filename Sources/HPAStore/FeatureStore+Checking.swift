import HPACore

/// What stands in a view, for a person to look at.
public struct ViewSummary: Codable, Sendable, Equatable {
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

  public struct Norms: Codable, Sendable, Equatable {
    public let minimum: Double
    public let mean: Double
    public let maximum: Double
  }
}

/// What `verify` found.
public struct VerifyReport: Codable, Sendable, Equatable {
  public struct BadRecord: Codable, Sendable, Equatable {
    /// The key as text; bytes that are not UTF-8 are shown as U+FFFD.
    public let key: String
    public let reason: String

    init(key: String, reason: String) { (self.key, self.reason) = (key, reason) }

    init(key: UnsafeRawBufferPointer, _ defect: FeatureRecord.Defect) {
      self.init(key: String(decoding: key, as: UTF8.self), reason: defect.rawValue)
    }
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
    try read(name) { header, tree in
      var tally = Tally(dimension: header.dimension)
      try ViewScan(header, tree).forEach { _, key, record in
        try self.check(key, record, header)
        tally.add(key, FeatureRecord.floats(record))
      }
      return tally.summary(header)
    }
  }

  /// Checks the checksums of all records, or of `sample` records drawn by `seed`.
  public func verify(_ name: String, sample: Int? = nil, seed: UInt64 = 0) throws -> VerifyReport {
    try read(name) { header, tree in
      let scan = try ViewScan(header, tree)
      let chosen = sample.map { FeatureStore.sample($0, of: tree.count, seed: seed) }
      let bad = try scan.map { part in
        var bad: [VerifyReport.BadRecord] = []
        try scan.forEach(in: part) { row, key, record in
          guard chosen?.contains(row) ?? true,
            let defect = FeatureRecord.defect(key: key, record: record, dimension: header.dimension)
          else { return }
          bad.append(.init(key: key, defect))
        }
        return bad
      }.flatMap { $0 }
      var ids = IDsHash()
      try scan.forEach { _, key, _ in ids.add(key) }
      let hasItsIDs = header.state == .writing || ids.hexadecimal() == header.lineage.idsSHA256
      return VerifyReport(count: tree.count, checked: chosen?.count ?? tree.count, bad: bad, hasItsIDs: hasItsIDs)
    }
  }

  /// Removes the damaged records of a view, which goes back to state `writing` where any is missing; returns what was removed.
  ///
  /// - Throws: `badData` where the file itself is damaged: that is for `salvage`.
  public func repair(_ name: String) throws -> [VerifyReport.BadRecord] {
    try checkWritable()
    _ = try header(of: name)
    let (headers, vectors) = (try headersDatabase(), try vectorsDatabase(name))
    return try environment.write { transaction in
      guard let header = try self.storedHeader(name, in: headers, transaction) else { return [] }
      var bad: [(key: [UInt8], record: VerifyReport.BadRecord)] = []
      try transaction.forEach(vectors) { key, record in
        guard let defect = FeatureRecord.defect(key: key, record: record, dimension: header.dimension) else { return }
        bad.append((Array(key), .init(key: key, defect)))
      }
      for (key, _) in bad { try transaction.delete(vectors, key) }
      _ = try self.settleState(of: name, vectors, headers, transaction)
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
