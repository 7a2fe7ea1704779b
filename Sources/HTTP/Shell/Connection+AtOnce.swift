internal import CSystem

/// What the loop's turn has begun and the connection's task goes on with.
enum Unfinished {
  /// A request that cannot be answered within the turn.
  case arrival(Arrival)
  /// A head that is refused.
  case refused(HTTPError)
  /// A response that is too large, or streamed, or the last one before the server closes.
  case response(Response, to: RequestHead, closes: Bool)
  /// Answers in `outgoing`, of which the kernel has not taken all.
  case sending(persists: Bool)
}

// Requests without a body, for routes that answer without waiting, are read, answered and put into the loop's outbox
// within the loop's turn, while the connection has no task or its task sleeps on. A request that this does not fit is
// handed to the task as far as it has come: nothing is parsed or looked up twice.
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
      // A client that sends requests and reads no answers may not make us hold more than this of them.
      while persists, position < count, loop.outbox.bytes.count - start < Connection.mostUnsent {
        guard let answered = answerNext(&position, before: count) else { break }
        persists = answered
      }
      keep(position..<count)
      if loop.outbox.bytes.count > start {
        if let tls { encryptOutbox(tls, from: start, isLast: !persists) }
        let range = start..<loop.outbox.bytes.count
        loop.outbox.parcels.append(
          Outbox.Parcel(
            token: token, descriptor: descriptor, range: range, persists: persists))
      }
      // More may be here already, the client's end too: no new event would tell of it.
      return !persists
        || unfinished == nil && begunHead == nil && inbox.isEmpty && !readable
          && tls?.holdsMore != true
    }
  }

  /// Most bytes of answers that wait for a client's kernel before its next request is read.
  static let mostUnsent = 64 * 1024

  /// Answers the request that begins at `position` of the scratch buffer, which moves past its head.
  ///
  /// - Returns: whether the connection goes on, or nil when the task has to go on with the request, or its response.
  private func answerNext(_ position: inout Int, before end: Int) -> Bool? {
    var parser = HeadParser(limits: site.limits)
    let arrival: Arrival
    do throws(HTTPError) {
      guard let head = try unsafe parser.parse(scratch(end).span, at: &position) else {
        policy.headProgressed(loop.now)
        begunHead = parser
        return nil
      }
      arrival = arrive(head)
    } catch {
      unfinished = .refused(error)
      return nil
    }
    guard let handler = arrival.immediateHandler(site.router) else {
      unfinished = .arrival(arrival)
      return nil
    }
    let (response, closes) = answer(arrival, with: handler)
    let persists = policy.mayPersist
    let start = loop.outbox.bytes.count
    // A server that closes first has to linger: that takes time.
    let isIn =
      (persists || !arrival.head.persists) && !closes
      && put(response, for: arrival.head, id: arrival.id, persists: persists)
    if isIn {
      // The deadline that is noted comes before the next one.
      _ = policy.responseFinished(persisting: persists, bodyConsumed: true, loop.now)
      loop.connectionBecameIdle()
      if site.configuration.observer == nil { return persists }
    }
    open(arrival)
    if isIn {
      exchange?.record.bytesOut = loop.outbox.bytes.count - start
      finishExchange(response)
      return persists
    }
    loop.outbox.bytes.removeSubrange(start...)
    unfinished = .response(response, to: arrival.head, closes: closes)
    return nil
  }

  private func answer(
    _ arrival: Arrival, with handler: (Route.ImmediateHandler, Request)
  ) -> (Response, closes: Bool) {
    do {
      return (try handler.0(handler.1), false)
    } catch {
      return refusal(of: error, arrival.id)
    }
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
    policy.responseStalled(unacknowledged: Int(byol_unacknowledged(descriptor)), loop.now)
    if unfinished == nil { unfinished = .sending(persists: persists) }
    resumeReader()
  }

  /// Brings to its end, at the client's pace, what was begun.
  func finish(_ begun: Unfinished) async -> ConnectionPolicy.Next {
    switch begun {
    case .arrival(let arrival): return await serve(arrival)
    case .refused(let error): return await refuse(error)
    case .response(let response, let head, let closes):
      return await conclude(response, to: head, closes: closes)
    case .sending(let persists):
      do { try await transmit([]) } catch { abort() }
      guard !isClosed else { return .close }
      return policy.responseFinished(persisting: persists, bodyConsumed: true, loop.now)
    }
  }
}
