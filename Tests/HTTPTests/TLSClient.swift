import COpenSSL
import CSystem

/// A blocking TLS client that trusts anyone. Use it inside `blocking`.
@safe final class TLSClient {
  private let context: OpaquePointer
  private let session: OpaquePointer
  private let descriptor: Int32
  private var received = ""

  /// `protocols` are offered by ALPN; `ticket` is a session of an earlier client; `identity` holds `cert.pem` and
  /// `key.pem` to show.
  init(
    _ port: Int, version: Int32, protocols: [String] = [], ticket: TLSTicket? = nil,
    identity: String? = nil, ciphers: String? = nil
  ) throws {
    descriptor = unsafe byol_connect_tcp("127.0.0.1", UInt16(port))
    guard descriptor >= 0, let context = unsafe SSL_CTX_new(TLS_client_method()) else {
      throw ClientFault(what: "connect")
    }
    unsafe self.context = context
    unsafe SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(version), nil)
    unsafe SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(version), nil)
    if let identity {
      unsafe SSL_CTX_use_certificate_chain_file(context, identity + "/cert.pem")
      unsafe SSL_CTX_use_PrivateKey_file(context, identity + "/key.pem", SSL_FILETYPE_PEM)
    }
    if let ciphers { unsafe SSL_CTX_set_cipher_list(context, ciphers) }
    guard let session = unsafe SSL_new(context) else { throw ClientFault(what: "session") }
    unsafe self.session = session
    let offer = protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
    if !offer.isEmpty { unsafe SSL_set_alpn_protos(session, offer, UInt32(offer.count)) }
    if let ticket { unsafe SSL_set_session(session, ticket.session) }
    unsafe SSL_set_fd(session, descriptor)
    ERR_clear_error()
    guard unsafe SSL_connect(session) == 1 else {
      // The reason of an alert is its number after 1000.
      let reason = Int(ERR_peek_error() & 0x7F_FFFF)
      throw ClientFault(what: reason > 1000 ? "alert \(reason - 1000)" : "handshake")
    }
  }

  /// The protocol that was agreed on.
  var agreed: String {
    var name: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    unsafe SSL_get0_alpn_selected(session, &name, &count)
    return unsafe String(
      decoding: UnsafeBufferPointer(start: name, count: Int(count)), as: UTF8.self)
  }

  var isResumed: Bool { unsafe SSL_session_reused(session) == 1 }

  /// What a later client may resume with; in TLS 1.3 it comes after the handshake, with the first answer.
  var ticket: TLSTicket? { unsafe SSL_get1_session(session).map { unsafe TLSTicket($0) } }

  /// Whether the server said goodbye before it closed.
  var sawCloseNotify: Bool { unsafe SSL_get_shutdown(session) & SSL_RECEIVED_SHUTDOWN != 0 }

  deinit {
    unsafe SSL_free(session)
    unsafe SSL_CTX_free(context)
    _ = byol_close(descriptor)
  }

  /// The common name of the server's certificate.
  var serverName: String {
    guard let certificate = unsafe SSL_get1_peer_certificate(session) else { return "" }
    defer { unsafe X509_free(certificate) }
    var name = [CChar](repeating: 0, count: 256)
    unsafe X509_NAME_oneline(X509_get_subject_name(certificate), &name, 256)
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  func send(_ text: String) throws {
    let bytes = Array(text.utf8)
    let count = unsafe bytes.withUnsafeBytes {
      unsafe SSL_write(session, $0.baseAddress, Int32($0.count))
    }
    guard count == bytes.count else { throw ClientFault(what: "write \(count)") }
  }

  func read(through marker: String) throws -> String {
    while true {
      if let range = received.firstRange(of: marker) {
        defer { received = String(received[range.upperBound...]) }
        return String(received[..<range.upperBound])
      }
      var chunk = [UInt8](repeating: 0, count: 65536)
      let count = unsafe SSL_read(session, &chunk, Int32(chunk.count))
      guard count > 0 else { throw ClientFault(what: "end") }
      received += String(decoding: chunk[..<Int(count)], as: UTF8.self)
    }
  }
}

/// A session to be resumed.
@safe final class TLSTicket {
  fileprivate let session: OpaquePointer
  init(_ session: OpaquePointer) { unsafe self.session = session }
  deinit { unsafe SSL_SESSION_free(session) }
}
