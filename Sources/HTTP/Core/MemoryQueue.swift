/// Who gets bytes of a fixed amount of memory that many ask for: those who wait are served in order.
///
/// Nobody waits while holding bytes of an earlier request, so that no two can wait for each other; the callers see
/// to that. A request for more than there is in all is never granted.
struct MemoryQueue {
  typealias Ticket = UInt64

  /// Bytes in all.
  let capacity: Int
  /// Bytes that nobody holds.
  private(set) var free: Int
  private var waiting: [(ticket: Ticket, bytes: Int)] = []

  init(capacity: Int) {
    self.capacity = capacity
    free = capacity
  }

  /// Whether somebody waits.
  var isShort: Bool { !waiting.isEmpty }

  /// Takes bytes if they are free and nobody was there before.
  mutating func take(_ bytes: Int) -> Bool {
    guard waiting.isEmpty, bytes <= free else { return false }
    free -= bytes
    return true
  }

  /// Takes bytes that are wanted for speed alone: only while at least half of the capacity stays free.
  ///
  /// A body that must be held is never made to wait by bytes that another connection could do without.
  mutating func takeSpare(_ bytes: Int) -> Bool {
    guard waiting.isEmpty, free - bytes >= (capacity + 1) / 2 else { return false }
    free -= bytes
    return true
  }

  /// Queues a request that `take` has not granted.
  mutating func wait(_ ticket: Ticket, for bytes: Int) { waiting.append((ticket, bytes)) }

  /// Takes bytes back; returns the tickets that are granted by that, in order.
  mutating func giveBack(_ bytes: Int) -> [Ticket] {
    free += bytes
    precondition(free <= capacity, "more memory came back than was taken")
    return grant()
  }

  /// Removes a request; returns whether it was still waiting, and the tickets that are granted by its leaving.
  mutating func withdraw(_ ticket: Ticket) -> (wasWaiting: Bool, granted: [Ticket]) {
    guard let index = waiting.firstIndex(where: { $0.ticket == ticket }) else { return (false, []) }
    waiting.remove(at: index)
    return (true, grant())
  }

  private mutating func grant() -> [Ticket] {
    var granted: [Ticket] = []
    while let first = waiting.first, first.bytes <= free {
      free -= first.bytes
      granted.append(first.ticket)
      waiting.removeFirst()
    }
    return granted
  }
}
