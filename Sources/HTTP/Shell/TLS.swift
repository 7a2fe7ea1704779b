internal import COpenSSL

/// The files TLS needs, all PEM.
public struct TLSConfiguration: Sendable {
  /// The server's certificate, followed by those that lead to its root.
  public var certificatePath: String
  /// The certificate's private key.
  public var keyPath: String
  /// Authorities of which clients are asked for a certificate; nil asks for none.
  public var clientAuthoritiesPath: String?
  /// Whether clients without such a certificate are refused. One that is shown is verified in either case.
  public var requiresClientCertificate: Bool

  /// Names the files; nothing is read yet.
  public init(
    certificatePath: String, keyPath: String, clientAuthoritiesPath: String? = nil,
    requiresClientCertificate: Bool = true
  ) {
    self.certificatePath = certificatePath
    self.keyPath = keyPath
    self.clientAuthoritiesPath = clientAuthoritiesPath
    self.requiresClientCertificate = requiresClientCertificate
  }
}

/// Certificate and settings of new connections; never changed once made, only replaced.
@safe final class TLSContext: @unchecked Sendable {
  fileprivate let context: OpaquePointer

  /// Reads the files.
  ///
  /// - Throws: `HTTPError` when a file is missing or malformed, or key and certificate do not belong together.
  init(_ configuration: TLSConfiguration) throws(HTTPError) {
    guard let context = unsafe byol_tls_server_context() else {
      throw TLSContext.fault("TLS cannot be set up.")
    }
    unsafe self.context = context
    guard
      unsafe SSL_CTX_use_certificate_chain_file(context, configuration.certificatePath) == 1
    else { throw TLSContext.fault("The certificate cannot be read.") }
    guard unsafe SSL_CTX_use_PrivateKey_file(context, configuration.keyPath, SSL_FILETYPE_PEM) == 1,
      unsafe SSL_CTX_check_private_key(context) == 1
    else {
      throw TLSContext.fault("The private key cannot be read or does not fit the certificate.")
    }
    if let authorities = configuration.clientAuthoritiesPath,
      unsafe byol_tls_ask_clients(
        context, authorities, configuration.requiresClientCertificate ? 1 : 0) != 1
    {
      throw TLSContext.fault("The client authorities cannot be read.")
    }
  }

  deinit { unsafe SSL_CTX_free(context) }

  private static func fault(_ detail: String) -> HTTPError {
    ERR_clear_error()
    return HTTPError(.tlsConfiguration, detail)
  }
}

/// One connection's TLS, between two buffers in memory: sockets are the connection's business.
@safe final class TLSSession {
  /// What an operation came to.
  enum Outcome: Equatable {
    case count(Int)
    case needsBytes
    case ended
    case failed
  }

  private let session: OpaquePointer
  private var hasBegun = false
  /// Whether the client's first byte is a letter, as a request line's is: a TLS record begins with 22.
  private(set) var beganPlain = false

  /// Returns nil when memory is short.
  init?(_ context: TLSContext) {
    guard let session = unsafe byol_tls_session(context.context) else { return nil }
    unsafe self.session = session
  }

  deinit { unsafe SSL_free(session) }

  /// Goes on with the handshake; `.count` when it is done.
  func handshake() -> Outcome { outcome(unsafe byol_tls_handshake(session)) }

  /// The certificate that the client has shown; nil before the handshake is done, and where it showed none.
  var clientCertificate: ClientCertificate? {
    var digest = [UInt8](repeating: 0, count: 32)
    var end: Int64 = 0
    guard unsafe byol_tls_client_certificate(session, &digest, &end) == 1 else { return nil }
    let digits = digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
    return ClientCertificate(fingerprint: digits.joined(), endSecond: end)
  }

  /// Takes bytes as they came from the client.
  func takeIn(_ bytes: UnsafeRawBufferPointer) {
    if !hasBegun, let first = unsafe bytes.first {
      hasBegun = true
      beganPlain = (0x41...0x5A).contains(first) || (0x61...0x7A).contains(first)
    }
    _ = unsafe byol_tls_take_in(session, bytes.baseAddress, Int32(bytes.count))
  }

  /// Decrypts into a buffer.
  func read(into buffer: UnsafeMutableRawBufferPointer) -> Outcome {
    outcome(unsafe byol_tls_read(session, buffer.baseAddress, Int32(buffer.count)))
  }

  /// Encrypts the first of these bytes, 16 KiB at most.
  func write(_ bytes: ArraySlice<UInt8>) -> Outcome {
    unsafe bytes.withUnsafeBytes {
      outcome(unsafe byol_tls_write(session, $0.baseAddress, Int32(min(16 * 1024, $0.count))))
    }
  }

  /// Whether something of what the client sent has not been read.
  var holdsMore: Bool { unsafe byol_tls_incoming(session) > 0 }

  /// Bytes that must be sent to the client and have not been taken out.
  var owes: Int { unsafe byol_tls_outgoing(session) }

  /// Says goodbye.
  func shutdown() { unsafe byol_tls_shutdown(session) }

  /// Moves what must be sent to the client to the end of `bytes`.
  func takeOut(into bytes: inout [UInt8]) {
    let count = owes
    guard count > 0 else { return }
    bytes.append(addingCapacity: count) { span in
      unsafe span.withUnsafeMutableBufferPointer { buffer, taken in
        taken = max(0, Int(unsafe byol_tls_take_out(session, buffer.baseAddress, Int32(count))))
      }
    }
  }

  private func outcome(_ result: Int32) -> Outcome {
    switch result {
    case 1...: .count(Int(result))
    case 0: .needsBytes
    case -1: .ended
    default: .failed
    }
  }
}
