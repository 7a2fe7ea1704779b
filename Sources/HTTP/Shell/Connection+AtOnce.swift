internal import CSystem

/// An answer that is made and that the connection's task sends.
struct PreparedAnswer {
  var head: RequestHead
  var response: Response
  var closes: Bool
  var record: Exchange
  var begun: UInt64
  /// What the kernel has not taken of an answer whose sending has begun.
  var unsent: [UInt8] = []
}

// The short way: a request without a body, for a route that answers without waiting, is read, answered and sent within
// the loop's turn while the connection's task sleeps on. What does not fit wakes the task, which takes the long way.
extension Connection {
  /// Receives, and answers if that can be done at once.
  ///
  /// - Returns: whether the task may sleep on.
  func answerAtOnce() -> Bool {
    guard awaitsHead, tls == nil, inbox.isEmpty else { return false }
    switch receive() {
    case .wouldBlock, .failed: return true
    case .end: return false
    case .bytes(let count):
      var parser = HeadParser(limits: service.limits)
      var position = 0
      guard let head = try? unsafe parser.parse(scratch(count).span, at: &position),
        head.framing == .none, let admission = try? admit(head, body: RequestBody([])),
        case .route(let route, _) = admission.match, let handler = route.immediate
      else {
        // The long way finds the same, and says what was wrong.
        keep(0..<count)
        return false
      }
      keep(position..<count)
      guard answer(head, admission.request, route, handler) else { return false }
      // More may be here already, the client's end too: no new event would tell of it.
      return isClosed || (inbox.isEmpty && !readable)
    }
  }

  private func answer(
    _ head: RequestHead, _ request: Request, _ route: Route, _ handler: Route.ImmediateHandler
  ) -> Bool {
    policy.headFinished(persists: head.persists)
    exchanges += 1
    exchange = OpenExchange()
    let begun = loop.now
    var response: Response
    var closes = false
    do {
      response = try handler(request)
    } catch {
      (response, closes) = refusal(of: error, request.id)
    }
    let persists = policy.mayPersist
    var unsent: [UInt8] = []
    if persists || !head.persists, !closes, writable, !sending,
      let body = smallBody(response.body, head.method)
    {
      let encoded = encode(response, for: head, id: request.id, persists: persists)
      let sent = sendRest(encoded, body, 0)
      guard sent > 0 || sent == -11 else {
        abort()
        return true
      }
      exchange?.bytesOut += max(0, sent)
      if sent == encoded.count + body.count {
        observeAtOnce(head, request, route, response.status, begun)
        finish(persists: persists)
        return true
      }
      unsent = Array((encoded + body).dropFirst(max(0, sent)))
    }
    var record = record(of: head, request.id, request.remoteAddress)
    (record.path, record.route) = (request.path, route.pattern)
    prepared = PreparedAnswer(
      head: head, response: response, closes: closes, record: record, begun: begun, unsent: unsent)
    return false
  }

  private func observeAtOnce(
    _ head: RequestHead, _ request: Request, _ route: Route, _ status: Int, _ begun: UInt64
  ) {
    guard service.configuration.observer != nil else { return }
    var record = record(of: head, request.id, request.remoteAddress)
    (record.path, record.route) = (request.path, route.pattern)
    observe(record, status: status, begun: begun)
  }

  private func smallBody(_ body: Response.Body, _ method: String) -> [UInt8]? {
    switch body {
    case .empty: return []
    case .bytes(let bytes): return method == "HEAD" ? [] : bytes
    case .file(let file, let range):
      guard range.count <= Connection.smallFile else { return nil }
      if method == "HEAD" { return [] }
      let bytes = try? file.read(at: range.lowerBound, count: range.count)
      return bytes?.count == range.count ? bytes : nil
    case .stream, .events: return nil
    }
  }

  private func finish(persists: Bool) {
    exchanges += 1
    let next = policy.responseFinished(persisting: persists, bodyConsumed: true, loop.now)
    noteDeadline()
    // A client that asked for the end has nothing more to say.
    if next == .close { close() }
  }

  /// Sends what was prepared, the long way.
  func deliver(_ prepared: PreparedAnswer) async -> ConnectionPolicy.Next {
    if prepared.unsent.isEmpty {
      let next = await respond(
        prepared.response, to: prepared.head, id: prepared.record.requestID,
        closes: prepared.closes)
      observe(prepared.record, status: prepared.response.status, begun: prepared.begun)
      return next
    }
    do { try await transmit(prepared.unsent) } catch { abort() }
    guard !isClosed else { return .close }
    exchanges += 1
    observe(prepared.record, status: prepared.response.status, begun: prepared.begun)
    return policy.responseFinished(
      persisting: policy.mayPersist, bodyConsumed: true, loop.now)
  }
}
