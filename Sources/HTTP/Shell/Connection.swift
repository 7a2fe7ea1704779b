internal import CSystem
internal import Logging

/// One client's connection: reads heads, runs handlers, writes responses, strictly one request after another.
///
/// The actor runs on its loop's thread. `run` is the life of a connection from top to bottom. It suspends only
/// where it waits for the client or a handler. The loop calls `handle`, `expire` and `drain`, which set flags and
/// resume it.
actor Connection {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

  let site: Site
  /// The client's address as far as the connection itself tells it.
  var address: String
  let descriptor: Int32
  /// The name of the connection in the loop's events.
  let token: UInt64
  private var task: Task<Void, Never>?

  // What epoll last said. Edge-triggered: a flag stays until the kernel says "would block".
  var readable = false
  var writable = true
  var peerClosed = false
  private(set) var isClosed = false

  var readWaiter: CheckedContinuation<Void, Never>?
  var writeWaiter: CheckedContinuation<Void, Never>?
  var sending = false
  var sendTurns: [CheckedContinuation<Void, Never>] = []

  private let expectsProxyHeader: Bool
  private(set) var tls: TLSSession?
  /// Who the client is by its certificate.
  private(set) var clientCertificate: ClientCertificate?
  /// Bytes ready to be sent that the kernel has not taken yet.
  var outgoing: [UInt8] = []

  var policy: ConnectionPolicy
  var headTimedOut = false
  /// Whether the task sleeps until a request begins, so that `answerAtOnce` may take it.
  var awaitsHead = false
  /// What `answerAtOnce` has begun and the task is to complete.
  var unfinished: Unfinished?
  /// Bytes received beyond what was asked for: the beginning of a pipelined request.
  var inbox: [UInt8] = []
  /// A head of which `answerAtOnce` has parsed the beginning.
  var begunHead: HeadParser?
  /// The place of a body in the queue for memory.
  var memoryTicket: MemoryQueue.Ticket?
  /// The host that was checked last: a client rarely changes it.
  var servedHost = ""
  var exchange: OpenExchange?
  var exchanges = 0
  /// The task of an event stream, which drain cancels.
  var events: Task<Void, any Error>?

  init(site: Site, loop: EventLoop, descriptor: Int32, token: UInt64, address: String) {
    self.site = site
    self.loop = loop
    self.descriptor = descriptor
    self.token = token
    self.address = address
    let tls = site.tls.flatMap { TLSSession($0) }
    let configuration = site.configuration
    let isProxied = configuration.proxyProtocol && configuration.proxies.contains(address)
    self.tls = tls
    expectsProxyHeader = isProxied
    policy = ConnectionPolicy(
      limits: site.limits, handshakes: tls != nil || isProxied, now: loop.now)
  }

  /// Begins to serve. The connection has no task until it has to wait for something.
  func start() {
    noteDeadline()
    awaitsHead = !policy.isInHandshake
    if !awaitsHead { resumeReader() }
  }

  private func run() async {
    if expectsProxyHeader {
      guard await takeProxyHeader() else { return end() }
    }
    if let tls {
      switch await doHandshake(tls) {
      case .done: clientCertificate = tls.clientCertificate
      case .failed: return end()
      case .plain:
        // The refusal goes out in plain HTTP, which is what the client understands.
        self.tls = nil
        unfinished = .refused(Connection.plainOnTLSPort)
      }
    }
    // The task of a connection without a handshake begins in the middle of a request.
    if policy.isInHandshake { policy.handshakeFinished(loop.now) }
    noteDeadline()
    while !isClosed {
      guard let begun = await nextToDo() else { return end() }
      let next = await finish(begun)
      noteDeadline()
      if next == .awaitRequest {
        loop.connectionBecameIdle()
        continue
      }
      sendCloseNotify()
      if next == .linger { await linger() } else { discardUnread() }
      break
    }
    end()
  }

  /// Reads what is there. Closing a socket with unread bytes sends a reset, and a reset can destroy the answer on its
  /// way to the client.
  func discardUnread() {
    readable = true
    _ = receive()
  }

  private func end() {
    close()
    loop.taskEnded()
  }

  /// Lingering close: reads and discards for a while, so that the answer is not lost to a reset.
  private func linger() async {
    guard !isClosed else { return }
    _ = byol_shutdown_write(descriptor)
    while true {
      switch receive() {
      case .bytes(let count):
        guard policy.discarded(count, loop.now) else { return }
      case .wouldBlock: await waitReadable()
      case .end, .failed: return
      }
    }
  }

  // MARK: What the loop sees

  /// Takes the events of one turn.
  func handle(_ bits: UInt32) {
    if bits & UInt32(BYOL_BROKEN) != 0 { return abort() }
    if bits & UInt32(BYOL_PEER_CLOSED) != 0, !peerClosed {
      peerClosed = true
      watchForDeparture()
    }
    if bits & UInt32(BYOL_READABLE | BYOL_PEER_CLOSED) != 0 {
      readable = true
      if !answerAtOnce() { resumeReader() }
    }
    if bits & UInt32(BYOL_WRITABLE) != 0, !writable {
      writable = true
      resumeWriter()
    }
  }

  /// Does what a passed deadline asks for.
  ///
  /// - Returns: the next deadline.
  func expire() -> UInt64? {
    if policy.waitsForClient {
      policy.clientHolds(allBut: Int(byol_unacknowledged(descriptor)), loop.now)
    }
    if policy.memoryIsShort, !site.memory.isShort(loop.now) { policy.memoryIsShort = false }
    switch policy.expire(loop.now) {
    case .none: break
    case .closeSilently, .abort: abort()
    case .answerTimeout:
      headTimedOut = true
      resumeReader()
    case .failBody:
      exchange?.bodyFault = slowBodyFault
      resumeReader()
    }
    return policy.deadline
  }

  /// Why a body that does not come in time is given up.
  private var slowBodyFault: HTTPError {
    if policy.isDraining {
      return HTTPError(
        .draining, "The server is shutting down; send the request again in a few seconds.",
        headers: ["Retry-After": "10"], closes: true)
    }
    if policy.memoryIsShort { return Connection.memoryShort }
    return .refusal(.bodyTimeout, "The body did not arrive in time.")
  }

  /// From now on: idle connections close, responses announce the close, event streams end.
  func drain() {
    if policy.drain(loop.now) { return abort() }
    events?.cancel()
    noteDeadline()
  }

  /// Gives the connection up at once, whatever it is doing.
  func abort() {
    guard !isClosed else { return }
    close()
    task?.cancel()
    events?.cancel()
  }

  func noteDeadline() {
    if let deadline = policy.deadline { loop.wakeUp(at: deadline) }
  }

  func close() {
    guard !isClosed else { return }
    isClosed = true
    policy.closed()
    loop.remove(token)
    _ = byol_close(descriptor)
    if let memoryTicket { site.memory.withdraw(memoryTicket) }
    resumeReader()
    resumeWriter()
  }

  /// Whether the connection may be closed without a loss: nothing has come from the client that is not answered in full.
  var isSpare: Bool {
    policy.isIdle && inbox.isEmpty && outgoing.isEmpty && !sending && unfinished == nil
      && tls?.holdsMore != true && byol_unread(descriptor) == 0
  }

  func resumeReader() {
    if task == nil, !isClosed {
      awaitsHead = false
      loop.taskBegan()
      task = Task(executorPreference: loop) { await self.run() }
      return
    }
    readWaiter?.resume()
    readWaiter = nil
  }

  private func resumeWriter() {
    writeWaiter?.resume()
    writeWaiter = nil
  }

  /// Suspends until there may be something to receive, or the connection or its patience has ended.
  func waitReadable() async {
    await withCheckedContinuation { waiter in
      // The condition is checked here and not before the call. A task of another executor, such as a handler's, reaches
      // the continuation by a second hop to the loop, and bytes or the end may arrive between the two hops: a
      // waiter that is stored after them would never be resumed.
      guard !readable, !isClosed, readWaiter == nil else { return waiter.resume() }
      noteDeadline()
      readWaiter = waiter
    }
  }

  /// Suspends until the kernel may take bytes again, or the connection has ended.
  func waitWritable() async {
    await withCheckedContinuation { waiter in
      // Checked here for the reason that `waitReadable` gives.
      guard !writable, !isClosed, writeWaiter == nil else { return waiter.resume() }
      noteDeadline()
      writeWaiter = waiter
    }
  }
}
