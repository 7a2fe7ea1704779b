internal import Logging

/// The state of the one request under way.
struct OpenExchange {
  /// Decodes the body.
  var body = BodyDecoder()
  /// Whether `100 Continue` is still to be sent before the body can come.
  var owesContinue = false
  /// Whether a reader is suspended.
  var isReading = false
  /// The client was too slow.
  var bodyTimedOut = false
  /// The body broke a rule or ended early: no byte after it can be trusted.
  var bodyFailed = false
  /// The framing of the response whose body is being written.
  var framing = ResponseEncoder.Framing.none
  /// Bytes sent, head included.
  var bytesOut = 0
}

extension Connection {
  /// Answers one request.
  func serve(_ head: RequestHead) async -> ConnectionPolicy.Next {
    policy.headFinished(persists: head.persists)
    let begun = loop.now
    exchanges += 1
    var record = record(of: head, service.requestID(head.headers), clientAddress(head))
    let (response, closes) = await answer(head, &record)
    let next = await respond(response, to: head, id: record.requestID, closes: closes)
    observe(record, status: response.status, begun: begun)
    return next
  }

  /// Who sent a request, as far as trusted proxies tell.
  private func clientAddress(_ head: RequestHead) -> String {
    service.configuration.proxies.client(peer: address, headers: head.headers)
  }

  func record(of head: RequestHead, _ id: String, _ client: String) -> Exchange {
    Exchange(
      method: head.method, route: nil, path: "", status: 0, duration: .zero, bytesIn: 0,
      bytesOut: 0, remoteAddress: client, requestID: id)
  }

  /// Tells the observer of an answered request.
  func observe(_ record: Exchange, status: Int, begun: UInt64) {
    guard let observer = service.configuration.observer else { return }
    var record = record
    record.status = status
    record.duration = .nanoseconds(Int64(loop.now - begun))
    record.bytesIn = exchange?.body.decoded ?? 0
    record.bytesOut = exchange?.bytesOut ?? 0
    observer(record)
  }

  /// Answers a head that could not be taken.
  func refuse(_ error: HTTPError) async -> ConnectionPolicy.Next {
    policy.headRefused()
    exchanges += 1
    exchange = nil
    var head = RequestHead()
    head.method = "GET"
    let id = service.requestID(Headers())
    inbox = []
    return await respond(service.refusal(error, id: id), to: head, id: id, closes: true)
  }

  private func answer(
    _ head: RequestHead, _ record: inout Exchange
  ) async -> (Response, closes: Bool) {
    do {
      // Until a route is known, the body is only measured so that it can be skipped.
      exchange = OpenExchange(
        body: try BodyDecoder(head.framing, limit: .max, limits: service.limits),
        owesContinue: head.expectsContinue)
      let request = try request(
        head, id: record.requestID, client: record.remoteAddress, body: body(of: head))
      record.path = request.path
      let admission = try service.admit(head, request)
      if case .route(let route, _) = admission.match {
        record.route = route.pattern
        exchange?.body = try BodyDecoder(
          head.framing, limit: admission.bodyLimit, limits: service.limits)
      }
      return (try await dispatch(admission), false)
    } catch {
      return refusal(of: error, record.requestID)
    }
  }

  private func request(
    _ head: RequestHead, id: String, client: String, body: RequestBody
  ) throws(HTTPError) -> Request {
    if head.authority != servedHost {
      try service.checkHost(head.authority)
      servedHost = head.authority
    }
    return try service.request(head, id: id, address: client, body: body)
  }

  /// Everything that is judged before a handler runs.
  func admit(_ head: RequestHead, body: RequestBody) throws -> Service.Admission {
    let id = service.requestID(head.headers)
    return try service.admit(
      head, request(head, id: id, client: clientAddress(head), body: body))
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

  private func dispatch(_ admission: Service.Admission) async throws -> Response {
    switch admission.match {
    case .route(let route, _):
      if let handler = route.immediate { return try handler(admission.request) }
      return try await runElsewhere(route.handler, admission.request)
    case .files(let files): return try await respondWithFile(files, admission.request)
    case .options(let allow): return Response(status: 204, headers: ["Allow": allow])
    case .wrongMethod(let allow):
      throw HTTPError(
        status: 405, code: "method_not_allowed", detail: "This path does not take that method.",
        headers: ["Allow": allow])
    case .notFound: throw HTTPError.notFound
    }
  }
}

/// Runs a handler on the global pool, so that the loop's thread stays free.
///
/// The check at the start is also what makes Swift 6.3 leave the loop at all: with nothing but the call in it, the
/// hop is optimised away and the handler runs on its caller's executor.
@concurrent
private func runElsewhere(
  _ handler: Route.Handler, _ request: Request
) async throws -> Response {
  try await withTaskExecutorPreference(globalConcurrentExecutor) {
    try Task.checkCancellation()
    return try Compression.negotiate(try await handler(request), for: request)
  }
}

/// Opens a file on the global pool: a disk may be slow.
@concurrent
private func respondWithFile(_ files: StaticFiles, _ request: Request) async throws -> Response {
  try await withTaskExecutorPreference(globalConcurrentExecutor) {
    try Compression.negotiate(try files.response(to: request), for: request)
  }
}
