/// How many threads compute may use: one number for every library that starts threads.
public struct ThreadBudget: Hashable, Sendable {
  /// Threads, at least 1.
  public let count: Int

  /// A budget of `count` threads; less than 1 counts as 1.
  public init(_ count: Int) { self.count = max(1, count) }
}
