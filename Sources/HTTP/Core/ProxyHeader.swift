/// Reads the PROXY protocol's header, version 2 (HAProxy's specification, section 2.2): who the proxy's client is.
struct ProxyHeaderParser {
  /// What the header says.
  enum Source: Equatable {
    /// The address of the proxy's client.
    case client(IPAddress)
    /// The connection speaks for itself: a health check, or a kind of address that is not IP.
    case connection
  }

  /// Longest header after its first 16 bytes; the addresses of Unix sockets take 216, the rest is for extensions.
  static let longestBody = 1024

  private static let signature: [UInt8] = [
    0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
  ]

  private var header: [UInt8] = []
  private var length = 16

  /// Takes bytes from `position` on, which moves past the header's.
  ///
  /// - Returns: what the header says when it is complete, nil when more bytes are needed.
  /// - Throws: 400; the connection must then be given up without an answer.
  mutating func parse(_ bytes: Span<UInt8>, at position: inout Int) throws(HTTPError) -> Source? {
    while position < bytes.count {
      header.append(bytes[position])
      position += 1
      if header.count <= 16 { try judgePrefix() }
      if header.count == length, length > 16 || header.count == 16 { return try source() }
    }
    return nil
  }

  private mutating func judgePrefix() throws(HTTPError) {
    let last = header.count - 1
    let byte = header[last]
    switch last {
    case 0..<12: try require(byte == ProxyHeaderParser.signature[last])
    case 12: try require(byte == 0x20 || byte == 0x21)
    case 15:
      let body = Int(header[14]) << 8 | Int(byte)
      try require(body <= ProxyHeaderParser.longestBody)
      length = 16 + body
    default: break
    }
  }

  private func source() throws(HTTPError) -> Source {
    if header[12] == 0x20 { return .connection }
    let addressBytes: Int
    switch header[13] {
    case 0x11: addressBytes = 4
    case 0x21: addressBytes = 16
    default: return .connection
    }
    // Both addresses and both ports must be there; extensions after them are skipped.
    try require(header.count >= 16 + 2 * addressBytes + 4)
    guard let address = IPAddress(bytes: header[16..<16 + addressBytes]) else { return .connection }
    return .client(address)
  }

  private func require(_ condition: Bool) throws(HTTPError) {
    if !condition { throw .malformed(.invalidProxyHeader, "The PROXY header is malformed.") }
  }
}
