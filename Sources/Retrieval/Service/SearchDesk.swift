import Threads

/// Searches on a thread of its own, one after the other: each has all threads while it lasts.
public actor SearchDesk {
  private let executor = ThreadExecutor(name: "search")
  private let threads: Int

  /// The desk's thread.
  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  /// A desk whose searches use `threads` threads.
  public init(threads: Int) {
    precondition(threads > 0, "\(threads) threads.")
    self.threads = threads
  }

  /// The items nearest to each query; see `VectorIndex.nearest`.
  ///
  /// - Throws: `IndexError`.
  public func nearest(
    in index: VectorIndex, to queries: [[Float]], count: Int, filter: ItemFilter = ItemFilter(),
    without: [Set<Int>] = []
  ) throws(IndexError) -> [[Neighbour]] {
    try index.nearest(
      to: queries, count: count, filter: filter, without: without, threads: threads)
  }

  /// The items nearest to some items, each without itself.
  ///
  /// - Throws: `IndexError`.
  public func nearest(
    in index: VectorIndex, toItems items: [Int], count: Int
  ) throws(IndexError) -> [[Neighbour]] {
    try index.nearest(
      to: items.map { index.vector($0) }, count: count, without: items.map { [$0] },
      threads: threads)
  }

  /// Groups of items that are alike; see `VectorIndex.groups`.
  public func groups(in index: VectorIndex, above score: Float) -> [[Int]] {
    index.groups(above: score, threads: threads)
  }
}
