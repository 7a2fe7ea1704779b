public import Identifiers

/// A key as the service knows it: everything but the secret.
public struct AccessKey: Hashable, Sendable, Codable {
  /// A name for people, logs and metrics; no two keys of a file share one.
  public let name: String
  /// The digest of the secret, or of the certificate.
  public let digest: KeyDigest
  /// What the digest is of; nil where it is of a secret.
  public let kind: Kind?
  /// What it lets its holder do.
  public let roles: [AccessRole]
  /// When it was made.
  public let createdAt: Timestamp
  /// The moment from which on it is refused; nil for never.
  public let expiresAt: Timestamp?
  /// How much its holder may ask for.
  public let limits: KeyLimits

  /// What a key is besides a secret.
  public enum Kind: String, Hashable, Sendable, Codable {
    /// A client's certificate.
    case certificate
  }

  /// A key.
  public init(
    name: String, digest: KeyDigest, kind: Kind? = nil, roles: [AccessRole], createdAt: Timestamp,
    expiresAt: Timestamp? = nil, limits: KeyLimits = KeyLimits()
  ) {
    self.name = name
    self.digest = digest
    self.kind = kind
    self.roles = roles
    self.createdAt = createdAt
    self.expiresAt = expiresAt
    self.limits = limits
  }

  /// Whether one of its roles lets its holder do what needs `role`.
  public func includes(_ role: AccessRole) -> Bool { roles.contains { $0.includes(role) } }

  /// Whether it is refused at a moment: from the very moment of its expiry on.
  public func isExpired(at time: Timestamp) -> Bool { expiresAt.map { $0 <= time } ?? false }

  /// What is wrong with the key, as a sentence, or nil. A key with a fault is refused where it is made, and makes the
  /// file that has it a damaged one.
  public var fault: String? {
    if !AccessKey.isName(name) {
      return "A key's name has \(AccessLimits.nameCharacters.lowerBound)…"
        + "\(AccessLimits.nameCharacters.upperBound) letters, digits and . _ - @ of ASCII."
    }
    if roles.isEmpty {
      let words = AccessRole.allCases.map(\.rawValue).joined(separator: ", ")
      return "A key has one role at least, of \(words)."
    }
    return limits.fault
  }

  /// Whether a text may be a key's name: it stands in logs and metrics as it is.
  static func isName(_ text: String) -> Bool {
    AccessLimits.nameCharacters.contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
          || (0x61...0x7A).contains(byte) || [0x2E, 0x5F, 0x2D, 0x40].contains(byte)
      }
  }
}

/// How much the holder of a key may ask for; nil for as much as anybody.
public struct KeyLimits: Hashable, Sendable, Codable {
  /// Requests per second in the long run; as many as this, one at least, may come at once after a pause.
  public var requestsPerSecond: Double?
  /// Requests that are worked on at a time, open streams included.
  public var requestsInFlight: Int?
  /// Bytes on disk of all datasets and runs that it made.
  public var diskBytes: Int?
  /// Hours per day of UTC that the runs that it made may train, all together.
  public var trainingHoursPerDay: Double?

  /// Limits.
  public init(
    requestsPerSecond: Double? = nil, requestsInFlight: Int? = nil, diskBytes: Int? = nil,
    trainingHoursPerDay: Double? = nil
  ) {
    self.requestsPerSecond = requestsPerSecond
    self.requestsInFlight = requestsInFlight
    self.diskBytes = diskBytes
    self.trainingHoursPerDay = trainingHoursPerDay
  }

  /// What is out of bounds, as a sentence, or nil.
  var fault: String? {
    if let requestsPerSecond, !AccessLimits.requestsPerSecond.contains(requestsPerSecond) {
      let range = AccessLimits.requestsPerSecond
      return "A limit of requests per second is \(range.lowerBound)…\(range.upperBound)."
    }
    if let requestsInFlight, !AccessLimits.requestsInFlight.contains(requestsInFlight) {
      let range = AccessLimits.requestsInFlight
      return "A limit of requests at a time is \(range.lowerBound)…\(range.upperBound)."
    }
    if let diskBytes, !AccessLimits.diskBytes.contains(diskBytes) {
      let range = AccessLimits.diskBytes
      return "A limit of bytes on disk is \(range.lowerBound)…\(range.upperBound)."
    }
    if let trainingHoursPerDay, !AccessLimits.trainingHoursPerDay.contains(trainingHoursPerDay) {
      let range = AccessLimits.trainingHoursPerDay
      return "A limit of hours of training per day is \(range.lowerBound)…\(range.upperBound)."
    }
    return nil
  }
}
