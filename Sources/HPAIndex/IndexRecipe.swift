import HPACore

/// How an index is built and what it must reach: a file of `indexes/` (schemas/index-recipe.schema.json).
public struct IndexRecipe: Sendable, Codable, Equatable {
  /// The lowest recall that an index of this recipe may have.
  public struct Minimum: Sendable, Codable, Equatable {
    /// Neighbours of a query that are compared with exact search.
    public var neighbours: Int
    /// The share of them that must be found, 0 to 1.
    public var recall: Double

    public init(neighbours: Int, recall: Double) {
      self.neighbours = neighbours
      self.recall = recall
    }
  }

  public var name: String
  /// A factory string of Faiss.
  public var factory: String
  /// Search-time parameters in Faiss's words (`efSearch=64`); nil for none.
  public var parameters: String?
  /// How many times more rows than asked for are fetched from the index and scored exactly.
  public var oversampling: Int
  public var minimum: Minimum

  /// - Throws: `usage` that names what makes no sense.
  public init(name: String, factory: String, parameters: String? = nil, oversampling: Int = 1, minimum: Minimum) throws {
    guard oversampling >= 1, minimum.neighbours >= 1, (0...1).contains(minimum.recall) else {
      throw Failure(
        .usage, "recipe \(name): oversampling \(oversampling), minimum recall \(minimum.recall) at \(minimum.neighbours)",
        cure: "Oversampling and neighbours are 1 or more, a recall is from 0 to 1.")
    }
    self.name = name
    self.factory = factory
    self.parameters = parameters
    self.oversampling = oversampling
    self.minimum = minimum
  }
}

/// How much of the exact answer an approximate index finds.
public struct Recall: Sendable, Codable, Equatable {
  public let neighbours: Int
  /// Queries that it was measured with: rows of the gallery, each without itself.
  public let queries: Int
  /// Drew the queries.
  public let seed: UInt64
  /// The mean share of the exact `neighbours` that were found, 0 to 1; a row that ties with the last of them counts as one of them.
  public let value: Double
}
