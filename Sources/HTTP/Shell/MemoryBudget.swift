internal import Synchronization

/// The memory that bodies in flight may take, of all connections of a server together.
final class MemoryBudget: Sendable {
  private struct State {
    var queue: MemoryQueue
    var nextTicket: MemoryQueue.Ticket = 0
    var waiters: [MemoryQueue.Ticket: CheckedContinuation<Bool, Never>] = [:]
    /// Until then memory counts as short, in nanoseconds of the monotonic clock.
    var shortUntil: UInt64 = 0
    var lastAlarm: UInt64 = 0
    var alarms: [@Sendable () -> Void] = []
  }

  private let state: Mutex<State>
  private let patience: UInt64

  /// `bytes` in all; memory counts as short for `patience` after somebody asked in vain.
  init(bytes: Int, patience: Duration) {
    state = Mutex(State(queue: MemoryQueue(capacity: bytes)))
    self.patience = nanoseconds(patience)
  }

  /// Bytes that nobody holds.
  var free: Int { state.withLock { $0.queue.free } }

  /// Whether somebody has asked in vain a short while ago, or waits.
  func isShort(_ now: UInt64) -> Bool {
    state.withLock { $0.queue.isShort || now < $0.shortUntil }
  }

  /// Has an action called, on any thread and at most once per second, when somebody asks in vain.
  func onShortage(_ alarm: @escaping @Sendable () -> Void) {
    state.withLock { $0.alarms.append(alarm) }
  }

  /// Takes bytes if they are free now; whoever got them gives them back.
  func take(_ bytes: Int, _ now: UInt64) -> Bool {
    var alarms: [@Sendable () -> Void] = []
    let taken = state.withLock { state in
      if state.queue.take(bytes) { return true }
      alarms = soundAlarm(&state, now)
      return false
    }
    for alarm in alarms { alarm() }
    return taken
  }

  /// Takes bytes that are wanted for speed alone, if there is plenty; a refusal is no shortage and alarms nobody.
  func takeSpare(_ bytes: Int) -> Bool { state.withLock { $0.queue.takeSpare(bytes) } }

  private func soundAlarm(_ state: inout State, _ now: UInt64) -> [@Sendable () -> Void] {
    state.shortUntil = now + patience
    guard now >= state.lastAlarm + 1_000_000_000 || state.lastAlarm == 0 else { return [] }
    state.lastAlarm = now
    return state.alarms
  }

  /// A ticket to wait with.
  func ticket() -> MemoryQueue.Ticket {
    state.withLock { state in
      state.nextTicket += 1
      return state.nextTicket
    }
  }

  /// Waits for bytes that `take` did not give; false when they are more than there are, or the ticket was withdrawn.
  func wait(_ ticket: MemoryQueue.Ticket, for bytes: Int) async -> Bool {
    await withCheckedContinuation { waiter in
      let answer: Bool? = state.withLock { state in
        guard bytes <= state.queue.capacity else { return false }
        // Some may have come back since `take` was asked.
        if state.queue.take(bytes) { return true }
        state.queue.wait(ticket, for: bytes)
        state.waiters[ticket] = waiter
        return nil
      }
      if let answer { waiter.resume(returning: answer) }
    }
  }

  /// Ends a wait in vain, if it is not over.
  func withdraw(_ ticket: MemoryQueue.Ticket) {
    let (refused, granted) = state.withLock { state in
      let (wasWaiting, granted) = state.queue.withdraw(ticket)
      let refused = wasWaiting ? state.waiters.removeValue(forKey: ticket) : nil
      return (refused, granted.compactMap { state.waiters.removeValue(forKey: $0) })
    }
    refused?.resume(returning: false)
    for waiter in granted { waiter.resume(returning: true) }
  }

  /// Takes bytes back.
  func giveBack(_ bytes: Int) {
    guard bytes > 0 else { return }
    let granted = state.withLock { state in
      state.queue.giveBack(bytes).compactMap { state.waiters.removeValue(forKey: $0) }
    }
    for waiter in granted { waiter.resume(returning: true) }
  }
}

/// Bytes of a budget that one exchange holds; they go back when it is forgotten.
final class MemoryHold {
  private let budget: MemoryBudget
  private(set) var bytes = 0

  init(_ budget: MemoryBudget) { self.budget = budget }

  deinit { budget.giveBack(bytes) }

  /// Takes over bytes that were taken from the budget.
  func add(_ count: Int) { bytes += count }

  /// Gives some back.
  func giveBack(_ count: Int) {
    bytes -= count
    budget.giveBack(count)
  }
}
