/// More searches wait than allowed; worth trying again soon.
public struct SearchQueueFull: Error, Hashable, Sendable {
  /// How many may wait.
  public let limit: Int
}

/// A search that waits for a pass.
struct WaitingSearch {
  var id: UInt64
  var index: VectorIndex
  var query: [Float]
  var count: Int
  var filter: ItemFilter
  var without: Set<Int>
  var reply: CheckedContinuation<[Neighbour], any Error>
}

/// The searches that wait, in the order in which they came.
struct SearchQueue {
  private var searches: [WaitingSearch] = []
  private var lastID: UInt64 = 0

  /// Searches that wait.
  var count: Int { searches.count }

  /// A number that no other search has.
  mutating func nextID() -> UInt64 {
    lastID += 1
    return lastID
  }

  /// Puts a search at the end; false where as many as are allowed wait.
  mutating func append(_ search: WaitingSearch) -> Bool {
    guard searches.count < SearchLimits.waiting else { return false }
    searches.append(search)
    return true
  }

  /// Takes a search out, if it still waits.
  mutating func take(_ id: UInt64) -> WaitingSearch? {
    searches.firstIndex { $0.id == id }.map { searches.remove(at: $0) }
  }

  /// Takes the search that has waited longest, and those behind it that ask the same index for items of the same labels and parts, as many as one
  /// pass can answer.
  mutating func takeOnePass() -> [WaitingSearch] {
    guard let first = searches.first else { return [] }
    var taken: [WaitingSearch] = []
    searches.removeAll { search in
      let fits =
        search.index === first.index && search.filter == first.filter
        && taken.count < SearchLimits.queriesInOnePass
      if fits { taken.append(search) }
      return fits
    }
    return taken
  }
}
