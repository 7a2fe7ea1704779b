import ArgumentParser
import Dispatch
import Glibc
import HTTP

/// Where `byol serve` listens, with what certificate, and behind which proxies.
struct ListenOptions: ParsableArguments {
  @Option(
    name: .customLong("tls-cert"),
    help: "Serve HTTPS with this certificate, PEM with its chain; SIGHUP reads it again.")
  var certificate: String?

  @Option(name: .customLong("tls-key"), help: "The certificate's private key, PEM.")
  var key: String?

  @Option(
    name: .customLong("tls-client-ca"),
    help:
      "Ask clients for a certificate signed by one of these authorities, PEM, and serve no others; SIGHUP reads it again."
  )
  var clientAuthorities: String?

  @Flag(
    name: .customLong("tls-client-optional"),
    help:
      "Serve clients without a certificate too, by their keys. A certificate that is shown must be good all the same."
  )
  var clientCertificateIsOptional = false

  @Option(help: "Listen on a Unix socket at this path instead of an address and a port.")
  var unixSocket: String?

  @Flag(help: "Listen on the one socket that systemd passes on (LISTEN_FDS).")
  var socketActivation = false

  @Option(help: "Threads that read and write requests, sharing the port.")
  var loops = 1

  @Option(
    name: .customLong("trusted-proxy"),
    help:
      "An address, a network such as 10.0.0.0/8, or \"unix\", whose Forwarded field is believed; repeatable."
  )
  var trustedProxies: [String] = []

  @Option(
    help:
      "The path under which a proxy shows the service, such as /byol; requests may come without.")
  var basePath = "/"

  @Flag(help: "Expect the PROXY protocol, version 2, from trusted proxies.")
  var proxyProtocol = false

  @Option(
    name: .customLong("allow-origin"),
    help:
      "An origin such as https://pictures.example.org whose pages may use this service; repeatable."
  )
  var allowedOrigins: [String] = []

  @Option(
    name: .customLong("hsts"),
    help: "Tell browsers for how many seconds to use nothing but HTTPS here; needs --tls-cert.")
  var strictTransportSeconds: Int?

  mutating func validate() throws {
    for origin in allowedOrigins {
      if let fault = ServerConfiguration.faultOfOrigin(origin) {
        throw ValidationError("--allow-origin \(origin): \(fault)")
      }
    }
    if let strictTransportSeconds {
      guard certificate != nil else { throw ValidationError("--hsts needs --tls-cert.") }
      guard (0...Self.longestStrictTransport).contains(strictTransportSeconds) else {
        throw ValidationError("--hsts must be 0…\(Self.longestStrictTransport) seconds.")
      }
    }
    guard (certificate == nil) == (key == nil) else {
      throw ValidationError("--tls-cert and --tls-key go together.")
    }
    guard clientAuthorities == nil || certificate != nil else {
      throw ValidationError("--tls-client-ca needs --tls-cert and --tls-key.")
    }
    guard !clientCertificateIsOptional || clientAuthorities != nil else {
      throw ValidationError("--tls-client-optional needs --tls-client-ca.")
    }
    guard unixSocket == nil || !socketActivation else {
      throw ValidationError("--unix-socket and --socket-activation exclude each other.")
    }
    guard (1...64).contains(loops) else { throw ValidationError("--loops must be 1…64.") }
    guard loops == 1 || (unixSocket == nil && !socketActivation) else {
      throw ValidationError("Several --loops need an address and a port.")
    }
    for text in trustedProxies {
      var proxies = TrustedProxies()
      guard proxies.add(text) else {
        throw ValidationError("--trusted-proxy \(text) is no address, no network and not \"unix\".")
      }
    }
    guard BasePath(basePath) != nil else {
      throw ValidationError(
        "--base-path \(basePath) was given; allowed: a slash, then letters, digits and -._~ in segments, such as /byol."
      )
    }
    guard !proxyProtocol || !trustedProxies.isEmpty else {
      throw ValidationError("--proxy-protocol needs a --trusted-proxy.")
    }
  }

  /// Two years, which lists of such hosts ask for at most.
  private static let longestStrictTransport = 63_072_000

  /// Puts these settings into a server's.
  ///
  /// - Throws: `ValidationError` where systemd has passed nothing on.
  func apply(to configuration: inout ServerConfiguration) throws {
    if let certificate, let key {
      configuration.tls = TLSConfiguration(
        certificatePath: certificate, keyPath: key, clientAuthoritiesPath: clientAuthorities,
        requiresClientCertificate: !clientCertificateIsOptional)
    }
    if let unixSocket { configuration.address = .unix(path: unixSocket) }
    if socketActivation { configuration.address = .inherited(descriptor: try passedSocket()) }
    configuration.loops = loops
    configuration.allowedOrigins = allowedOrigins
    configuration.strictTransportSeconds = strictTransportSeconds
    for text in trustedProxies { _ = configuration.proxies.add(text) }
    configuration.proxyProtocol = proxyProtocol
    configuration.basePath = BasePath(basePath) ?? .root
  }

  /// The first descriptor of systemd's protocol (sd_listen_fds(3)), meant for this very process.
  private func passedSocket() throws -> Int32 {
    func number(_ name: String) -> Int? {
      unsafe getenv(name).flatMap { unsafe Int(String(cString: $0)) }
    }
    guard number("LISTEN_PID") == Int(getpid()), number("LISTEN_FDS") == 1 else {
      throw ValidationError("--socket-activation: systemd has not passed on exactly one socket.")
    }
    // Processes that this one starts are not meant.
    for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsafe unsetenv(name) }
    return 3
  }
}

/// Does something at every SIGHUP, for as long as it is kept.
final class HangupSignal: Sendable {
  /// Kept alive only; set once and never read.
  private nonisolated(unsafe) let source: any DispatchSourceSignal

  init(_ action: @escaping @Sendable () -> Void) {
    _ = signal(SIGHUP, SIG_IGN)
    let source = DispatchSource.makeSignalSource(signal: SIGHUP)
    source.setEventHandler(handler: action)
    source.resume()
    unsafe self.source = source
  }
}
