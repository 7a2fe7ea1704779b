public import Identifiers

/// The certificate of a client, as whoever speaks TLS with it has verified it.
public struct ShownCertificate: Hashable, Sendable {
  /// The SHA-256 of its DER form.
  public var fingerprint: KeyDigest
  /// The moment from which on it is not good any more.
  public var endsAt: Timestamp

  /// A certificate of a fingerprint, 64 hexadecimal digits; nil for other texts.
  public init?(fingerprint: String, endsAt: Timestamp) {
    guard let digest = KeyDigest(fingerprint: fingerprint) else { return nil }
    self.fingerprint = digest
    self.endsAt = endsAt
  }
}

/// What a request shows of its right to be answered: the field `Authorization` of RFC 6750 section 2.1, or else the
/// certificate of its connection. Who sends a secret means the secret.
enum BearerCredentials {
  /// No field, or one of another scheme.
  case none
  /// A secret of the right form.
  case secret(KeySecret)
  /// No secret, but a certificate.
  case certificate(ShownCertificate)
  /// Something that no key can be.
  case malformed
  /// Several fields: whose they are is not told.
  case ambiguous

  /// Reads the values of all `Authorization` fields of a request.
  init(fields: [String], certificate: ShownCertificate? = nil) {
    guard fields.count <= 1 else {
      self = .ambiguous
      return
    }
    let parts = (fields.first ?? "").split(separator: " ", omittingEmptySubsequences: true)
    guard let scheme = parts.first, scheme.lowercased() == "bearer" else {
      self = certificate.map(BearerCredentials.certificate) ?? .none
      return
    }
    guard parts.count == 2, let secret = KeySecret(parts[1]) else {
      self = .malformed
      return
    }
    self = .secret(secret)
  }
}

/// Why a request is not answered.
public enum AccessRefusal: Error, Hashable, Sendable {
  /// It shows no key.
  case missing
  /// It shows several.
  case ambiguous
  /// What it shows is not a key of this service, or not any more.
  case unknown
  /// It shows no secret, and a certificate that is not a key of this service, or not any more.
  case unknownCertificate
  /// Its certificate has ended while its connection lasts. Only who has the certificate is told.
  case certificateEnded(key: String)
  /// Its key is good no longer. Only who has the secret is told.
  case expired(key: String)
  /// Its key has no role that it needs.
  case forbidden(key: String, needs: AccessRole, has: [AccessRole])
  /// Its key has asked for more than its requests per second.
  case tooFast(key: String, perSecond: Double, retryAfter: Double)
  /// Its key has as many requests under way as it may.
  case tooMany(key: String, limit: Int)
  /// The keys cannot be read, so that nobody is known.
  case unreadable

  /// The name of the key that was shown, if it is one of this service's.
  public var key: String? {
    switch self {
    case .missing, .ambiguous, .unknown, .unknownCertificate, .unreadable: nil
    case .expired(let key), .certificateEnded(let key), .forbidden(let key, _, _),
      .tooFast(let key, _, _),
      .tooMany(let key, _):
      key
    }
  }

  /// A word for counters.
  public var reason: String {
    switch self {
    case .missing: "missing"
    case .ambiguous: "ambiguous"
    case .unknown: "unknown"
    case .expired: "expired"
    case .unknownCertificate: "unknown_certificate"
    case .certificateEnded: "certificate_ended"
    case .forbidden: "forbidden"
    case .tooFast: "too_fast"
    case .tooMany: "too_many"
    case .unreadable: "unreadable"
    }
  }
}
