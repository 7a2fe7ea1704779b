internal import Logging

/// The state of the one request under way.
struct OpenExchange {
  /// What the observer is told in the end.
  var record: Exchange
  /// When the head was complete.
  let begun: UInt64
  /// Decodes the body.
  var body = BodyDecoder()
  /// Whether `100 Continue` is still to be sent before the body can come.
  var owesContinue = false
  /// Most bytes of the body to receive at once: more as long as the client fills it.
  var chunkBytes = 16 * 1024
  /// Whether a reader is suspended.
  var isReading = false
  /// The client was too slow.
  var bodyTimedOut = false
  /// The body broke a rule or ended early: no byte after it can be trusted.
  var bodyFailed = false
  /// The framing of the response whose body is being written.
  var framing = ResponseEncoder.Framing.none

  init(method: String, id: String, client: String, begun: UInt64) {
    record = Exchange(
      method: method, route: nil, path: "", status: 0, duration: .zero, bytesIn: 0, bytesOut: 0,
      remoteAddress: client, requestID: id)
    self.begun = begun
  }
}

extension Connection {
  /// Answers one request.
  func serve(_ head: RequestHead) async -> ConnectionPolicy.Next {
    policy.headFinished(persists: head.persists)
    exchanges += 1
    exchange = OpenExchange(
      method: head.method, id: service.requestID(head.headers), client: clientAddress(head),
      begun: loop.now)
    let (response, closes) = await answer(head)
    return await conclude(response, to: head, closes: closes)
  }

  /// Sends the response of the exchange that is open, and tells the observer.
  func conclude(
    _ response: Response, to head: RequestHead, closes: Bool
  ) async -> ConnectionPolicy.Next {
    let next = await respond(response, to: head, closes: closes)
    observe(status: response.status)
    return next
  }

  /// Answers a head that could not be taken.
  func refuse(_ error: HTTPError) async -> ConnectionPolicy.Next {
    policy.headRefused()
    exchanges += 1
    inbox = []
    var head = RequestHead()
    head.method = "GET"
    let id = service.requestID(Headers())
    exchange = OpenExchange(method: head.method, id: id, client: address, begun: loop.now)
    return await respond(service.refusal(error, id: id), to: head, closes: true)
  }

  /// Tells the observer of the exchange that is open.
  func observe(status: Int) {
    guard let observer = service.configuration.observer, let exchange else { return }
    var record = exchange.record
    record.status = status
    record.duration = .nanoseconds(Int64(loop.now - exchange.begun))
    record.bytesIn = exchange.body.decoded
    observer(record)
  }

  private func answer(_ head: RequestHead) async -> (Response, closes: Bool) {
    let id = exchange?.record.requestID ?? ""
    do {
      // Until a route is known, the body is only measured so that it can be skipped.
      exchange?.body = try BodyDecoder(head.framing, limit: .max, limits: service.limits)
      exchange?.owesContinue = head.expectsContinue
      var request = try request(head, id: id, body: body(of: head))
      exchange?.record.path = request.path
      let match = try service.admit(head, &request)
      if case .route(let index, _) = match {
        let route = service.router.routes[index]
        exchange?.record.route = route.pattern
        exchange?.body = try BodyDecoder(
          head.framing, limit: route.bodyLimit ?? service.limits.bodyBytes, limits: service.limits)
      }
      return (try await dispatch(match, request), false)
    } catch {
      return refusal(of: error, id)
    }
  }

  /// The request of a head, on behalf of the client that trusted proxies tell of.
  func request(_ head: RequestHead, id: String, body: RequestBody) throws(HTTPError) -> Request {
    if head.authority != servedHost {
      try service.checkHost(head.authority)
      servedHost = head.authority
    }
    return try service.request(head, id: id, address: clientAddress(head), body: body)
  }

  private func clientAddress(_ head: RequestHead) -> String {
    service.configuration.proxies.client(peer: address, headers: head.headers)
  }

  /// The answer to what a handler or a check threw.
  func refusal(of error: any Error, _ id: String) -> (Response, closes: Bool) {
    if let error = error as? HTTPError { return (service.refusal(error, id: id), error.closes) }
    if !isClosed {
      service.logger.error("handler failed: \(error)", metadata: ["request": "\(id)"])
    }
    let failure = HTTPError(
      status: 500, code: "internal", detail: "The server failed to answer; its log says why.")
    return (service.refusal(failure, id: id), false)
  }

  private func body(of head: RequestHead) -> RequestBody {
    let length: Int?
    switch head.framing {
    case .none: return RequestBody([])
    case .length(let count): length = count
    case .chunked: length = nil
    }
    let serial = exchanges
    return RequestBody(contentLength: length) { [self] in try await nextBody(serial) }
  }

  private func dispatch(_ match: Router.Match, _ request: Request) async throws -> Response {
    switch match {
    case .route(let index, _):
      let route = service.router.routes[index]
      if let handler = route.immediate { return try handler(request) }
      return try await runElsewhere {
        try Compression.negotiate(try await route.handler(request), for: request)
      }
    case .files(let files):  // a disk may be slow
      return try await runElsewhere {
        try Compression.negotiate(try files.response(to: request), for: request)
      }
    case .options(let allow): return Response(status: 204, headers: ["Allow": allow])
    case .wrongMethod(let allow):
      throw HTTPError(
        status: 405, code: "method_not_allowed", detail: "This path does not take that method.",
        headers: ["Allow": allow])
    case .notFound: throw HTTPError.notFound
    }
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
