internal import CSystem
internal import Logging
internal import Synchronization

/// One thread that waits for sockets and runs the actors of their connections.
///
/// It is the executor of those actors: their code runs on this thread only, so it needs no locks. It is also the preferred
/// executor of their tasks; otherwise every resumed continuation would pass through the global pool. Other threads use
/// only `enqueue` and `run`. Every connection is registered once, edge-triggered, under a token that carries a
/// generation number. An event of a closed connection therefore never reaches the next connection with the same descriptor.
@safe final class EventLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
  private struct Inbound {
    var jobs: [UnownedJob] = []
    var actions: [@Sendable () -> Void] = []
    var asleep = false
  }

  private struct Slot {
    var generation: UInt32 = 0
    var connection: Connection?
  }

  private static let wakeToken = UInt64.max
  static let listenerToken = UInt64.max - 1

  private let epoll: Int32
  private let wake: Int32
  private let inbound = Mutex(Inbound())

  // Everything below belongs to the loop's thread.
  private var thread: UInt64 = 0
  private var slots: [Slot] = []
  private var free: [Int] = []
  private var nextSweep = UInt64.max
  private var timers: [(at: UInt64, action: () -> Void)] = []
  private var stopping = false
  private(set) var connectionCount = 0
  private var liveTasks = 0
  /// Told when a connection has gone.
  var connectionClosed: () -> Void = {}
  /// Told when the listener has a connection to accept.
  var listenerReady: () -> Void = {}
  /// Whether a client waits for a place, so that the listener is to be told of connections that become idle.
  var newcomerWaits = false
  private var hasIdle = false
  /// Connections that were idle when a place was last looked for, the one that became idle first at the end.
  private var spare: [(since: UInt64, token: UInt64)] = []
  /// The monotonic clock as of this turn, in nanoseconds.
  private(set) var now = byol_monotonic_ns()
  /// The `Date` field's value, renewed every second.
  private(set) var date: [UInt8] = []
  private var dateSecond: Int64 = -1
  /// The buffer that bytes are received into. Valid until the next suspension of whoever received.
  let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 32 * 1024, alignment: 64)
  /// The answers of this turn, not yet sent.
  var outbox = Outbox()
  /// The buffer that TLS records are received into before they are decrypted into `scratch`.
  let encrypted = UnsafeMutableRawBufferPointer.allocate(byteCount: 32 * 1024, alignment: 64)

  /// - Throws: `HTTPError` when the system gives no descriptors.
  init() throws(HTTPError) {
    epoll = byol_epoll_create()
    wake = byol_eventfd_create()
    guard epoll >= 0, wake >= 0, byol_epoll_add_source(epoll, wake, EventLoop.wakeToken) == 0 else {
      throw HTTPError(.noDescriptors, "No event queue can be made.")
    }
  }

  deinit {
    _ = byol_close(epoll)
    _ = byol_close(wake)
    unsafe scratch.deallocate()
    unsafe encrypted.deallocate()
  }

  /// Starts the thread; it holds the loop until `stop`.
  func start() {
    let context = unsafe Unmanaged.passRetained(self).toOpaque()
    let result = unsafe byol_start_thread(
      { context in
        guard let context = unsafe context else { return }
        let loop = unsafe Unmanaged<EventLoop>.fromOpaque(context).takeRetainedValue()
        loop.turnUntilStopped()
      }, context, "http")
    precondition(result == 0, "no thread for the event loop")
  }

  /// Ends the thread once no connection's code is running any more.
  func stop() { run { [self] in stopping = true } }

  // MARK: Executor

  /// Takes a job from any thread.
  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    hand { $0.jobs.append(job) }
  }

  /// Runs an action on the loop's thread, soon.
  func run(_ action: @escaping @Sendable () -> Void) { hand { $0.actions.append(action) } }

  private func hand(_ add: (inout Inbound) -> Void) {
    let mustWake = inbound.withLock { inbound in
      add(&inbound)
      defer { inbound.asleep = false }
      return inbound.asleep
    }
    if mustWake { byol_eventfd_signal(wake) }
  }

  func isIsolatingCurrentContext() -> Bool? { byol_thread_id() == thread }

  // MARK: Turning

  private func turnUntilStopped() {
    thread = byol_thread_id()
    var events = [byol_event](repeating: byol_event(token: 0, bits: 0), count: 256)
    while true {
      tick()
      runJobs()
      // Before the loop sleeps: no event tells of a connection that has become idle.
      if newcomerWaits, hasIdle { listenerReady() }
      hasIdle = false
      if stopping, liveTasks == 0, connectionCount == 0 { break }
      let count = unsafe byol_epoll_wait(epoll, &events, 256, sleepTime())
      inbound.withLock { $0.asleep = false }
      tick()
      for index in 0..<max(0, Int(count)) { dispatch(events[index]) }
      emptyOutbox()
      if now >= nextSweep { sweep() }
    }
    connectionClosed = {}
    listenerReady = {}
  }

  private func tick() {
    now = byol_monotonic_ns()
    let second = byol_wall_seconds()
    if second != dateSecond {
      dateSecond = second
      date = Array(HTTPDate.text(Int(second)).utf8)
    }
  }

  /// Runs what has been queued, a few rounds at most so that sockets are not starved.
  private func runJobs() {
    var jobs: [UnownedJob] = []
    for _ in 0..<16 {
      var actions: [@Sendable () -> Void] = []
      jobs.removeAll(keepingCapacity: true)
      inbound.withLock { inbound in
        swap(&jobs, &inbound.jobs)
        swap(&actions, &inbound.actions)
      }
      if jobs.isEmpty, actions.isEmpty { return }
      for action in actions { action() }
      for job in jobs {
        unsafe job.runSynchronously(
          isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
      }
    }
  }

  /// Milliseconds until something is due; marks the loop as asleep unless work is waiting.
  private func sleepTime() -> Int32 {
    let hasWork = inbound.withLock { inbound in
      let hasWork = !inbound.jobs.isEmpty || !inbound.actions.isEmpty
      inbound.asleep = !hasWork
      return hasWork
    }
    if hasWork { return 0 }
    guard nextSweep != .max else { return -1 }
    let left = nextSweep > now ? nextSweep - now : 0
    return Int32(min(left / 1_000_000 + 1, 60_000))
  }

  private func dispatch(_ event: byol_event) {
    switch event.token {
    case EventLoop.wakeToken: byol_eventfd_clear(wake)
    case EventLoop.listenerToken: listenerReady()
    default:
      guard isLive(event.token) else { return }
      slots[index(event.token)].connection?.assumeIsolated { $0.handle(event.bits) }
      if outbox.isFull { emptyOutbox() }
    }
  }

  private func index(_ token: UInt64) -> Int { Int(token & 0xFFFF_FFFF) }

  /// Whether the connection that was given this token is still there.
  private func isLive(_ token: UInt64) -> Bool {
    slots[index(token)].generation == UInt32(token >> 32)
  }

  /// Sends the answers of this turn. A connection is told if it closes after them, or if the kernel took only a part.
  private func emptyOutbox() {
    guard !outbox.parcels.isEmpty else { return }
    var full = Outbox()
    swap(&full, &outbox)
    for parcel in full.parcels where isLive(parcel.token) {
      let sent = Connection.send(parcel.descriptor, full.bytes.span.extracting(parcel.range))
      if sent == parcel.range.count, parcel.persists { continue }
      let rest = Array(full.bytes[parcel.range].dropFirst(max(0, sent)))
      slots[index(parcel.token)].connection?.assumeIsolated {
        $0.sent(sent, leaving: rest, persists: parcel.persists)
      }
    }
    full.removeAll()
    swap(&full, &outbox)
  }

  // MARK: Time

  /// Makes sure that the deadlines are looked at by then.
  func wakeUp(at instant: UInt64) { nextSweep = min(nextSweep, instant) }

  /// Runs an action on this thread after a while.
  func after(_ delay: Duration, _ action: @escaping () -> Void) {
    let at = now + nanoseconds(delay)
    timers.append((at, action))
    wakeUp(at: at)
  }

  /// Looks at all deadlines; at most every 20 ms, since it is linear in the number of connections.
  private func sweep() {
    nextSweep = .max
    let due = timers.filter { $0.at <= now }
    timers.removeAll { $0.at <= now }
    for timer in due { timer.action() }
    for timer in timers { nextSweep = min(nextSweep, timer.at) }
    for slot in slots {
      guard let connection = slot.connection else { continue }
      if let deadline = connection.assumeIsolated({ $0.expire() }) {
        nextSweep = min(nextSweep, deadline)
      }
    }
    if nextSweep != .max { nextSweep = max(nextSweep, now + 20_000_000) }
  }

  // MARK: Registration

  func addListener(_ descriptor: Int32) -> Bool {
    byol_epoll_add_source(epoll, descriptor, EventLoop.listenerToken) == 0
  }

  func armListener(_ descriptor: Int32, _ armed: Bool) {
    _ = byol_epoll_arm_source(epoll, descriptor, EventLoop.listenerToken, armed ? 1 : 0)
  }

  /// Gives a connection its slot and registers its descriptor.
  func add(_ descriptor: Int32, make: (_ token: UInt64) -> Connection) -> Connection? {
    let index = free.popLast() ?? slots.count
    if index == slots.count { slots.append(Slot()) }
    let token = UInt64(slots[index].generation) << 32 | UInt64(index)
    guard byol_epoll_add_stream(epoll, descriptor, token) == 0 else {
      free.append(index)
      return nil
    }
    let connection = make(token)
    slots[index].connection = connection
    connectionCount += 1
    return connection
  }

  /// Forgets a connection whose descriptor is about to be closed, which ends its registration.
  func remove(_ token: UInt64) {
    slots[index(token)].connection = nil
    slots[index(token)].generation &+= 1
    free.append(index(token))
    connectionCount -= 1
    connectionClosed()
  }

  /// Takes note that a connection may now be closed for a newcomer.
  func connectionBecameIdle() { hasIdle = true }

  /// Closes the connection that has been idle longest; whether there was one.
  func closeLongestIdle() -> Bool {
    // A connection whose answer still lies here has not given it yet.
    emptyOutbox()
    // Listed once for many newcomers. The order holds although time goes on: a connection that has been in use since
    // has become idle after all that are listed, and is not that entry any more.
    if closeFirstSpare() { return true }
    for slot in slots {
      guard let connection = slot.connection else { continue }
      let since = connection.assumeIsolated { $0.policy.idleSince }
      if let since { spare.append((since, connection.token)) }
    }
    spare.sort { $0.since > $1.since }
    return closeFirstSpare()
  }

  private func closeFirstSpare() -> Bool {
    while let (since, token) = spare.popLast() {
      guard isLive(token), let connection = slots[index(token)].connection else { continue }
      let isClosed = connection.assumeIsolated { connection in
        guard connection.policy.idleSince == since, connection.isSpare else { return false }
        connection.sendCloseNotify()
        connection.abort()
        return true
      }
      if isClosed { return true }
    }
    return false
  }

  func taskBegan() { liveTasks += 1 }
  func taskEnded() { liveTasks -= 1 }

  /// Visits every connection.
  func forEachConnection(_ body: @Sendable (isolated Connection) -> Void) {
    for slot in slots {
      if let connection = slot.connection { connection.assumeIsolated { body($0) } }
    }
  }
}
