/// What a key lets its holder do.
///
/// `read` is in every role, and `admin` is all of them. `embed` and `train` do not include each other: who serves
/// searches need not be able to fill the disk.
public enum AccessRole: String, Hashable, Sendable, Codable, CaseIterable {
  /// See datasets with their pictures, runs, models, indexes and metrics.
  case read
  /// Send pictures: embeddings and searches.
  case embed
  /// Make, change and remove datasets, runs, evaluations and indexes.
  case train
  /// Everything, with what changes the answers of everybody: the default model.
  case admin

  /// Whether it lets its holder do what needs `needed`.
  public func includes(_ needed: AccessRole) -> Bool {
    self == needed || self == .admin || needed == .read
  }
}

/// Bounds of keys and of their file.
public enum AccessLimits {
  /// Keys of one file.
  public static let keys = 1_000
  /// Bytes of the file of keys.
  public static let fileByteCount = 1 << 20
  /// Characters of a key's name: letters, digits and `. _ - @`.
  public static let nameCharacters = 1...64
  /// Requests per second that a key may be limited to.
  public static let requestsPerSecond = 0.001...1_000_000
  /// Requests at a time that a key may be limited to.
  public static let requestsInFlight = 1...100_000
  /// Bytes on disk that a key may be limited to.
  public static let diskBytes = 1...9_007_199_254_740_991
  /// Hours of training per day that a key may be limited to; several runs at once train more than 24 hours a day.
  public static let trainingHoursPerDay = 0.01...1_000
  /// Days that a key may be good for.
  public static let expiryDays = 1...3_650
}
