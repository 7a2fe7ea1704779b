/// The proxies whose word about their client is taken: addresses, networks, and whoever reaches the Unix socket.
public struct TrustedProxies: Sendable, Equatable {
  private struct Network: Sendable, Equatable {
    var address: UInt128
    var mask: UInt128
  }

  private var networks: [Network] = []
  private var trustsUnixSocket = false

  /// Trusts nobody.
  public init() {}

  /// Adds `address`, `address/bits` or `unix`.
  ///
  /// - Returns: whether the text is one of these.
  public mutating func add(_ text: String) -> Bool {
    if text == "unix" {
      trustsUnixSocket = true
      return true
    }
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = IPAddress(parts[0]) else { return false }
    let width = address.isIPv4 ? 32 : 128
    guard let bits = parts.count == 1 ? width : decimal(parts[1].utf8), bits <= width else {
      return false
    }
    let free = UInt128(width - bits)
    let mask = free == 128 ? 0 : UInt128.max << free
    networks.append(Network(address: address.value & mask, mask: mask))
    return true
  }

  /// Whether nobody is trusted.
  public var isEmpty: Bool { networks.isEmpty && !trustsUnixSocket }

  /// Whether the peer of a connection is one of these; the empty address is the Unix socket's.
  func contains(_ peer: String) -> Bool {
    if peer.isEmpty { return trustsUnixSocket }
    guard !networks.isEmpty, let address = IPAddress(peer) else { return false }
    return networks.contains { address.value & $0.mask == $0.address }
  }

  /// The client of a request by its `Forwarded` fields (RFC 7239), read from the last hop backwards as far as each
  /// teller is trusted; the peer itself when it is not.
  func client(peer: String, headers: Headers) -> String {
    guard contains(peer), headers["Forwarded"] != nil else { return peer }
    var client = peer
    let hops = headers.all("Forwarded").flatMap { splitList($0) }
    for hop in hops.reversed() {
      guard contains(client),
        let parameters = parseParameters("hop;" + hop)?.parameters,
        let node = parameters.first(where: { equalIgnoringCase($0.name, "for") })?.value,
        let address = TrustedProxies.address(ofNode: node)
      else { break }
      client = address.description
    }
    return client
  }

  /// The address of `192.0.2.1`, `192.0.2.1:80`, `[::1]` or `[::1]:80`; nil for `unknown` and made-up names.
  private static func address(ofNode node: String) -> IPAddress? {
    if node.hasPrefix("[") {
      return IPAddress(node.dropFirst().prefix { $0 != "]" })
    }
    return IPAddress(node.prefix { $0 != ":" })
  }
}
