public import Durability
public import Identifiers
internal import Synchronization

/// Time as the service's door knows it, passed in so that tests decide it.
public struct AccessClock: Sendable {
  /// The time of day, by which keys expire.
  public var timeOfDay: @Sendable () -> Timestamp
  /// Monotonic time, by which rates are measured.
  public var instant: @Sendable () -> ContinuousClock.Instant

  /// The system's time, or other functions in its place.
  public init(
    timeOfDay: @escaping @Sendable () -> Timestamp = { .now() },
    instant: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock().now }
  ) {
    self.timeOfDay = timeOfDay
    self.instant = instant
  }
}

/// Something about the keys that somebody should know of.
public enum AccessNote: Hashable, Sendable {
  /// So many keys are in force from now on.
  case inForce(keys: Int)
  /// The file of keys is gone; the service stays closed.
  case gone(path: String)
  /// The file is damaged; nobody is let in.
  case damaged(path: String, reason: String)
}

/// The door of a service: who may be answered, by the keys of its data folder.
///
/// As long as there has been no file of keys, everybody is answered. From the first on only holders of keys are, and
/// nothing that happens to the file opens the door again: where it is gone or damaged, nobody is answered.
public final class AccessControl: Sendable {
  /// How often requests look at the file, at most. Without requests nobody does, and nobody has to.
  public static let lookPause = Duration.milliseconds(250)

  /// What was last seen of the file.
  private enum Sight: Equatable {
    case nothing
    case file(FileStamp)
    case unreadable
  }

  private struct State {
    var access = AccessState()
    var sight = Sight.nothing
    /// Whether the file might change once more without a new stamp, so that it has to be read again.
    var isFresh = false
    var nextLook: ContinuousClock.Instant?
    var savedUses: [String: Timestamp] = [:]
  }

  private let file: KeyFile
  private let clock: AccessClock
  private let note: @Sendable (AccessNote) -> Void
  private let state = Mutex(State())

  /// The door of the service of a data folder; the keys that are there are in force at once.
  ///
  /// - Parameters:
  ///   - file: The keys, and where their uses are noted.
  ///   - clock: The time of day, and how long anything takes.
  ///   - note: Told of what somebody should know; it must not block.
  public init(
    file: KeyFile, clock: AccessClock = AccessClock(),
    note: @escaping @Sendable (AccessNote) -> Void = { _ in }
  ) {
    self.file = file
    self.clock = clock
    self.note = note
    state.withLock { $0.savedUses = file.lastUses() }
    look()
  }

  /// Whether there are keys, or were: then only their holders are answered.
  public var isClosed: Bool {
    look()
    return state.withLock { if case .open = $0.access.keys { false } else { true } }
  }

  /// The number of keys in force that are good at present.
  public var goodKeyCount: Int {
    look()
    let time = clock.timeOfDay()
    return state.withLock { state in
      guard case .ring(let ring) = state.access.keys else { return 0 }
      return ring.keys.count { !$0.isExpired(at: time) }
    }
  }

  /// Judges a request by its `Authorization` fields, or else by its connection's certificate, and counts it until the pass
  /// is released.
  ///
  /// - Throws: `AccessRefusal`.
  public func admit(
    authorization fields: [String], certificate: ShownCertificate? = nil, needs role: AccessRole
  ) throws(AccessRefusal) -> AccessPass {
    look()
    // The secret is hashed before the lock is taken.
    let credentials = BearerCredentials(fields: fields, certificate: certificate)
    let (time, instant) = (clock.timeOfDay(), clock.instant())
    let result = state.withLock { state in
      Result { () throws(AccessRefusal) in
        try state.access.admit(credentials, needs: role, at: time, instant)
      }
    }
    let key = try result.get()
    let end = key?.kind == .certificate ? certificate?.endsAt : nil
    return AccessPass(self, key: key, until: end, role: role)
  }

  /// How much the holder of a key may ask for; nil where no key in force has the name.
  public func limits(of name: String) -> KeyLimits? {
    look()
    return state.withLock { state in
      guard case .ring(let ring) = state.access.keys else { return nil }
      return ring.keys.first { $0.name == name }?.limits
    }
  }

  /// The names of the keys in force whose runs may train so long a day and no longer.
  public var namesWithTrainingLimit: [String] {
    look()
    return state.withLock { state in
      guard case .ring(let ring) = state.access.keys else { return [] }
      return ring.keys.filter { $0.limits.trainingHoursPerDay != nil }.map(\.name)
    }
  }

  /// Whether the key of a name is in force and lets its holder do what needs `role`; without keys everybody may.
  public func mayCaller(_ name: String?, _ role: AccessRole) -> Bool {
    state.withLock { state in
      switch state.access.keys {
      case .open: true
      case .ring(let ring): ring.keys.contains { $0.name == name && $0.includes(role) }
      case .damaged: false
      }
    }
  }

  fileprivate func leave(_ key: AccessKey) { state.withLock { $0.access.leave(key) } }

  fileprivate func holds(_ key: AccessKey?, until end: Timestamp?, needs role: AccessRole) -> Bool {
    look()
    let time = clock.timeOfDay()
    return state.withLock { $0.access.holds(key, until: end, needs: role, at: time) }
  }
}

// MARK: - The file

extension AccessControl {
  /// Looks at the file, if nobody has for a while, and takes it into force where it is another one.
  private func look() {
    let now = clock.instant()
    let notes = state.withLock { state -> [AccessNote] in
      if let next = state.nextLook, now < next { return [] }
      state.nextLook = now + AccessControl.lookPause
      return look(&state)
    }
    for item in notes { note(item) }
  }

  private func look(_ state: inout State) -> [AccessNote] {
    var sight = Sight.nothing
    do throws(FileSystemError) {
      sight = try file.fileSystem.stamp(of: file.path).map(Sight.file) ?? .nothing
    } catch {
      sight = .unreadable
    }
    guard sight != state.sight || state.isFresh else { return [] }
    let isNew = sight != state.sight
    state.sight = sight
    state.isFresh = isFresh(sight)
    switch sight {
    case .nothing: return missing(&state)
    case .unreadable: return damaged(&state, "it cannot be examined", isNew: isNew)
    case .file(let stamp):
      do throws(DamagedKeys) {
        return taken(&state, try file.read(stamp), isNew: isNew)
      } catch {
        return damaged(&state, error.reason, isNew: isNew)
      }
    }
  }

  /// Whether a file was changed so lately that another change could have the same stamp: the system's clock ticks, and
  /// what is read between two changes in one tick would never be read again.
  private func isFresh(_ sight: Sight) -> Bool {
    guard case .file(let stamp) = sight else { return false }
    let age = clock.timeOfDay().milliseconds - stamp.changed / 1_000_000
    return age < 2_000
  }

  private func missing(_ state: inout State) -> [AccessNote] {
    if case .open = state.access.keys { return [] }
    state.access.take(KeyRing())
    return [.gone(path: file.path)]
  }

  private func taken(_ state: inout State, _ ring: KeyRing, isNew: Bool) -> [AccessNote] {
    if case .ring(let known) = state.access.keys, known == ring { return [] }
    state.access.take(ring)
    return [.inForce(keys: ring.keys.count)]
  }

  private func damaged(_ state: inout State, _ reason: String, isNew: Bool) -> [AccessNote] {
    state.access.close()
    return isNew ? [.damaged(path: file.path, reason: reason)] : []
  }
}

// MARK: - What keys are used for

extension AccessControl {
  /// Requests by key, oldest names first, and what came of them; `key` is nil where no key was known.
  public var counts: [(key: String?, outcome: String, count: Int)] {
    state.withLock { $0.access.counts }
      .map { ($0.key.key, $0.key.outcome, $0.value) }
      .sorted { ($0.0 ?? "", $0.1) < ($1.0 ?? "", $1.1) }
  }

  /// Requests under way, by key in force.
  public var inFlight: [(key: String, count: Int)] {
    state.withLock { $0.access.inFlight }.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
  }

  /// Notes in the data folder when keys were last used, where that has changed since.
  ///
  /// - Throws: `FileSystemError`; the next call tries again.
  public func saveUses() throws(FileSystemError) {
    let (uses, saved) = state.withLock { state -> ([String: Timestamp], [String: Timestamp]) in
      guard case .ring(let ring) = state.access.keys else { return ([:], [:]) }
      let names = Set(ring.keys.map(\.name))
      let kept = state.savedUses.filter { names.contains($0.key) }
      return (kept.merging(state.access.lastUses) { $1 }, state.savedUses)
    }
    guard uses != saved else { return }
    try file.write(uses: uses)
    state.withLock { $0.savedUses = uses }
  }
}

/// A request that is answered. It counts as under way until the pass is released.
public final class AccessPass: Sendable {
  private let control: AccessControl
  private let key: AccessKey?
  private let end: Timestamp?
  private let role: AccessRole

  fileprivate init(
    _ control: AccessControl, key: AccessKey?, until end: Timestamp?, role: AccessRole
  ) {
    self.control = control
    self.key = key
    self.end = end
    self.role = role
  }

  deinit { if let key { control.leave(key) } }

  /// The name of the key; nil where the service has no keys.
  public var caller: String? { key?.name }

  /// Whether the request would still be answered: its key may have been revoked since, or have expired.
  public var holds: Bool { control.holds(key, until: end, needs: role) }
}
