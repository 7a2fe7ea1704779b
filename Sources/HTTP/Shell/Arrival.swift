/// A request whose head is complete, with what was found for it: made once, whoever answers.
struct Arrival {
  let head: RequestHead
  let id: String
  /// The address of the client, as trusted proxies tell of it.
  let client: String
  /// The decoded path; empty where it is not well formed.
  var path = ""
  /// The place of the route in the router's list, where there is one.
  var route: Int?
  /// The request and where it goes, or why it goes nowhere.
  var found: Result<(request: Request, match: Router.Match), HTTPError> = .failure(.notFound)

  /// The handler that answers within the loop's turn, if the route has one and no body has to be read first.
  func immediateHandler(_ router: Router) -> (Route.ImmediateHandler, Request)? {
    guard head.framing == .none, case .success(let found) = found,
      case .route(let index, _) = found.match, let handler = router.routes[index].immediate
    else { return nil }
    return (handler, found.request)
  }
}

/// The state of the one request under way.
struct OpenExchange {
  /// What the observer is told in the end.
  var record: Exchange
  /// When the head was complete.
  let begun: UInt64
  /// Takes the framing off the body.
  var body: BodyDecoder
  /// The share of the memory for bodies that this exchange holds, if any.
  var memory: MemoryHold?
  /// Whether `100 Continue` is still to be sent before the body can come.
  var owesContinue = false
  /// Most bytes of the body to receive at once: more as long as the client fills it.
  var chunkBytes = 16 * 1024
  /// Whether a reader is suspended.
  var isReading = false
  /// Whether a handler is at work on the answer.
  var isHandled = false
  /// Whether the client speaks HTTP/1.1, so that it understands interim responses.
  var understandsInterim = false
  /// Why the body that a handler waits for is given up.
  var bodyFault: HTTPError?
  /// The body broke a rule or ended early: no byte after it can be trusted.
  var bodyFailed = false
  /// The framing of the response whose body is being written.
  var framing = ResponseEncoder.Framing.none

  init(
    method: String, id: String, client: String, begun: UInt64, body: BodyDecoder = BodyDecoder()
  ) {
    record = Exchange(
      method: method, route: nil, path: "", status: 0, duration: .zero, bytesIn: 0, bytesOut: 0,
      remoteAddress: client, requestID: id)
    self.begun = begun
    self.body = body
  }
}
