internal import CSystem
internal import Logging

extension Connection {
  /// Sends a response.
  ///
  /// - Returns: what becomes of the connection.
  func respond(
    _ response: Response, to head: RequestHead, closes: Bool
  ) async -> ConnectionPolicy.Next {
    let persists = policy.mayPersist && !closes && mayKeepAfterBody()
    var encoded: [UInt8] = []
    let framing = encode(
      response, for: head, id: exchange?.record.requestID ?? "", persists: persists, into: &encoded)
    exchange?.framing = framing
    do {
      let hasBody = head.method != "HEAD" && framing != .none
      try await send(encoded, hasBody ? response.body : .empty)
    } catch {
      abort()
    }
    guard !isClosed else { return .close }
    let staysOpen = persists && framing != .untilClose
    var consumed = exchange?.body.isFinished ?? true
    if staysOpen, !consumed { consumed = await discardBody() }
    exchange?.framing = .none
    exchanges += 1  // a body or writer kept by a handler is out of turn from here on
    return policy.responseFinished(persisting: staysOpen, bodyConsumed: consumed, loop.now)
  }

  /// Appends the head of a response; returns how its body is framed.
  func encode(
    _ response: Response, for head: RequestHead, id: String, persists: Bool, into out: inout [UInt8]
  ) -> ResponseEncoder.Framing {
    let framing = ResponseEncoder.framing(
      response.body.length, status: response.status, minorVersion: head.minorVersion)
    out.reserveCapacity(out.count + 768)
    var headers = response.headers
    if !site.origins.isEmpty {
      let more = site.origins.fields(
        for: head, status: response.status, allow: headers["Allow"])
      for field in more { headers.append(field.name, field.value) }
      // Some readers heed the first line of a list alone.
      headers.set("Vary", listMembers(headers, "Vary").joined(separator: ", "))
    }
    site.encoder.encode(
      status: response.status, headers: headers, framing: framing,
      persists: persists && framing != .untilClose, minorVersion: head.minorVersion,
      date: loop.date, requestID: id, into: &out)
    return framing
  }

  /// Up to here a file is read into memory, in bytes, and leaves in one write with its head.
  static let smallBody = 32 * 1024

  /// Whether the rest of the request's body, if any, is small enough to be skipped.
  private func mayKeepAfterBody() -> Bool {
    guard let open = exchange else { return false }
    if open.bodyFailed { return false }
    if open.body.isFinished { return true }
    if open.owesContinue { return false }
    var ignored: [UInt8] = []
    do throws(HTTPError) { try decodeInbox(into: &ignored) } catch { return false }
    return exchange?.body.remaining.map { $0 <= site.limits.discardBytes } ?? false
  }

  private func send(_ head: [UInt8], _ body: Response.Body) async throws {
    let serial = exchanges
    let writer = ResponseWriter { [self] bytes in try await writeBody(bytes, serial) }
    switch body {
    case .empty: try await transmit(head)
    case .bytes(let bytes): try await transmit(head, bytes)
    case .file(let file, let range) where range.count <= Connection.smallBody:
      let bytes = try file.read(at: range.lowerBound, count: range.count)
      guard bytes.count == range.count else { throw CancellationError() }
      try await transmit(head, bytes)
    case .file(let file, let range) where tls != nil:
      try await transmit(head)
      try await copy(file, range)
    case .file(let file, let range):
      try await transmit(head, more: true)
      try await transmit(file, range)
    case .stream(let write):
      try await transmit(head)
      try await runElsewhere { try await write(writer) }
      try await finishStream()
    case .events(let write):
      try await transmit(head)
      try await runEvents(write, writer)
      try await finishStream()
    }
  }

  /// An event stream ends cleanly when the server drains; any other failure breaks the connection off.
  private func runEvents(
    _ write: @escaping @Sendable (ResponseWriter) async throws -> Void, _ writer: ResponseWriter
  ) async throws {
    let task = Task { try await runElsewhere { try await write(writer) } }
    events = task
    if policy.isDraining { task.cancel() }
    defer { events = nil }
    do {
      try await task.value
    } catch  where policy.isDraining && !isClosed {
      return
    }
  }

  private func finishStream() async throws {
    if exchange?.framing == .chunked { try await transmit(ResponseEncoder.lastChunk) }
  }

  /// Sends a run of a streamed body for exchange `serial`.
  private func writeBody(_ bytes: [UInt8], _ serial: Int) async throws {
    guard serial == exchanges, let framing = exchange?.framing, !isClosed else {
      throw CancellationError()
    }
    try await transmit(framing == .chunked ? ResponseEncoder.chunk(bytes) : bytes)
  }

  // MARK: Bytes

  /// Sends one or two runs of bytes, in one segment where they fit, at the client's pace; `more` says that others
  /// follow at once.
  ///
  /// - Throws: `CancellationError` when the client is gone or too slow.
  func transmit(_ first: [UInt8], _ second: [UInt8] = [], more: Bool = false) async throws {
    await takeSendTurn()
    defer { endSendTurn() }
    try await sendOutgoing()
    if let tls {
      try await transmitSecurely(tls, first, isLast: second.isEmpty)
      return try await transmitSecurely(tls, second, isLast: true)
    }
    let total = first.count + second.count
    var sent = 0
    while sent < total {
      sent += try await judge(sendOnce(first.span, second.span, after: sent, more: more))
    }
  }

  /// Sends what the kernel did not take before.
  func sendOutgoing() async throws {
    while !outgoing.isEmpty {
      outgoing.removeFirst(try await judge(sendOnce(outgoing.span)))
    }
  }

  /// Sends once, without waiting: what comes after the first `sent` bytes of both runs.
  ///
  /// - Returns: how many bytes the kernel took, or a negative error.
  func sendOnce(
    _ first: Span<UInt8>, _ second: Span<UInt8> = Span(), after sent: Int = 0, more: Bool = false
  ) -> Int {
    isClosed ? -1 : Connection.send(descriptor, first, second, after: sent, more: more)
  }

  static func send(
    _ descriptor: Int32, _ first: Span<UInt8>, _ second: Span<UInt8> = Span(), after sent: Int = 0,
    more: Bool = false
  ) -> Int {
    unsafe first.withUnsafeBytes { head in
      unsafe second.withUnsafeBytes { tail in
        let inHead = min(sent, head.count)
        let inTail = sent - inHead
        return unsafe byol_send2(
          descriptor, head.baseAddress.map { unsafe $0 + inHead }, head.count - inHead,
          tail.baseAddress.map { unsafe $0 + inTail }, tail.count - inTail, more ? 1 : 0)
      }
    }
  }

  /// Sends a part of a file through memory, where TLS has to encrypt it.
  private func copy(_ file: OpenFile, _ range: Range<Int>) async throws {
    var offset = range.lowerBound
    while offset < range.upperBound {
      let bytes = try file.read(at: offset, count: min(64 * 1024, range.upperBound - offset))
      guard !bytes.isEmpty else { throw CancellationError() }
      offset += bytes.count
      try await transmit(bytes)
      await Task.yield()
    }
  }

  /// Sends a part of a file from the kernel's cache.
  private func transmit(_ file: OpenFile, _ range: Range<Int>) async throws {
    await takeSendTurn()
    defer { endSendTurn() }
    var offset = Int64(range.lowerBound)
    while offset < range.upperBound {
      let count = min(range.upperBound - Int(offset), 256 * 1024)
      let sent = isClosed ? -1 : unsafe byol_send_file(descriptor, file.descriptor, &offset, count)
      // A file that became shorter cannot keep the length that was promised.
      if sent == 0 { throw CancellationError() }
      _ = try await judge(sent)
      await Task.yield()
    }
  }

  /// Bytes taken by the kernel, after waiting when it takes none.
  func judge(_ result: Int) async throws -> Int {
    if result > 0 {
      exchange?.record.bytesOut += result
      policy.kernelTook(bytes: result, loop.now)
      return result
    }
    guard result == -11, !isClosed else { throw CancellationError() }  // EAGAIN
    writable = false
    policy.waitsForClientToTake(
      unacknowledged: Int(byol_unacknowledged(descriptor)), loop.now)
    await waitWritable()
    return 0
  }

  /// Writers of one connection take turns, so that their bytes never mix.
  private func takeSendTurn() async {
    while sending {
      await withCheckedContinuation { turn in
        if sending { sendTurns.append(turn) } else { turn.resume() }
      }
    }
    sending = true
  }

  private func endSendTurn() {
    sending = false
    let waiting = sendTurns
    sendTurns = []
    for turn in waiting { turn.resume() }
  }
}
