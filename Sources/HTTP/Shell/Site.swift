internal import CSystem
internal import Logging
internal import Synchronization

/// What all connections share and none changes: configuration, routes and the rules before a handler runs.
final class Site: Sendable {
  let configuration: ServerConfiguration
  let router: Router
  let logger: Logger
  let errorResponse: Server.ErrorResponse
  let encoder: ResponseEncoder
  let origins: SharedOrigins
  /// The memory for bodies of all connections.
  let memory: MemoryBudget
  private let tlsContext: Mutex<TLSContext?>
  private let idPrefix: String
  private let idCounter = Atomic<UInt64>(0)

  let limits: Limits

  init(
    configuration: ServerConfiguration, router: Router, logger: Logger,
    errorResponse: @escaping Server.ErrorResponse
  ) {
    self.configuration = configuration
    limits = configuration.limits
    memory = MemoryBudget(bytes: limits.bodyMemoryBytes, patience: limits.memoryWait)
    self.router = router
    self.logger = logger
    self.errorResponse = errorResponse
    encoder = ResponseEncoder(
      contentSecurityPolicy: configuration.contentSecurityPolicy,
      // Who is told without TLS could be told by anybody (RFC 6797 section 7.2).
      strictTransportSeconds: configuration.tls.flatMap { _ in
        configuration.strictTransportSeconds
      }, basePath: configuration.basePath)
    origins = SharedOrigins(configuration.allowedOrigins)
    tlsContext = Mutex(nil)
    // Six digits, so that an identifier of up to eight more needs no memory of its own.
    idPrefix = String(UInt32.random(in: 0..<1 << 31), radix: 36) + "-"
  }

  /// Certificate and settings for new connections; nil without TLS.
  var tls: TLSContext? { tlsContext.withLock { $0 } }

  /// Reads the TLS files; on failure the settings in force stay.
  func loadTLS() throws(HTTPError) {
    guard let files = configuration.tls else { return }
    let context = try TLSContext(files)
    tlsContext.withLock { $0 = context }
  }

  /// The identifier the client proposes if it is short and plain, else a fresh one.
  func requestID(_ headers: Headers) -> String {
    if let proposed = headers["X-Request-Id"], (1...128).contains(proposed.utf8.count),
      proposed.utf8.allSatisfy({ isTokenByte($0) || $0 == 0x3A || $0 == 0x2F || $0 == 0x3D })
    {
      return proposed
    }
    let (_, number) = idCounter.add(1, ordering: .relaxed)
    return idPrefix + shortText(number)
  }

  /// The request of a checked head.
  ///
  /// - Throws: 400 for a path that is not well formed.
  func request(
    _ head: RequestHead, id: String, address: String
  ) throws(HTTPError) -> Request {
    var path = head.pathAndQuery
    var query: Substring?
    if !isPlainPath(path) {
      let target = head.pathAndQuery[...]
      let mark = target.utf8.firstIndex(of: 0x3F)
      path = try decodePath(mark.map { target[..<$0] } ?? target)
      query = mark.map { target[target.utf8.index(after: $0)...] }
    }
    path = configuration.basePath.removed(from: path)
    var request = Request(
      method: head.method, path: path, headers: head.headers, remoteAddress: address, id: id)
    request.rawTarget = head.target
    request.minorVersion = head.minorVersion
    if let query { request.query = parseQuery(query) }
    return request
  }

  /// Judges everything that can be judged before the body is read, and gives the request its path parameters.
  func route(_ head: RequestHead, _ request: inout Request) throws(HTTPError) -> Router.Match {
    guard isKnownMethod(request.method) else {
      throw HTTPError(.methodNotImplemented, "The method is not one this server knows.")
    }
    try checkOrigin(head)
    if request.path.isEmpty { return .folder }
    let match = router.match(method: request.method, path: request.path)
    if case .route(_, let parameters) = match {
      request.pathParameters = parameters
      if head.framing != .none { try checkCoding(head) }
    }
    return match
  }

  /// Only one layer of gzip is taken off a body.
  ///
  /// - Throws: 415 with `Accept-Encoding`.
  private func checkCoding(_ head: RequestHead) throws(HTTPError) {
    let codings = listMembers(head.headers, "Content-Encoding").map { $0.lowercased() }
    guard codings.isEmpty || codings == ["gzip"] || codings == ["x-gzip"] || codings == ["identity"]
    else {
      throw HTTPError(
        .unsupportedContentCoding,
        "A body may come as it is or with Content-Encoding: gzip, in no other coding.",
        headers: ["Accept-Encoding": "gzip"])
    }
  }

  /// A refusal as the response the client sees.
  func refusal(_ error: HTTPError, id: String) -> Response {
    var response = errorResponse(error, id)
    response.status = error.status
    response.caller = error.caller
    for field in error.headers.fields { response.headers[field.name] = field.value }
    return response
  }

  private func isKnownMethod(_ method: String) -> Bool {
    switch method {
    case "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY": true
    default: false
    }
  }

  // MARK: Browsers

  /// Only names that no stranger's DNS can point here are served without being declared.
  ///
  /// - Throws: 421.
  func checkHost(_ authority: String) throws(HTTPError) {
    if authority.isEmpty { return }  // HTTP/1.0 without Host: no browser sends that
    let host = hostName(authority)
    // A literal address cannot be rebound.
    if host.hasPrefix("[") || IPAddress(host) != nil || host == "localhost"
      || host.hasSuffix(".localhost")
    {
      return
    }
    for allowed in configuration.allowedHosts
    where allowed == "*" || equalIgnoringCase(allowed, host) {
      return
    }
    throw HTTPError(
      .hostNotAllowed,
      "This server answers for addresses, localhost and the names it was started with: ask for one of these, or "
        + "start it with --allow-host and the name.")
  }

  /// A page of another site may not change anything here.
  private func checkOrigin(_ head: RequestHead) throws(HTTPError) {
    if head.method == "GET" || head.method == "HEAD" || head.method == "OPTIONS" { return }
    let refusal = HTTPError(
      .crossSite,
      "A page of another site may not use this method here: open this server's own page. Behind a proxy, the Host field "
        + "must be the one that the browser sent.")
    let origin = head.headers["Origin"]
    if let origin, origins.allow(origin) { return }
    if let site = head.headers["Sec-Fetch-Site"] {
      guard site == "same-origin" || site == "none" else { throw refusal }
    } else if let origin {
      guard
        equalIgnoringCase(origin, "http://" + head.authority)
          || equalIgnoringCase(origin, "https://" + head.authority)
      else { throw refusal }
    }
  }
}

/// A number in 36 digits, the lowest first: short, and quick to write.
private func shortText(_ number: UInt64) -> String {
  unsafe String(unsafeUninitializedCapacity: 13) { bytes in
    var (rest, count) = (number, 0)
    repeat {
      let digit = UInt8(truncatingIfNeeded: rest % 36)
      unsafe bytes[count] = digit < 10 ? 0x30 + digit : 0x57 + digit
      rest /= 36
      count += 1
    } while rest > 0
    return count
  }
}

/// The host of `host[:port]`, lower-case, without the dot that may end it.
private func hostName(_ authority: String) -> String {
  var host = authority[...]
  if host.hasPrefix("[") {
    host = host.prefix { $0 != "]" } + "]"
  } else {
    host = host.prefix { $0 != ":" }
    if host.hasSuffix(".") { host = host.dropLast() }
  }
  return host.lowercased()
}
