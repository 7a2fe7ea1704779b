/// When a connection waits, for how long, and whether it goes on: a pure function of events and a clock.
///
/// Times are nanoseconds of any monotonic clock. The shell reports what happens and asks for `deadline`; when
/// that has passed it calls `expire` and does what it says.
struct ConnectionPolicy {
  typealias Instant = UInt64

  /// What a passed deadline asks for.
  enum Expiry: Equatable {
    /// Nothing is due yet.
    case none
    /// Close without a word: nothing is under way.
    case closeSilently
    /// Answer 408, then close.
    case answerTimeout
    /// The body that a handler waits for fails with 408.
    case failBody
    /// Break off: the client does not take the response.
    case abort
  }

  /// What follows a finished response.
  enum Next: Equatable {
    case awaitRequest
    /// Close after reading and discarding for a while: the client may still be sending.
    case linger
    /// Close: the client asked for it and has nothing more to say.
    case close
  }

  private enum Phase { case handshake, idle, head, exchange, linger, closed }

  /// Time spent waiting for the client in one direction, and what came of it.
  private struct Waiting {
    var since: Instant?
    var total: Instant = 0
    var bytes = 0

    mutating func begin(_ now: Instant) { if since == nil { since = now } }

    mutating func end(bytes count: Int, _ now: Instant) {
      guard let since else { return }
      total += now &- since
      bytes += count
      self.since = nil
    }

    /// Silence ends it after `progress`, a slow drip when the rate falls below the minimum, everything after `whole`.
    func deadline(progress: Duration, whole: Duration, _ limits: Limits) -> Instant? {
      guard let since else { return nil }
      let paidFor = Double(bytes) / Double(max(1, limits.minimumRate)) * 1e9
      let paid = max(nanoseconds(limits.rateGrace), Instant(min(paidFor, 1e18)))
      let allowed = min(paid, nanoseconds(whole))
      return since + min(nanoseconds(progress), allowed > total ? allowed - total : 0)
    }
  }

  private let limits: Limits
  private var phase: Phase
  /// When the phase began, and when the client was last heard in it.
  private var since: Instant
  private var heard: Instant
  private var discardedBytes = 0
  private var reading = Waiting()
  private var writing = Waiting()
  private var requests = 0
  private var clientPersists = true
  private var wasRefused = false
  private(set) var isDraining = false

  /// `handshakes`: whether something comes before the first request, such as TLS or a proxy's header.
  init(limits: Limits, handshakes: Bool, now: Instant) {
    self.limits = limits
    phase = handshakes ? .handshake : .idle
    (since, heard) = (now, now)
  }

  private mutating func enter(_ next: Phase, _ now: Instant) {
    phase = next
    (since, heard) = (now, now)
  }

  /// Whether no request is under way, so that the connection may be closed at any moment.
  var isIdle: Bool { phase == .idle }

  /// Whether something comes before the first request.
  var isInHandshake: Bool { phase == .handshake }

  /// Whether the response that comes next may leave the connection open.
  var mayPersist: Bool { clientPersists && !isDraining && requests < limits.requestsPerConnection }

  /// Bytes of a handshake arrived that do not complete it.
  mutating func handshakeProgressed(_ now: Instant) { heard = now }

  mutating func handshakeFinished(_ now: Instant) { enter(.idle, now) }

  /// Bytes of a head arrived that do not complete it.
  mutating func headProgressed(_ now: Instant) {
    if phase == .head { heard = now } else { enter(.head, now) }
  }

  /// A head is complete.
  mutating func headFinished(persists: Bool) {
    phase = .exchange
    clientPersists = persists
    requests += 1
    reading = Waiting()
    writing = Waiting()
  }

  /// A head was refused, or timed out; only an answer may follow.
  mutating func headRefused() {
    headFinished(persists: false)
    wasRefused = true
  }

  mutating func waitsForBody(_ now: Instant) { reading.begin(now) }
  mutating func bodyArrived(bytes: Int, _ now: Instant) { reading.end(bytes: bytes, now) }
  mutating func waitsForClientToTake(_ now: Instant) { writing.begin(now) }
  mutating func clientTook(bytes: Int, _ now: Instant) { writing.end(bytes: bytes, now) }

  /// A response is out, announced as `persisting` or closing, with the request's body consumed or not.
  mutating func responseFinished(persisting: Bool, bodyConsumed: Bool, _ now: Instant) -> Next {
    if !clientPersists, bodyConsumed, !wasRefused { return .close }
    guard persisting, bodyConsumed, !isDraining else {
      enter(.linger, now)
      return .linger
    }
    enter(.idle, now)
    return .awaitRequest
  }

  /// A response that was taken for finished has to wait for the client.
  mutating func responseStalled(_ now: Instant) {
    phase = .exchange
    waitsForClientToTake(now)
  }

  /// Bytes were discarded while lingering; whether to go on.
  mutating func discarded(_ count: Int, _ now: Instant) -> Bool {
    heard = now
    discardedBytes += count
    return phase == .linger && discardedBytes <= limits.lingerBytes
  }

  /// From now on every response closes; whether the connection is to be closed at once.
  mutating func drain() -> Bool {
    isDraining = true
    return isIdle
  }

  mutating func closed() { phase = .closed }

  /// The next moment at which `expire` has something to say, or nil while only the server itself is waited for.
  var deadline: Instant? {
    switch phase {
    case .handshake: due(after: limits.handshakeTimeout, silence: limits.handshakeProgressTimeout)
    case .idle: due(after: limits.idleTimeout)
    case .head: due(after: limits.headTimeout, silence: limits.headProgressTimeout)
    case .exchange: earlier(readDeadline, writeDeadline)
    case .linger:
      // A server that drains has less patience.
      due(
        after: isDraining ? min(limits.lingerTimeout, .seconds(1)) : limits.lingerTimeout,
        silence: limits.lingerProgressTimeout)
    case .closed: nil
    }
  }

  private func due(after whole: Duration, silence: Duration? = nil) -> Instant? {
    earlier(since + nanoseconds(whole), silence.map { heard + nanoseconds($0) })
  }

  private var readDeadline: Instant? {
    reading.deadline(
      progress: limits.bodyProgressTimeout, whole: limits.bodyTimeout, limits)
  }
  private var writeDeadline: Instant? {
    writing.deadline(
      progress: limits.writeProgressTimeout, whole: limits.writeTimeout, limits)
  }

  /// What the passing of time asks for.
  func expire(_ now: Instant) -> Expiry {
    guard let deadline, deadline <= now else { return .none }
    switch phase {
    case .handshake, .idle, .linger: return .closeSilently
    case .head: return .answerTimeout
    case .exchange: return writeDeadline.map { $0 <= now } ?? false ? .abort : .failBody
    case .closed: return .none
    }
  }
}

private func earlier(_ left: UInt64?, _ right: UInt64?) -> UInt64? {
  guard let left, let right else { return left ?? right }
  return min(left, right)
}

/// Whole nanoseconds of a non-negative duration.
func nanoseconds(_ duration: Duration) -> UInt64 {
  let parts = duration.components
  return UInt64(max(0, parts.seconds)) * 1_000_000_000
    + UInt64(max(0, parts.attoseconds) / 1_000_000_000)
}
