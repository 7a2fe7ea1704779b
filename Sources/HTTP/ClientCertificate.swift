/// The certificate by which a client has shown who it is, verified against the authorities that the server names.
public struct ClientCertificate: Hashable, Sendable {
  /// The SHA-256 of the certificate's DER form, 64 lower-case hexadecimal digits.
  public var fingerprint: String
  /// The second since 1970 from which on it is not good any more; a connection may last longer.
  public var endSecond: Int64

  /// A certificate of a fingerprint.
  public init(fingerprint: String, endSecond: Int64) {
    self.fingerprint = fingerprint
    self.endSecond = endSecond
  }
}
