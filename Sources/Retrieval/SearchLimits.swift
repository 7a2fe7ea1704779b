/// What indexes and searches are held to.
public enum SearchLimits {
  /// Neighbours of one query.
  public static let neighbours = 1...1000
  /// Queries that are looked for in one pass over the index.
  public static let queriesInOnePass = 64
  /// The side of the picture of all thumbnails, in pixels; TensorFlow's projector takes up to 8,192.
  public static let spriteSide = 4096
  /// Searches of a service that may wait.
  public static let waiting = 1024
  /// Pictures of one index: what a row's number can tell.
  public static let items = 2_147_483_647
  /// Items of the largest index in which all pairs are compared.
  public static let itemsInPairs = 50_000
}

/// What the indexes of a service are held to.
public struct IndexLibraryLimits: Sendable {
  /// Indexes that may wait.
  public var waiting = 16
  /// Indexes that are kept open; the one used longest ago is closed.
  public var open = 16

  /// The defaults.
  public init() {}
}
