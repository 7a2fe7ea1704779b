internal import CSystem
internal import Logging

extension Connection {
  /// Takes note of a complete head, and finds what it asks for.
  func arrive(_ head: RequestHead) -> Arrival {
    policy.headFinished(persists: head.persists)
    exchanges += 1
    var arrival = Arrival(
      head: head, id: site.requestID(head.headers),
      client: site.configuration.proxies.client(peer: address, headers: head.headers))
    do throws(HTTPError) {
      if head.authority != servedHost {
        try site.checkHost(head.authority)
        servedHost = head.authority
      }
      var request = try site.request(head, id: arrival.id, address: arrival.client)
      request.clientCertificate = clientCertificate
      arrival.path = request.path
      let match = try site.route(head, &request)
      if case .route(let index, _) = match { arrival.route = index }
      if head.framing != .none {
        request.body = try body(of: head, &request, limit: bodyLimit(arrival))
      }
      arrival.found = .success((request, match))
    } catch {
      arrival.found = .failure(error)
    }
    return arrival
  }

  /// The longest body that a request may have; that of one that goes nowhere is only measured, so that it can be skipped.
  private func bodyLimit(_ arrival: Arrival) -> Int {
    arrival.route.map { site.router.routes[$0].bodyLimit ?? site.limits.bodyBytes } ?? .max
  }

  /// The body that comes after a head.
  ///
  /// - Throws: 413 for a declared length over `limit`.
  private func body(
    of head: RequestHead, _ request: inout Request, limit: Int
  ) throws(HTTPError) -> RequestBody {
    var length: Int?
    if case .length(let count) = head.framing {
      guard count <= limit else { throw .bodyTooLarge(limit: limit) }
      length = count
    }
    let coding = request.headers["Content-Encoding"] ?? ""
    let isCompressed = equalIgnoringCase(coding, "gzip") || equalIgnoringCase(coding, "x-gzip")
    // What a handler reads is plain, and its length is not known beforehand.
    if isCompressed { request.headers["Content-Encoding"] = nil }
    let source = ConnectionBody(self, serial: exchanges, limit: limit, isCompressed: isCompressed)
    return RequestBody(contentLength: isCompressed ? nil : length, from: source)
  }

  /// Opens the exchange of a request.
  func open(_ arrival: Arrival) {
    exchange = OpenExchange(
      method: arrival.head.method, id: arrival.id, client: arrival.client, begun: loop.now,
      body: BodyDecoder(
        arrival.head.framing, limit: bodyLimit(arrival), limits: site.limits))
    exchange?.record.path = arrival.path
    exchange?.record.route = arrival.route.map { site.router.routes[$0].pattern }
    if let trace = arrival.head.headers.first("traceparent"), trace.isOnly,
      isTraceParent(trace.value)
    {
      exchange?.record.traceParent = trace.value
    }
    exchange?.owesContinue = arrival.head.expectsContinue
    exchange?.understandsInterim = arrival.head.minorVersion == 1
  }

  /// Answers one request.
  func serve(_ arrival: Arrival) async -> ConnectionPolicy.Next {
    open(arrival)
    let (response, closes) = await answer(arrival)
    return await conclude(response, to: arrival.head, closes: closes)
  }

  private func answer(_ arrival: Arrival) async -> (Response, closes: Bool) {
    do {
      let (request, match) = try arrival.found.get()
      return (try await dispatch(match, request), false)
    } catch {
      return refusal(of: error, arrival.id)
    }
  }

  /// Sends the response of the exchange that is open, and tells the observer.
  func conclude(
    _ response: Response, to head: RequestHead, closes: Bool
  ) async -> ConnectionPolicy.Next {
    var (response, closes) = (response, closes)
    let caller = response.caller
    // The handler is done with the body.
    exchange?.memory = nil
    do throws(HTTPError) {
      switch response.body {
      case .bytes(let bytes): try holdAtOnce(bytes.count)
      // One that is compressed on the way holds the compressor for as long as the client takes.
      case .stream where response.headers.contains("Content-Encoding"):
        try holdAtOnce(Gzip.memoryBytes)
      case .empty, .file, .stream, .events: break
      }
    } catch {
      (response, closes) = refusal(of: error, exchange?.record.requestID ?? "")
      response.caller = caller
    }
    let next = await respond(response, to: head, closes: closes)
    finishExchange(response)
    return next
  }

  /// Tells the observer of the exchange that is open, and forgets it with the memory that it holds.
  func finishExchange(_ response: Response) {
    defer { exchange = nil }
    guard let observer = site.configuration.observer, let exchange else { return }
    var record = exchange.record
    record.status = response.status
    record.caller = response.caller
    record.duration = .nanoseconds(Int64(loop.now - exchange.begun))
    record.bytesIn = exchange.body.decoded
    observer(record)
  }

  /// Answers a head that could not be taken.
  func refuse(_ error: HTTPError) async -> ConnectionPolicy.Next {
    policy.headRefused()
    exchanges += 1
    inbox = []
    var head = RequestHead()
    head.method = "GET"
    let id = site.requestID(Headers())
    exchange = OpenExchange(
      method: head.method, id: id, client: address, begun: loop.now)
    defer { exchange = nil }
    return await respond(site.refusal(error, id: id), to: head, closes: true)
  }

  /// The answer to what a handler or a check threw.
  func refusal(of error: any Error, _ id: String) -> (Response, closes: Bool) {
    if let error = error as? HTTPError { return (site.refusal(error, id: id), error.closes) }
    // Nobody reads the answer to a client that has left, and a handler that gave up for it did right: only the
    // observer sees the status.
    if isClosed { return (Response(status: Connection.clientLeft), true) }
    site.logger.error("handler failed: \(error)", metadata: ["request": "\(id)"])
    let failure = HTTPError(.internalError, "The server failed to answer; its log says why.")
    return (site.refusal(failure, id: id), false)
  }

  /// The status, which nginx has made known, of a request whose client left before its answer.
  private static let clientLeft = 499

  private func dispatch(_ match: Router.Match, _ request: Request) async throws -> Response {
    switch match {
    case .route(let index, _):
      let route = site.router.routes[index]
      if let handler = route.immediate { return try handler(request) }
      return try await watchingClient {
        try Compression.negotiate(try await route.handler(request), for: request)
      }
    case .files(let files, let allow):  // a disk may be slow
      return try await runElsewhere {
        let response: Response
        do throws(HTTPError) {
          response = try files.response(to: request)
        } catch {
          // A path that routes have for other methods does exist.
          throw error.status == 404 && !allow.isEmpty ? Connection.wrongMethod(allow: allow) : error
        }
        return try Compression.negotiate(response, for: request)
      }
    // Addresses in the page are relative to the folder.
    case .folder: return Response(status: 308, headers: ["Location": "/"])
    case .options(let allow): return Response(status: 204, headers: ["Allow": allow])
    case .wrongMethod(let allow): throw Connection.wrongMethod(allow: allow)
    case .notFound: throw HTTPError.notFound
    }
  }

  private static func wrongMethod(allow: String) -> HTTPError {
    HTTPError(
      .methodNotAllowed, "This path does not take that method; it takes \(allow).",
      headers: ["Allow": allow])
  }

  // MARK: Clients that leave

  /// Runs a handler, which is cancelled when the client is found to have left.
  private func watchingClient(
    _ work: @Sendable () async throws -> Response
  ) async throws -> Response {
    exchange?.isHandled = true
    defer { exchange?.isHandled = false }
    if peerClosed { watchForDeparture() }
    return try await runElsewhere(work)
  }

  /// Begins to ask a client that has ended its side whether it still waits.
  ///
  /// The end of the client's side tells two things apart from each other by nothing: a client that has sent all it had
  /// and waits for the answer, and one that is gone. A gone client's system answers bytes with a reset, which ends
  /// the connection and cancels the handler; a waiting client has to skip interim responses (RFC 9110 section 15.2).
  /// HTTP/1.0 has none: such a client is found out only when it is answered.
  func watchForDeparture() {
    guard exchange?.isHandled == true, exchange?.understandsInterim == true else { return }
    ask(exchanges, after: site.limits.departureProbe)
  }

  private func ask(_ serial: Int, after pause: Duration) {
    loop.after(pause) { [self] in
      guard serial == exchanges, exchange?.isHandled == true, !isClosed else { return }
      sendProcessing()
      ask(serial, after: pause * 2)
    }
  }

  /// Sends an interim response if nothing else is being sent, without waiting.
  private func sendProcessing() {
    guard !sending, outgoing.isEmpty else { return }
    let head = ResponseEncoder.processingHead
    if let tls {
      _ = tls.write(head[...])
      return flushEncrypted(tls)
    }
    let count = sendOnce(head.span)
    // The rest of what was begun has to come before the response.
    if count > 0 { outgoing += head[count...] }
  }
}

/// Runs what may wait or compute on the global pool, so that the loop's thread stays free.
///
/// The check at the start is also what makes Swift 6.3 leave the loop at all: with nothing but the call in it, the
/// hop is optimised away and the work runs on its caller's executor.
@concurrent
func runElsewhere<Result: Sendable>(
  _ work: @Sendable () async throws -> Result
) async throws -> Result {
  try await withTaskExecutorPreference(globalConcurrentExecutor) {
    try Task.checkCancellation()
    return try await work()
  }
}
