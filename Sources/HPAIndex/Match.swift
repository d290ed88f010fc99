public import HPACore

/// A query image and a gallery image that look alike.
public struct Match: Sendable, Equatable {
  public let query: ImageID
  public let gallery: ImageID
  /// Cosine of the two feature vectors.
  public let score: Float
  /// From 1: within the query for neighbours, through the whole list for best pairs.
  public let rank: Int

  public init(query: ImageID, gallery: ImageID, score: Float, rank: Int) {
    self.query = query
    self.gallery = gallery
    self.score = score
    self.rank = rank
  }
}

/// What a search did.
public struct SearchStatistics: Sendable, Equatable {
  public let queries: Int
  public let gallery: Int
  public let kernel: SearchKernel
  /// Pairs that the first scores could not exclude when they were looked at.
  public let candidates: Int
  /// Candidates whose exact score was needed in the end.
  public let rescored: Int
  /// How far a first score was from the exact one at most.
  public let errorBound: Float

  /// Pairs looked at.
  public var pairs: Int { queries * gallery }
}
