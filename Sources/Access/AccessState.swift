import Identifiers

/// Who may be answered, as a value: keys, buckets and counts, and no clock, file or lock.
struct AccessState {
  /// Where it stands with the keys.
  enum Keys {
    /// There never was a file of keys: everybody may do everything.
    case open
    /// Only holders of these are answered.
    case ring(KeyRing)
    /// There are keys that cannot be read: nobody is answered.
    case damaged
  }

  /// What the holder of one key does at present.
  struct Use {
    var bucket: TokenBucket?
    var inFlight = 0
    var lastUsed: Timestamp?
  }

  private(set) var keys = Keys.open
  /// By digest: a new key under the name of an old one starts afresh.
  private var uses: [KeyDigest: Use] = [:]
  /// Requests by key and what came of them.
  private(set) var counts: [Count: Int] = [:]
  /// The latest time that was told: a clock that is set back makes no expired key good again.
  private var latest = Timestamp(milliseconds: .min)

  /// One line of the counters.
  struct Count: Hashable {
    /// The key's name; nil where none is known.
    var key: String?
    var outcome: String
  }

  /// Takes keys into force. What is known of the use of those that stay, stays.
  mutating func take(_ ring: KeyRing) {
    keys = .ring(ring)
    let digests = Set(ring.keys.map(\.digest))
    // A key that is revoked while requests of its holder are under way is counted to their end.
    uses = uses.filter { digests.contains($0.key) || $0.value.inFlight > 0 }
  }

  /// Lets nobody in until there are keys again.
  mutating func close() { keys = .damaged }

  /// Judges a request.
  ///
  /// - Returns: the key that it is counted under until `leave`; nil where there are no keys.
  mutating func admit(
    _ credentials: BearerCredentials, needs role: AccessRole, at time: Timestamp,
    _ instant: ContinuousClock.Instant
  ) throws(AccessRefusal) -> AccessKey? {
    latest = max(latest, time)
    do throws(AccessRefusal) {
      guard let key = try key(credentials) else { return nil }
      try enter(key, needs: role, instant)
      uses[key.digest]?.lastUsed = latest
      counts[Count(key: key.name, outcome: "admitted"), default: 0] += 1
      return key
    } catch {
      counts[Count(key: error.key, outcome: error.reason), default: 0] += 1
      throw error
    }
  }

  private func key(_ credentials: BearerCredentials) throws(AccessRefusal) -> AccessKey? {
    let ring: KeyRing
    switch keys {
    case .open: return nil
    case .damaged: throw .unreadable
    case .ring(let known): ring = known
    }
    switch credentials {
    case .none: throw .missing
    case .ambiguous: throw .ambiguous
    case .malformed: throw .unknown
    case .certificate(let certificate):
      guard let key = ring.key(of: certificate) else { throw .unknownCertificate }
      if key.isExpired(at: latest) { throw .expired(key: key.name) }
      if certificate.endsAt <= latest { throw .certificateEnded(key: key.name) }
      return key
    case .secret(let secret):
      guard let key = ring.key(of: secret) else { throw .unknown }
      if key.isExpired(at: latest) { throw .expired(key: key.name) }
      return key
    }
  }

  /// Counts a request of a key against its limits. A request without the role takes its token too: asking in vain is
  /// asking.
  private mutating func enter(
    _ key: AccessKey, needs role: AccessRole, _ instant: ContinuousClock.Instant
  ) throws(AccessRefusal) {
    var use = uses[key.digest] ?? Use()
    if use.bucket?.rate != key.limits.requestsPerSecond {
      use.bucket = key.limits.requestsPerSecond.map { TokenBucket(rate: $0, at: instant) }
    }
    let wait = use.bucket?.take(at: instant)
    uses[key.digest] = use
    if let wait {
      throw .tooFast(
        key: key.name, perSecond: key.limits.requestsPerSecond ?? 0, retryAfter: wait)
    }
    guard key.includes(role) else {
      throw .forbidden(key: key.name, needs: role, has: key.roles)
    }
    if let limit = key.limits.requestsInFlight, use.inFlight >= limit {
      throw .tooMany(key: key.name, limit: limit)
    }
    uses[key.digest]?.inFlight += 1
  }

  /// The end of a request that was admitted under a key.
  mutating func leave(_ key: AccessKey) {
    guard let use = uses[key.digest] else { return }
    uses[key.digest]?.inFlight = max(0, use.inFlight - 1)
    if case .ring(let ring) = keys, use.inFlight <= 1,
      !ring.keys.contains(where: { $0.digest == key.digest })
    {
      uses[key.digest] = nil
    }
  }

  /// Whether what was admitted under a key, or without one, would still be; a certificate may end before its key.
  mutating func holds(
    _ key: AccessKey?, until end: Timestamp? = nil, needs role: AccessRole, at time: Timestamp
  ) -> Bool {
    latest = max(latest, time)
    if let end, end <= latest { return false }
    switch (keys, key) {
    case (.open, nil): return true
    case (.ring(let ring), let key?):
      guard let now = ring.keys.first(where: { $0.digest == key.digest }) else { return false }
      return now.includes(role) && !now.isExpired(at: latest)
    default: return false
    }
  }

  /// When keys in force were last used, by name.
  var lastUses: [String: Timestamp] {
    guard case .ring(let ring) = keys else { return [:] }
    var times: [String: Timestamp] = [:]
    for key in ring.keys { times[key.name] = uses[key.digest]?.lastUsed }
    return times
  }

  /// Requests under way, by name of the keys in force.
  var inFlight: [String: Int] {
    guard case .ring(let ring) = keys else { return [:] }
    var counts: [String: Int] = [:]
    for key in ring.keys { counts[key.name] = uses[key.digest]?.inFlight ?? 0 }
    return counts
  }
}
