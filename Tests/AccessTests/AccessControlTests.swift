import Durability
import FaultyDisk
import Foundation
import Identifiers
import Synchronization
import Testing

@testable import Access

@Suite struct `Token bucket` {
  @Test func `as many as the rate come at once, then one by one`() {
    let start = ContinuousClock.now
    var bucket = TokenBucket(rate: 4, at: start)
    for _ in 0..<4 { #expect(bucket.take(at: start) == nil) }
    #expect(bucket.take(at: start) == 0.25)
    #expect(bucket.take(at: start + .milliseconds(100)) == 0.15)
    #expect(bucket.take(at: start + .milliseconds(250)) == nil)
    #expect(bucket.take(at: start + .milliseconds(250)) == 0.25)
    // A long pause fills it once, not for ever.
    for _ in 0..<4 { #expect(bucket.take(at: start + .seconds(3600)) == nil) }
    #expect(bucket.take(at: start + .seconds(3600)) != nil)
  }

  @Test func `a rate below one lets one through at a time`() {
    let start = ContinuousClock.now
    var bucket = TokenBucket(rate: 0.1, at: start)
    #expect(bucket.take(at: start) == nil)
    #expect(bucket.take(at: start) == 10)
    #expect(bucket.take(at: start + .seconds(10)) == nil)
  }

  @Test func `in the long run the rate holds`() {
    let start = ContinuousClock.now
    var bucket = TokenBucket(rate: 10, at: start)
    let taken = (0..<10_000).count { bucket.take(at: start + .milliseconds($0 * 10)) == nil }
    #expect((1_000...1_011).contains(taken))
  }
}

@Suite struct `The door` {
  private let folder: FreshFolder
  private let time = FakeClock()
  private let notes = Notes()

  private final class Notes: Sendable {
    private let list = Mutex<[AccessNote]>([])
    var all: [AccessNote] { list.withLock { $0 } }
    func add(_ note: AccessNote) { list.withLock { $0.append(note) } }
  }

  init() throws { folder = try FreshFolder() }

  private func door() -> AccessControl {
    AccessControl(file: folder.file, clock: time.clock) { [notes] in notes.add($0) }
  }

  private func add(_ keys: AccessKey...) throws {
    for key in keys {
      try folder.file.change { (ring) throws(KeyRingError) in try ring.add(key) }
    }
  }

  /// What comes of a request with a seed's secret.
  private func refusal(
    _ door: AccessControl, _ seed: UInt64 = 1, needs role: AccessRole = .read
  ) -> AccessRefusal? {
    refusal(door, ["Bearer \(secret(seed).text)"], needs: role)
  }

  private func refusal(
    _ door: AccessControl, _ fields: [String], needs role: AccessRole = .read
  ) -> AccessRefusal? {
    do throws(AccessRefusal) {
      _ = try door.admit(authorization: fields, needs: role)
      return nil
    } catch {
      return error
    }
  }

  @Test func `without keys everybody is let in, whatever they show`() throws {
    let door = door()
    #expect(!door.isClosed)
    let pass = try door.admit(authorization: ["Bearer EMPTY"], needs: .admin)
    #expect(pass.caller == nil && pass.holds)
    #expect(refusal(door, ["Basic eDp5", "Bearer x"]) == nil)
  }

  @Test func `only what RFC 6750 calls a bearer's key opens`() throws {
    try add(key("a"))
    let door = door()
    let text = secret().text
    for fields in [["Bearer \(text)"], ["bearer \(text)"], ["BEARER   \(text)"]] {
      #expect(refusal(door, fields) == nil, "\(fields)")
    }
    for fields in [[], [""], ["Basic \(text)"], [text], ["Bearer\t\(text)"], ["Bearer,\(text)"]] {
      #expect(refusal(door, fields) == .missing, "\(fields)")
    }
    let unknown = [
      "Bearer", "Bearer ", "Bearer \(text) x", "Bearer \(secret(2).text)",
      "Bearer \(text.dropLast())", "Bearer \"\(text)\"", "Bearer \(text),Bearer \(text)",
    ]
    for field in unknown { #expect(refusal(door, [field]) == .unknown, "\(field)") }
    #expect(refusal(door, ["Bearer \(text)", "Bearer \(text)"]) == .ambiguous)
  }

  @Test func `a role that is missing is named`() throws {
    try add(key("a", [.embed]))
    let door = door()
    #expect(refusal(door, needs: .read) == nil && refusal(door, needs: .embed) == nil)
    #expect(refusal(door, needs: .train) == .forbidden(key: "a", needs: .train, has: [.embed]))
  }

  @Test func `keys that come and go are in force within a second`() throws {
    let door = door()
    #expect(refusal(door, []) == nil)
    try add(key("a"))
    time.pass(0.5)
    #expect(refusal(door, []) == .missing && refusal(door) == nil)
    try add(key("b", seed: 2))
    time.pass(0.5)
    #expect(refusal(door, 2) == nil)
    let pass = try door.admit(authorization: ["Bearer \(secret(2).text)"], needs: .read)
    #expect(pass.caller == "b" && pass.holds)
    try folder.file.change { (ring) throws(KeyRingError) in try ring.remove("b") }
    time.pass(0.5)
    #expect(refusal(door, 2) == .unknown && !pass.holds && refusal(door) == nil)
    #expect(notes.all == [.inForce(keys: 1), .inForce(keys: 2), .inForce(keys: 1)])
  }

  @Test func `what was let in without keys does not hold when there are some`() throws {
    let door = door()
    let pass = try door.admit(authorization: [], needs: .read)
    #expect(pass.holds)
    try add(key("a"))
    time.pass(0.5)
    #expect(!pass.holds)
  }

  @Test func `a key is good until the very moment of its expiry`() throws {
    let end = Timestamp(milliseconds: 1_900_000_010_000)
    try add(key("a", expiresAt: end))
    let door = door()
    time.set(Timestamp(milliseconds: end.milliseconds - 1))
    let pass = try door.admit(authorization: ["Bearer \(secret().text)"], needs: .read)
    #expect(pass.holds && door.goodKeyCount == 1)
    time.set(end)
    #expect(refusal(door) == .expired(key: "a"))
    #expect(!pass.holds && door.goodKeyCount == 0)
  }

  @Test func `a clock that is set back makes no expired key good again`() throws {
    let end = Timestamp(milliseconds: 1_900_000_010_000)
    try add(key("a", expiresAt: end), key("b", seed: 2))
    let door = door()
    time.set(end.adding(seconds: 1))
    #expect(refusal(door) == .expired(key: "a"))
    time.set(end.adding(seconds: -3600))
    #expect(refusal(door) == .expired(key: "a"))
    // Nothing else hangs on it.
    #expect(refusal(door, 2) == nil)
  }

  @Test(arguments: ["", "{", "[]", "{\"format_version\":9,\"keys\":[]}", "\0\0\0\0"])
  func `a damaged file lets nobody in until it is mended`(text: String) throws {
    try add(key("a"))
    let door = door()
    let pass = try door.admit(authorization: ["Bearer \(secret().text)"], needs: .read)
    let good = String(decoding: try DiskFileSystem().read(folder.file.path), as: UTF8.self)
    try folder.write(text)
    time.pass(1)
    #expect(refusal(door) == .unreadable && refusal(door, []) == .unreadable && !pass.holds)
    time.pass(1)
    #expect(refusal(door) == .unreadable && door.isClosed && door.goodKeyCount == 0)
    // It is told once, not with every request.
    #expect(notes.all.count == 2)
    try folder.write(good)
    time.pass(1)
    #expect(refusal(door) == nil)
  }

  @Test func `a service that starts with a damaged file lets nobody in`() throws {
    try folder.write("{}")
    let door = door()
    #expect(door.isClosed && refusal(door, []) == .unreadable)
  }

  @Test func `a file that is gone, or without its last key, opens nothing`() throws {
    try add(key("a"))
    let door = door()
    try FileManager.default.removeItem(atPath: folder.file.path)
    time.pass(1)
    #expect(refusal(door, []) == .missing && refusal(door) == .unknown && door.isClosed)
    #expect(notes.all.last == .gone(path: folder.file.path))
    try add(key("b", seed: 2))
    time.pass(1)
    #expect(refusal(door, 2) == nil)
    try folder.file.change { (ring) throws(KeyRingError) in try ring.remove("b") }
    time.pass(1)
    #expect(refusal(door, []) == .missing && refusal(door, 2) == .unknown)
  }

  @Test func `a folder in place of the file lets nobody in`() throws {
    try FileManager.default.createDirectory(
      atPath: folder.file.path, withIntermediateDirectories: false,
      attributes: [.posixPermissions: 0o700])
    #expect(refusal(door(), []) == .unreadable)
  }

  @Test func `a file that is replaced again and again is always one or the other`() async throws {
    var (one, two) = (KeyRing(), KeyRing())
    try one.add(key("a"))
    try two.add(key("a"))
    for seed in 2...200 as ClosedRange<UInt64> { try two.add(key("k\(seed)", seed: seed)) }
    try folder.write(String(decoding: one.encoded, as: UTF8.self))
    // Its own clock, which is beyond the pause at every look.
    let door = AccessControl(file: folder.file) { [notes] in notes.add($0) }
    let isOver = Mutex(false)
    let writer = Task.detached { [folder, one, two] in
      for turn in 0..<100 {
        try DiskFileSystem().replacePrivateFile(
          folder.file.path, with: turn.isMultiple(of: 2) ? two.encoded : one.encoded)
        try await Task.sleep(for: .milliseconds(5))
      }
      isOver.withLock { $0 = true }
    }
    var requests = 0
    while !isOver.withLock({ $0 }) {
      #expect(refusal(door) == nil)
      requests += 1
      try await Task.sleep(for: .milliseconds(1))
    }
    try await writer.value
    #expect(requests > 0 && !notes.all.contains { if case .damaged = $0 { true } else { false } })
  }

  @Test func `a holder asks as fast as the key may, and is told when to come again`() throws {
    try add(key("a", limits: KeyLimits(requestsPerSecond: 2)), key("b", seed: 2))
    let door = door()
    #expect(refusal(door) == nil && refusal(door) == nil)
    #expect(refusal(door) == .tooFast(key: "a", perSecond: 2, retryAfter: 0.5))
    // Asking for what is forbidden takes its turn too, and others have their own.
    time.pass(0.5)
    #expect(refusal(door, needs: .train)?.reason == "forbidden")
    #expect(refusal(door)?.reason == "too_fast" && refusal(door, 2) == nil)
    time.pass(0.5)
    #expect(refusal(door) == nil)
  }

  @Test func `requests under way are counted until their pass is released`() throws {
    try add(key("a", limits: KeyLimits(requestsInFlight: 2)))
    let door = door()
    let field = ["Bearer \(secret().text)"]
    var passes = [
      try door.admit(authorization: field, needs: .read),
      try door.admit(authorization: field, needs: .read),
    ]
    #expect(refusal(door) == .tooMany(key: "a", limit: 2))
    #expect(door.inFlight.map(\.count) == [2])
    passes.removeLast()
    #expect(refusal(door) == nil)
    // A key of the same name that replaces it starts afresh, and those under way do not disturb it.
    try folder.file.change { (ring) throws(KeyRingError) in
      try ring.remove("a")
      try ring.add(key("a", seed: 2, limits: KeyLimits(requestsInFlight: 1)))
    }
    time.pass(1)
    #expect(refusal(door, 2) == nil)
    passes.removeAll()
    #expect(door.inFlight.map(\.count) == [0] && refusal(door, 2) == nil)
  }

  @Test func `requests are counted by name, and by reason where there is none`() throws {
    try add(key("a"))
    let door = door()
    for _ in 0..<3 { _ = refusal(door) }
    _ = refusal(door, needs: .admin)
    for _ in 0..<2 { _ = refusal(door, 9) }
    _ = refusal(door, [])
    let counts = door.counts.map { "\($0.key ?? "-") \($0.outcome) \($0.count)" }
    #expect(counts == ["- missing 1", "- unknown 2", "a admitted 3", "a forbidden 1"])
  }

  @Test func `when keys were used outlives the service, not the key`() throws {
    try add(key("a"), key("b", seed: 2))
    let first = door()
    #expect(refusal(first) == nil)
    let used = time.now
    try first.saveUses()
    time.pass(60)
    let second = door()
    #expect(refusal(second, 2) == nil)
    try second.saveUses()
    #expect(folder.file.lastUses() == ["a": used, "b": time.now])
    try folder.file.change { (ring) throws(KeyRingError) in try ring.remove("a") }
    time.pass(60)
    _ = refusal(second, 2)
    try second.saveUses()
    #expect(folder.file.lastUses() == ["b": time.now])
    #expect(try DiskFileSystem().stamp(of: folder.file.usePath)?.permissions == 0o600)
  }
}
