import Access
import Foundation
import Identifiers
import Synchronization

/// A clock that tests set.
final class FakeClock: Sendable {
  private struct Times {
    var timeOfDay: Timestamp
    var instant: ContinuousClock.Instant
  }

  private let times: Mutex<Times>

  init(_ time: Timestamp = Timestamp(milliseconds: 1_900_000_000_000)) {
    times = Mutex(Times(timeOfDay: time, instant: .now))
  }

  var now: Timestamp { times.withLock { $0.timeOfDay } }
  var instant: ContinuousClock.Instant { times.withLock { $0.instant } }

  /// Both times go on.
  func pass(_ seconds: Double) {
    times.withLock { times in
      times.timeOfDay = times.timeOfDay.adding(seconds: seconds)
      times.instant += .seconds(seconds)
    }
  }

  /// Somebody sets the time of day.
  func set(_ time: Timestamp) { times.withLock { $0.timeOfDay = time } }

  var clock: AccessClock { AccessClock(timeOfDay: { self.now }, instant: { self.instant }) }
}

/// Secrets that are the same in every run.
struct CountingGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64 = 1) { state = seed }

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state
  }
}

/// A secret that depends on the seed alone.
func secret(_ seed: UInt64 = 1) -> KeySecret {
  var generator = CountingGenerator(seed)
  return KeySecret(using: &generator)
}

/// A key of a seed's secret.
func key(
  _ name: String, _ roles: [AccessRole] = [.read], seed: UInt64 = 1,
  createdAt: Timestamp = Timestamp(milliseconds: 1_899_999_999_000),
  expiresAt: Timestamp? = nil, limits: KeyLimits = KeyLimits()
) -> AccessKey {
  AccessKey(
    name: name, digest: secret(seed).digest, roles: roles, createdAt: createdAt,
    expiresAt: expiresAt, limits: limits)
}

/// A fresh folder, removed with the value.
final class FreshFolder: Sendable {
  let path = NSTemporaryDirectory() + "byol-access-\(UUID().uuidString)"

  init() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var file: KeyFile { KeyFile(dataFolder: path) }

  /// Puts text in place of the file of keys, as an editor does.
  func write(_ text: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: file.path), options: .atomic)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
  }
}
