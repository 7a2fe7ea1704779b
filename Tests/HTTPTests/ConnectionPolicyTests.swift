import Testing

@testable import HTTP

/// Times in these tests are seconds on a clock that only the test moves.
private func at(_ seconds: Double) -> UInt64 { UInt64(seconds * 1e9) }

@Suite struct `Time and persistence of a connection` {
  private func policy(_ change: (inout Limits) -> Void = { _ in }) -> ConnectionPolicy {
    var limits = Limits()
    change(&limits)
    return ConnectionPolicy(limits: limits, handshakes: false, now: at(0))
  }

  @Test func `a silent client is closed after the idle time`() {
    let policy = policy()
    #expect(policy.deadline == at(60))
    #expect(policy.expire(at(59.9)) == .none)
    #expect(policy.expire(at(60)) == .closeSilently)
  }

  @Test func `a head that drips ends with 408 although every byte is progress`() {
    var policy = policy()
    for second in stride(from: 1.0, through: 10, by: 1) { policy.headProgressed(at(second)) }
    #expect(policy.expire(at(10.9)) == .none)
    #expect(policy.expire(at(11)) == .answerTimeout)
  }

  @Test func `a head that stalls ends with 408 before its whole time is over`() {
    var policy = policy()
    policy.headProgressed(at(1))
    #expect(policy.expire(at(6)) == .answerTimeout)
  }

  @Test func `no clock runs while only the handler is waited for`() {
    var policy = policy()
    policy.headFinished(persists: true)
    #expect(policy.deadline == nil)
    #expect(policy.expire(at(1e6)) == .none)
  }

  @Test func `a body that stalls fails`() {
    var policy = policy()
    policy.headFinished(persists: true)
    policy.waitsForBody(at(5))
    #expect(policy.deadline == at(15))
    policy.bodyArrived(bytes: 1 << 20, at(6))
    policy.waitsForBody(at(7))
    #expect(policy.deadline == at(22))
    #expect(policy.expire(at(22)) == .failBody)
  }

  @Test func `a body that drips fails by its rate although it never stalls`() {
    var policy = policy()
    policy.headFinished(persists: true)
    var now = 0.0
    while policy.expire(at(now)) == .none, now < 100 {
      policy.waitsForBody(at(now))
      now += 2
      if policy.expire(at(now)) != .none { break }
      policy.bodyArrived(bytes: 100, at(now))
    }
    #expect(policy.expire(at(now)) == .failBody)
    #expect(now >= 10 && now <= 14)
  }

  @Test func `a slow but honest body goes on`() {
    var policy = policy()
    policy.headFinished(persists: true)
    for second in stride(from: 0.0, to: 1000, by: 1) {
      policy.waitsForBody(at(second))
      #expect(policy.expire(at(second + 1)) == .none)
      policy.bodyArrived(bytes: 2048, at(second + 1))
    }
  }

  @Test func `a client that does not read is cut off`() {
    var policy = policy { $0.writeProgressTimeout = .seconds(3) }
    policy.headFinished(persists: true)
    policy.waitsForClientToTake(at(1))
    policy.waitsForClientToTake(at(2))
    #expect(policy.expire(at(3.9)) == .none)
    #expect(policy.expire(at(4)) == .abort)
  }

  @Test func `a response is followed by the next request, or by the end`() {
    var policy = policy()
    policy.headFinished(persists: true)
    #expect(policy.mayPersist)
    #expect(policy.responseFinished(persisting: true, bodyConsumed: true, at(1)) == .awaitRequest)
    #expect(policy.deadline == at(61))
    policy.headFinished(persists: true)
    #expect(policy.responseFinished(persisting: true, bodyConsumed: false, at(2)) == .linger)
    #expect(policy.expire(at(7)) == .closeSilently)
  }

  @Test func `a client that asks for the end, a drain, and the last request allowed all end it`() {
    var asked = policy()
    asked.headFinished(persists: false)
    #expect(!asked.mayPersist)
    var drained = policy()
    drained.headFinished(persists: true)
    let closesAtOnce = drained.drain()
    #expect(!closesAtOnce)
    #expect(!drained.mayPersist)
    var counted = policy { $0.requestsPerConnection = 2 }
    counted.headFinished(persists: true)
    #expect(counted.mayPersist)
    counted.headFinished(persists: true)
    #expect(!counted.mayPersist)
  }

  @Test func `drain closes an idle connection at once and lets a begun head finish`() {
    var idle = policy()
    let idleCloses = idle.drain()
    #expect(idleCloses)
    var begun = policy()
    begun.headProgressed(at(1))
    let begunCloses = begun.drain()
    #expect(!begunCloses)
  }

  @Test func `a client that asked for the end and sent all it had is not waited for`() {
    var policy = policy()
    policy.headFinished(persists: false)
    #expect(policy.responseFinished(persisting: false, bodyConsumed: true, at(1)) == .close)
    #expect(policy.responseFinished(persisting: false, bodyConsumed: false, at(1)) == .linger)
  }

  @Test func `a response begun before a drain is the last although it announced no end`() {
    var policy = policy()
    policy.headFinished(persists: true)
    _ = policy.drain()
    #expect(policy.responseFinished(persisting: true, bodyConsumed: true, at(1)) == .linger)
  }

  @Test func `lingering ends by bytes as well as by time`() {
    var policy = policy { $0.lingerBytes = 10 }
    policy.headRefused()
    _ = policy.responseFinished(persisting: false, bodyConsumed: true, at(1))
    let within = policy.discarded(10, at(2.5))
    let beyond = policy.discarded(1, at(2.5))
    #expect(within)
    #expect(!beyond)
    #expect(policy.deadline == at(4.5))
    policy = self.policy()
    policy.headRefused()
    _ = policy.responseFinished(persisting: false, bodyConsumed: true, at(1))
    for second in [2.0, 3, 4, 5] { _ = policy.discarded(10, at(second)) }
    #expect(policy.deadline == at(6))
  }

  @Test func `a handshake ends by silence and as a whole`() {
    var policy = ConnectionPolicy(limits: Limits(), handshakes: true, now: at(0))
    #expect(policy.deadline == at(5))
    for second in [2.0, 4, 6, 8] { policy.handshakeProgressed(at(second)) }
    #expect(policy.expire(at(9.9)) == .none)
    #expect(policy.expire(at(10)) == .closeSilently)
    policy.handshakeFinished(at(9))
    #expect(policy.deadline == at(69))
  }

  @Test func `a body and a response end as a whole although their rate is honest`() {
    var body = policy { $0.bodyTimeout = .seconds(100) }
    var response = policy { $0.writeTimeout = .seconds(100) }
    body.headFinished(persists: true)
    response.headFinished(persists: true)
    for second in stride(from: 0.0, to: 99, by: 1) {
      body.waitsForBody(at(2 * second))
      body.bodyArrived(bytes: 1 << 20, at(2 * second + 1))
      response.waitsForClientToTake(at(2 * second))
      response.clientTook(bytes: 1 << 20, at(2 * second + 1))
    }
    body.waitsForBody(at(200))
    response.waitsForClientToTake(at(200))
    #expect(body.expire(at(200.9)) == .none && response.expire(at(200.9)) == .none)
    #expect(body.expire(at(201)) == .failBody && response.expire(at(201)) == .abort)
  }
}
