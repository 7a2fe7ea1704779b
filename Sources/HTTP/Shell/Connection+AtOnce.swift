/// What the short way has begun and the connection's task ends.
enum Unfinished {
  /// A response that is too large, or streamed, or the last one before the server closes.
  case response(Response, to: RequestHead, closes: Bool)
  /// Answers in `outgoing`, of which the kernel has not taken all.
  case sending(persists: Bool)
}

// The short way: requests without a body, for routes that answer without waiting, are read, answered and put into the
// loop's outbox while the connection's task sleeps on. What does not fit wakes the task, which takes the long way.
extension Connection {
  /// Receives, and answers what can be answered at once.
  ///
  /// - Returns: whether the task may sleep on.
  func answerAtOnce() -> Bool {
    guard awaitsHead, inbox.isEmpty, outgoing.isEmpty, !sending else { return false }
    switch receive() {
    case .wouldBlock, .failed: return true
    case .end: return false
    case .bytes(let count):
      let start = loop.outbox.bytes.count
      var position = 0
      var persists = true
      while persists, position < count, !loop.outbox.isFull {
        guard let answered = answerNext(&position, before: count) else { break }
        persists = answered
      }
      keep(position..<count)
      if loop.outbox.bytes.count > start {
        if let tls { encipherOutbox(tls, from: start, isLast: !persists) }
        let range = start..<loop.outbox.bytes.count
        loop.outbox.parcels.append(
          Outbox.Parcel(
            token: token, descriptor: descriptor, range: range, persists: persists))
      }
      // More may be here already, the client's end too: no new event would tell of it.
      return !persists
        || unfinished == nil && inbox.isEmpty && !readable && tls?.holdsMore != true
    }
  }

  /// Answers the request that begins at `position` of the scratch buffer, which moves past it.
  ///
  /// - Returns: whether the connection goes on, or nil when the task has to take the request, or its response.
  private func answerNext(_ position: inout Int, before end: Int) -> Bool? {
    var parser = HeadParser(limits: service.limits)
    var next = position
    // The long way finds the same faults, and says what was wrong.
    guard let head = try? unsafe parser.parse(scratch(end).span, at: &next), head.framing == .none,
      var request = try? request(
        head, id: service.requestID(head.headers), body: RequestBody([])),
      case .route(let index, _) = try? service.admit(head, &request),
      let handler = service.router.routes[index].immediate
    else { return nil }
    position = next
    policy.headFinished(persists: head.persists)
    exchanges += 1
    var response: Response
    var closes = false
    do {
      response = try handler(request)
    } catch {
      (response, closes) = refusal(of: error, request.id)
    }
    let persists = policy.mayPersist
    let start = loop.outbox.bytes.count
    // A server that closes first has to linger: that takes time.
    let isIn =
      (persists || !head.persists) && !closes
      && put(response, for: head, id: request.id, persists: persists)
    if isIn {
      // The deadline that is noted comes before the next one.
      _ = policy.responseFinished(persisting: persists, bodyConsumed: true, loop.now)
      if service.configuration.observer == nil { return persists }
    }
    exchange = OpenExchange(
      method: head.method, id: request.id, client: request.remoteAddress, begun: loop.now)
    exchange?.record.path = request.path
    exchange?.record.route = service.router.routes[index].pattern
    if isIn {
      exchange?.record.bytesOut = loop.outbox.bytes.count - start
      observe(status: response.status)
      exchange = nil
      return persists
    }
    loop.outbox.bytes.removeSubrange(start...)
    unfinished = .response(response, to: head, closes: closes)
    return nil
  }

  /// Puts a response into the outbox; whether it is small and all there. If not, what was put there is void.
  private func put(_ response: Response, for head: RequestHead, id: String, persists: Bool) -> Bool
  {
    guard let length = response.body.length, length <= Connection.smallBody else { return false }
    let framing = encode(
      response, for: head, id: id, persists: persists, into: &loop.outbox.bytes)
    if head.method == "HEAD" || framing == .none { return true }
    switch response.body {
    case .bytes(let bytes): loop.outbox.bytes += bytes
    case .file(let file, let range):
      let end = loop.outbox.bytes.count + length
      return (try? file.append(range, to: &loop.outbox.bytes)) != nil
        && loop.outbox.bytes.count == end
    default: break
    }
    return true
  }

  /// Learns that the kernel took `count` bytes of its part of the outbox: not all, or it was to close after them.
  func sent(_ count: Int, leaving rest: [UInt8], persists: Bool) {
    guard count > 0 || count == -11 else { return abort() }  // EAGAIN
    if rest.isEmpty {
      discardUnread()
      return close()
    }
    outgoing += rest
    policy.responseStalled(loop.now)
    if unfinished == nil { unfinished = .sending(persists: persists) }
    resumeReader()
  }

  /// Brings to its end, at the client's pace, what was begun.
  func finish(_ begun: Unfinished) async -> ConnectionPolicy.Next {
    switch begun {
    case .response(let response, let head, let closes):
      return await conclude(response, to: head, closes: closes)
    case .sending(let persists):
      do { try await transmit([]) } catch { abort() }
      guard !isClosed else { return .close }
      return policy.responseFinished(persisting: persists, bodyConsumed: true, loop.now)
    }
  }
}
