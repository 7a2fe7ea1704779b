import Synchronization
import Threads

/// Searches on a thread of its own, one pass after the other: each has all threads while it lasts.
///
/// A pass reads the whole index, whether for one query or for 64. So what waits when a pass ends, and asks the same index, is answered by
/// one pass: the more clients ask, the less each search costs.
public actor SearchDesk {
  private let executor = ThreadExecutor(name: "search")
  private let threads: Int
  private let queue = Mutex(SearchQueue())

  /// The desk's thread.
  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  /// A desk whose searches use `threads` threads.
  public init(threads: Int) {
    precondition(threads > 0, "\(threads) threads.")
    self.threads = threads
  }

  /// Searches that wait.
  public nonisolated var waitingCount: Int { queue.withLock { $0.count } }

  /// The items nearest to a vector; see `VectorIndex.nearest`. Where the caller's task is cancelled while it waits, it leaves the queue.
  ///
  /// - Throws: `IndexError`; `SearchQueueFull`; `CancellationError`.
  public nonisolated func nearest(
    in index: VectorIndex, to query: [Float], count: Int, filter: ItemFilter = ItemFilter(),
    without: Set<Int> = []
  ) async throws -> [Neighbour] {
    // A query that cannot be answered must not fail those that share its pass.
    _ = try index.direction(of: query)
    let id = queue.withLock { $0.nextID() }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { reply in
        let search = WaitingSearch(
          id: id, index: index, query: query, count: count, filter: filter, without: without,
          reply: reply)
        // The task is marked as cancelled before its handler runs: one that found nothing in the queue is seen here.
        let refusal: (any Error)? = queue.withLock { queue in
          if Task.isCancelled { return CancellationError() }
          return queue.append(search) ? nil : SearchQueueFull(limit: SearchLimits.waiting)
        }
        if let refusal { return reply.resume(throwing: refusal) }
        Task { await answerSome() }
      }
    } onCancel: {
      queue.withLock { $0.take(id) }?.reply.resume(throwing: CancellationError())
    }
  }

  /// One pass for the search that has waited longest and those that go with it. Called once for each search, so none is left.
  private func answerSome() {
    let searches = queue.withLock { $0.takeOnePass() }
    guard let first = searches.first else { return }
    let answers = Result {
      try first.index.nearest(
        to: searches.map(\.query), count: searches.map(\.count).max() ?? first.count,
        filter: first.filter, without: searches.map(\.without), threads: threads)
    }
    for (place, search) in searches.enumerated() {
      search.reply.resume(with: answers.map { Array($0[place].prefix(search.count)) })
    }
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
