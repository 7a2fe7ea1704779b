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

  /// Time spent waiting for a request's body, and what came of it.
  private struct Receiving {
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

    /// Silence ends it after `bodyProgressTimeout`, a slow drip when the rate falls below `rate` bytes per second,
    /// everything after `bodyTimeout`.
    func deadline(_ limits: Limits, rate: Int) -> Instant? {
      guard let since else { return nil }
      let allowed = min(
        nanoseconds(limits.rateGrace) + timePaid(bytes, rate), nanoseconds(limits.bodyTimeout))
      let left = allowed > total ? allowed - total : 0
      return since + min(nanoseconds(limits.bodyProgressTimeout), left)
    }
  }

  /// Time spent waiting for the client to take a response, and how much of it its system has acknowledged.
  ///
  /// What our kernel takes is no measure: its buffer holds megabytes, and takes nothing for minutes while a slow
  /// client reads steadily.
  private struct Sending {
    var since: Instant?
    var total: Instant = 0
    /// Bytes that our kernel has taken.
    var taken = 0
    /// Those of them that the client's system has acknowledged.
    var acknowledged = 0
    /// When `acknowledged` was last seen to grow.
    var progressed: Instant = 0
    /// When the kernel was last asked.
    var asked: Instant = 0

    mutating func begin(unacknowledged: Int, _ now: Instant) {
      note(unacknowledged: unacknowledged, now)
      guard since == nil else { return }
      since = now
      progressed = now
    }

    mutating func end(bytes count: Int, _ now: Instant) {
      taken += count
      guard let since else { return }
      total += now &- since
      self.since = nil
    }

    mutating func note(unacknowledged: Int, _ now: Instant) {
      // The kernel may still hold bytes of the response before this one.
      taken = max(taken, unacknowledged)
      if taken - unacknowledged > acknowledged {
        acknowledged = taken - unacknowledged
        progressed = now
      }
      asked = now
    }

    /// Longest time without an acknowledgement.
    ///
    /// The client's system acknowledges what arrives in its receive buffer. Once that is full it sends a window update only
    /// after a good part of the buffer has been read (silly window avoidance, RFC 9293 section 3.8.6.2.2): a segment, a
    /// sixteenth of the buffer on Linux, a quarter elsewhere. A client that reads steadily may therefore seem silent for as long as
    /// it takes to read that much. The buffer is at most what was acknowledged.
    func patience(_ limits: Limits, rate: Int) -> Instant {
      let lump = min(acknowledged, max(acknowledged / 4, Sending.largestSegment))
      return nanoseconds(limits.writeProgressTimeout)
        + timePaid(min(lump, limits.windowUpdateBytes), rate)
    }

    /// The largest TCP segment, that of the loopback interface, in bytes.
    private static let largestSegment = 64 * 1024

    /// When the client has been too slow unless it acknowledges more until then.
    func end(_ limits: Limits, rate: Int) -> Instant? {
      guard let since else { return nil }
      let allowed = min(
        nanoseconds(limits.rateGrace) + timePaid(acknowledged, rate),
        nanoseconds(limits.writeTimeout))
      let left = allowed > total ? allowed - total : 0
      return min(progressed + patience(limits, rate: rate), since + left)
    }

    /// When to look again: the kernel tells of acknowledgements only when asked.
    func deadline(_ limits: Limits, rate: Int) -> Instant? {
      end(limits, rate: rate).map { min($0, asked + patience(limits, rate: rate) / 4) }
    }
  }

  private let limits: Limits
  private var phase: Phase
  /// When the phase began, and when the client was last heard in it.
  private var since: Instant
  private var heard: Instant
  private var discardedBytes = 0
  private var receiving = Receiving()
  private var sending = Sending()
  private var requests = 0
  private var clientPersists = true
  private var wasRefused = false
  /// Since when the server drains, if it does.
  private var drainedSince: Instant?
  /// Whether memory for bodies is short, so that slow clients that hold some are borne less.
  var memoryIsShort = false

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

  /// When the connection became idle; nil while it is not.
  var idleSince: Instant? { phase == .idle ? since : nil }

  /// Whether the server drains.
  var isDraining: Bool { drainedSince != nil }

  /// Whether a response waits for the client, so that `clientHolds` should be told before `expire`.
  var waitsForClient: Bool { sending.since != nil }

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
    receiving = Receiving()
    sending = Sending()
    memoryIsShort = false
  }

  /// A head was refused, or timed out; only an answer may follow.
  mutating func headRefused() {
    headFinished(persists: false)
    wasRefused = true
  }

  mutating func waitsForBody(_ now: Instant) { receiving.begin(now) }
  mutating func bodyArrived(bytes: Int, _ now: Instant) { receiving.end(bytes: bytes, now) }

  /// Our kernel took bytes of a response.
  mutating func kernelTook(bytes: Int, _ now: Instant) { sending.end(bytes: bytes, now) }

  /// Our kernel takes no more; of what it has taken, the client's has not acknowledged `unacknowledged` bytes.
  mutating func waitsForClientToTake(unacknowledged: Int, _ now: Instant) {
    sending.begin(unacknowledged: unacknowledged, now)
  }

  /// The kernel was asked what the client's has not acknowledged.
  mutating func clientHolds(allBut unacknowledged: Int, _ now: Instant) {
    sending.note(unacknowledged: unacknowledged, now)
  }

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
  mutating func responseStalled(unacknowledged: Int, _ now: Instant) {
    phase = .exchange
    waitsForClientToTake(unacknowledged: unacknowledged, now)
  }

  /// Bytes were discarded while lingering; whether to go on.
  mutating func discarded(_ count: Int, _ now: Instant) -> Bool {
    heard = now
    discardedBytes += count
    return phase == .linger && discardedBytes <= limits.lingerBytes
  }

  /// From now on every response closes; whether the connection is to be closed at once.
  mutating func drain(_ now: Instant) -> Bool {
    if drainedSince == nil { drainedSince = now }
    return isIdle
  }

  mutating func closed() { phase = .closed }

  /// The next moment at which `expire` has something to say, or nil while only the server itself is waited for.
  var deadline: Instant? {
    switch phase {
    case .handshake:
      earlier(
        due(after: limits.handshakeTimeout, silence: limits.handshakeProgressTimeout), drainDeadline
      )
    case .idle: due(after: limits.idleTimeout)
    case .head:
      earlier(due(after: limits.headTimeout, silence: limits.headProgressTimeout), drainDeadline)
    case .exchange: earlier(receiveDeadline, sending.deadline(limits, rate: leastRate))
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

  /// When a draining server gives up requests that are still coming in.
  private var drainDeadline: Instant? {
    drainedSince.map { $0 + nanoseconds(limits.drainBodyTimeout) }
  }

  private var receiveDeadline: Instant? {
    receiving.deadline(limits, rate: leastRate).flatMap { earlier($0, drainDeadline) }
  }

  /// The slowest rate that is borne, in bytes per second.
  private var leastRate: Int {
    memoryIsShort ? max(limits.minimumRate, limits.minimumRateWhenShort) : limits.minimumRate
  }

  /// What the passing of time asks for.
  func expire(_ now: Instant) -> Expiry {
    guard let deadline, deadline <= now else { return .none }
    switch phase {
    case .handshake, .idle, .linger: return .closeSilently
    case .head: return .answerTimeout
    case .exchange:
      if let end = sending.end(limits, rate: leastRate), end <= now { return .abort }
      return receiveDeadline.map { $0 <= now } ?? false ? .failBody : .none
    case .closed: return .none
    }
  }
}

/// The time in which `bytes` pass at `rate` bytes per second.
private func timePaid(_ bytes: Int, _ rate: Int) -> UInt64 {
  UInt64(min(Double(bytes) / Double(max(1, rate)) * 1e9, 1e18))
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
