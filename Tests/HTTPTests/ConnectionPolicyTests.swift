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
    policy.kernelTook(bytes: 1 << 20, at(0))
    policy.waitsForClientToTake(unacknowledged: 1 << 20, at(1))
    policy.waitsForClientToTake(unacknowledged: 1 << 20, at(2))
    #expect(policy.expire(at(3.9)) == .none)
    #expect(policy.expire(at(4)) == .abort)
  }

  /// Seconds until a client is cut that the kernel tells of once per second; nil when it is not within an hour.
  private func cut(_ limits: (inout Limits) -> Void = { _ in }, acknowledged: (Int) -> Int) -> Int?
  {
    var policy = policy(limits)
    policy.headFinished(persists: true)
    let taken = 1 << 30
    policy.kernelTook(bytes: taken, at(0))
    policy.waitsForClientToTake(unacknowledged: taken, at(0))
    for second in 1..<3600 {
      policy.clientHolds(allBut: taken - acknowledged(second), at(Double(second)))
      if policy.expire(at(Double(second))) == .abort { return second }
    }
    return nil
  }

  @Test(arguments: [1024, 2048, 60_000])
  func `a reader at the least rate is never cut, however its system lumps what it acknowledges`(
    rate: Int
  ) {
    // A receive buffer that is full at once, and tells of room only when that much of it has been read.
    for (buffer, step) in [
      (0, 1), (65_536, 1), (65_536, 32_768), (400_000, 100_000), (6 << 20, 400_000),
    ] {
      let isCut = cut { second in buffer + second * rate / step * step }
      #expect(isCut == nil, "cut after \(isCut ?? 0) s with \(buffer) and \(step)")
    }
  }

  @Test func `a reader below the least rate is cut, the later the more it took at once`() throws {
    let slow = try #require(cut { 65_536 + $0 * 500 })
    #expect((60...200).contains(slow))
    let drip = try #require(cut { $0 * 100 })
    #expect((10...30).contains(drip))
    let silent = try #require(cut { _ in 65_536 })
    #expect((64...100).contains(silent))
    let deaf = try #require(cut { _ in 0 })
    #expect((10...20).contains(deaf))
    // One that took much and then nothing is not waited for as if all of that were in its buffer.
    let stalled = try #require(cut { _ in 100 << 20 })
    #expect((512...700).contains(stalled))
  }

  @Test func `while memory is short a slow client has to be faster, and an honest one stays`() {
    func end(_ rate: Int) -> ConnectionPolicy.Expiry {
      var policy = policy()
      policy.headFinished(persists: true)
      policy.memoryIsShort = true
      for second in stride(from: 0.0, to: 60, by: 1) {
        policy.waitsForBody(at(second))
        let expiry = policy.expire(at(second + 1))
        if expiry != .none { return expiry }
        policy.bodyArrived(bytes: rate, at(second + 1))
      }
      return .none
    }
    #expect(end(20_000) == .failBody)
    #expect(end(100_000) == .none)
  }

  @Test func `a drain gives up bodies and heads that are still coming in`() {
    var body = policy { $0.drainBodyTimeout = .seconds(2) }
    body.headFinished(persists: true)
    body.waitsForBody(at(1))
    _ = body.drain(at(3))
    #expect(body.deadline == at(5))
    body.bodyArrived(bytes: 1 << 20, at(4))
    #expect(body.deadline == nil)
    body.waitsForBody(at(4.5))
    #expect(body.expire(at(4.9)) == .none)
    #expect(body.expire(at(5)) == .failBody)
    var head = policy { $0.drainBodyTimeout = .seconds(2) }
    head.headProgressed(at(1))
    _ = head.drain(at(3))
    #expect(head.expire(at(5)) == .answerTimeout)
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
    let closesAtOnce = drained.drain(at(1))
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
    let idleCloses = idle.drain(at(1))
    #expect(idleCloses)
    var begun = policy()
    begun.headProgressed(at(1))
    let begunCloses = begun.drain(at(1))
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
    _ = policy.drain(at(1))
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
      response.waitsForClientToTake(unacknowledged: 0, at(2 * second))
      response.kernelTook(bytes: 1 << 20, at(2 * second + 1))
    }
    body.waitsForBody(at(200))
    response.waitsForClientToTake(unacknowledged: 0, at(200))
    #expect(body.expire(at(200.9)) == .none && response.expire(at(200.9)) == .none)
    #expect(body.expire(at(201)) == .failBody && response.expire(at(201)) == .abort)
  }
}
