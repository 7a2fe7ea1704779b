internal import CSystem

/// What a server is started with.
public struct ServerConfiguration: Sendable {
  /// Where connections come from.
  public enum Address: Sendable, Equatable {
    /// A numeric address (or `localhost`) and a port; port 0 takes a free one.
    case tcp(host: String, port: Int)
    /// A Unix socket at a path.
    case unix(path: String)
    /// A socket that listens already, such as one that systemd passes on.
    case inherited(descriptor: Int32)

    /// Whether only this machine can connect: a loopback address, or a Unix socket. What cannot be told is not local.
    public var isLocal: Bool {
      switch self {
      case .tcp(let host, _): host == "localhost" || IPAddress(host)?.isLoopback == true
      case .unix: true
      case .inherited(let descriptor): byol_listens_locally(descriptor) == 1
      }
    }
  }

  /// Where to listen.
  public var address: Address
  /// Serves TLS with these files; nil serves plain HTTP.
  public var tls: TLSConfiguration?
  /// Threads that accept and serve connections, 1 … 64; more than one needs a TCP address, which they share by
  /// `SO_REUSEPORT`.
  public var loops = 1
  /// Who may say on whose behalf it connects.
  public var proxies = TrustedProxies()
  /// Whether those proxies begin each connection with a header of the PROXY protocol, version 2.
  public var proxyProtocol = false
  /// The limits every client is held to.
  public var limits = Limits()
  /// Host names served besides IP addresses, `localhost` and `*.localhost`; `*` serves all. A server with a name that
  /// `faultOfHostName` objects to does not start.
  public var allowedHosts: [String] = []
  /// Origins of pages of other sites that may use this server, such as `https://pictures.example.org`. A server with one
  /// that `faultOfOrigin` objects to does not start.
  public var allowedOrigins: [String] = []
  /// For how many seconds browsers are to use nothing but TLS here (RFC 6797); told over TLS only, nil for not at all.
  public var strictTransportSeconds: Int?
  /// Where a proxy shows the server.
  public var basePath = BasePath.root
  /// The Content-Security-Policy of every response.
  public var contentSecurityPolicy =
    "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
  /// Told of every answered request, on the loop's thread; it must not block.
  public var observer: (@Sendable (Exchange) -> Void)?

  /// Creates a configuration with all limits on.
  public init(host: String = "127.0.0.1", port: Int = 8080) {
    address = .tcp(host: host, port: port)
  }
}

extension ServerConfiguration {
  /// What is wrong with an entry of `allowedOrigins`, as a sentence, or nil.
  public static func faultOfOrigin(_ text: String) -> String? { SharedOrigins.fault(of: text) }

  /// What is wrong with an entry of `allowedHosts`, as a sentence, or nil: such an entry could never match.
  public static func faultOfHostName(_ text: String) -> String? {
    if text == "*" || IPAddress(text[...]) != nil { return nil }
    if text.contains(":") {
      return "a host name is given without scheme and port; it is served on every port."
    }
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    let isName = labels.allSatisfy { label in
      (1...63).contains(label.utf8.count)
        && label.utf8.allSatisfy {
          isDigit($0) || $0 == 0x2D || $0 == 0x5F || lowercase($0) &- 0x61 < 26
        }
    }
    guard isName, text.utf8.count <= 253 else {
      return "that is no host name such as pictures.example.org, and not * for all names."
    }
    return nil
  }
}

/// One answered request, for logs and metrics.
public struct Exchange: Sendable {
  /// The request's method.
  public var method: String
  /// The pattern of the route that answered, or nil when none did.
  public var route: String?
  /// The decoded path.
  public var path: String
  /// The response's status.
  public var status: Int
  /// The time from the head's last byte to the response's last.
  public var duration: Duration
  /// Body bytes received.
  public var bytesIn: Int
  /// Bytes sent, head included.
  public var bytesOut: Int
  /// The client's address.
  public var remoteAddress: String
  /// The request's identifier.
  public var requestID: String
  /// Who asked, where a handler knew them: see `Request.caller`.
  public var caller: String?
  /// The request's `traceparent`, if it has one that is valid.
  public var traceParent: String?
}
