internal import CSystem

extension Connection {
  /// What one attempt to receive brought.
  enum Received {
    /// That many bytes lie in the loop's scratch buffer until the next suspension.
    case bytes(Int)
    case wouldBlock
    case end
    case failed
  }

  /// Receives once, without waiting.
  func receive() -> Received {
    if let tls { return receiveSecurely(tls) }
    return unsafe receiveRaw(into: loop.scratch)
  }

  /// Receives once what the socket has, encrypted or not.
  func receiveRaw(into buffer: UnsafeMutableRawBufferPointer) -> Received {
    guard !isClosed else { return .failed }
    guard readable else { return .wouldBlock }
    let capacity = buffer.count
    let count = unsafe byol_receive(descriptor, buffer.baseAddress, capacity)
    if count > 0 {
      // A short read has emptied the socket, and new bytes will make a new edge. But if the peer's end was seen already,
      // no edge will come for it: then the flag stays, so that the next receive finds the end.
      if count < capacity, !peerClosed { readable = false }
      return .bytes(count)
    }
    if count == 0 { return .end }
    if count == -11 {  // EAGAIN
      readable = false
      return .wouldBlock
    }
    abort()
    return .failed
  }

  /// Waits for the next request, or for what the loop's turn has begun; nil when the connection has ended.
  func nextToDo() async -> Unfinished? {
    var parser = HeadParser(limits: site.limits)
    headTimedOut = false
    do throws(HTTPError) {
      while true {
        if let begun = unfinished {
          unfinished = nil
          return begun
        }
        if let begun = begunHead {
          parser = begun
          begunHead = nil
        }
        if let head = try parseInbox(&parser) { return .arrival(arrive(head)) }
        switch receive() {
        case .bytes(let count):
          keep(0..<count)
        case .wouldBlock:
          awaitsHead = !parser.hasBegun
          await waitReadable()
          awaitsHead = false
          if headTimedOut {
            throw .refusal(.headTimeout, "The request did not arrive in time.")
          }
        case .end, .failed: return nil
        }
      }
    } catch {
      return .refused(error)
    }
  }

  private func parseInbox(_ parser: inout HeadParser) throws(HTTPError) -> RequestHead? {
    guard !inbox.isEmpty else { return nil }
    let bytes = inbox
    inbox = []
    var position = 0
    let head = try parser.parse(bytes.span, at: &position)
    if position < bytes.count { inbox = Array(bytes[position...]) }
    if head == nil { policy.headProgressed(loop.now) }
    return head
  }

  /// The first bytes of what was received last.
  func scratch(_ count: Int) -> UnsafeBufferPointer<UInt8> {
    unsafe UnsafeBufferPointer(rebasing: loop.scratch.bindMemory(to: UInt8.self).prefix(count))
  }

  /// Keeps received bytes that belong to a later part of the input.
  func keep(_ range: Range<Int>) {
    if !range.isEmpty { unsafe inbox.append(contentsOf: scratch(range.upperBound)[range]) }
  }

  // MARK: Bodies

  /// The next run of body bytes for the handler of exchange `serial`, or nil at the body's end.
  ///
  /// - Throws: `HTTPError` 400, 408, 413 or 431; afterwards the connection closes.
  func nextBody(_ serial: Int) async throws -> [UInt8]? {
    guard serial == exchanges, exchange != nil, exchange?.isReading == false else {
      throw HTTPError(.bodyOutOfTurn, "The request's body is no longer there.")
    }
    exchange?.isReading = true
    defer { exchange?.isReading = false }
    do {
      try await sendContinue()
      return try await decodeNext()
    } catch {
      exchange?.bodyFailed = true
      throw error
    }
  }

  private func decodeNext() async throws -> [UInt8]? {
    var chunk: [UInt8] = []
    while true {
      try decodeInbox(into: &chunk)
      if !chunk.isEmpty { return chunk }
      if exchange?.body.isFinished != false { return nil }
      switch receiveBody(into: &chunk) {
      case .bytes(let count):
        policy.bodyArrived(bytes: count, loop.now)
        if !chunk.isEmpty { return chunk }
      case .wouldBlock:
        policy.waitsForBody(loop.now)
        await waitReadable()
        if let fault = exchange?.bodyFault { throw fault }
      case .end:
        throw HTTPError.malformed(.incompleteBody, "The connection ended inside the body.")
      case .failed: throw CancellationError()
      }
    }
  }

  /// Decodes what is already here; nothing is received.
  func decodeInbox(into chunk: inout [UInt8]) throws(HTTPError) {
    guard !inbox.isEmpty, var decoder = exchange?.body, !decoder.isFinished else { return }
    let bytes = inbox
    inbox = []
    var position = 0
    try decoder.decode(bytes.span, at: &position, into: &chunk)
    if position < bytes.count { inbox = Array(bytes[position...]) }
    exchange?.body = decoder
  }

  /// Receives once: bytes that need no decoding straight into the chunk, others into the inbox.
  private func receiveBody(into chunk: inout [UInt8]) -> Received {
    guard tls == nil, let open = exchange, let left = open.body.remaining else {
      let received = receive()
      if case .bytes(let count) = received { keep(0..<count) }
      return received
    }
    var received = Received.wouldBlock
    chunk.append(addingCapacity: min(left, open.chunkBytes)) { span in
      unsafe span.withUnsafeMutableBufferPointer { buffer, added in
        received = unsafe receiveRaw(into: UnsafeMutableRawBufferPointer(buffer))
        if case .bytes(let count) = received { added = count }
      }
    }
    exchange?.body.skip(chunk.count)
    if chunk.count == open.chunkBytes { growChunk(from: open.chunkBytes) }
    return received
  }

  /// Receives more at once from a client that fills what is received, while there is plenty of memory.
  private func growChunk(from count: Int) {
    let larger = min(4 * count, Connection.largestChunk)
    guard larger > count, holdSpare(larger) else { return }
    exchange?.chunkBytes = larger
  }

  /// Most bytes of a body that are received, and handed to its handler, at once.
  private static let largestChunk = 256 * 1024

  /// Asks for the body the client holds back, once, when a handler first wants it.
  private func sendContinue() async throws {
    guard exchange?.owesContinue == true else { return }
    exchange?.owesContinue = false
    if inbox.isEmpty { try await transmit(ResponseEncoder.continueHead) }
  }

  /// Reads what a handler left of its body and throws it away; whether the body's end was reached.
  func discardBody() async -> Bool {
    var left = site.limits.discardBytes
    do {
      while let chunk = try await nextBody(exchanges) {
        left -= chunk.count
        if left < 0 { return false }
      }
      return true
    } catch {
      return false
    }
  }
}
