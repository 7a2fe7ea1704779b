internal import CSystem

extension Connection {
  /// Reads from a trusted proxy who its client is; whether that succeeded.
  func takeProxyHeader() async -> Bool {
    var parser = ProxyHeaderParser()
    while !isClosed {
      switch unsafe receiveRaw(into: loop.scratch) {
      case .bytes(let count):
        policy.handshakeProgressed(loop.now)
        var position = 0
        do throws(HTTPError) {
          let source = try unsafe parser.parse(scratch(count).span, at: &position)
          guard let source else { continue }
          if case .client(let client) = source { address = client.description }
        } catch {
          return false
        }
        if let tls {
          unsafe tls.takeIn(UnsafeRawBufferPointer(rebasing: loop.scratch[position..<count]))
        } else {
          keep(position..<count)
        }
        return true
      case .wouldBlock: await waitReadable()
      case .end, .failed: return false
      }
    }
    return false
  }

  /// How a handshake ended.
  enum Handshake {
    case done
    case failed
    /// The client speaks plain HTTP.
    case plain
  }

  /// Does the TLS handshake.
  func doHandshake(_ tls: TLSSession) async -> Handshake {
    while !isClosed {
      if tls.beganPlain { return .plain }
      let outcome = tls.handshake()
      do { try await sendEncrypted(tls) } catch { return .failed }
      switch outcome {
      case .count: return .done
      case .ended, .failed: return .failed
      case .needsBytes: break
      }
      switch receiveEncrypted(tls) {
      case .bytes: policy.handshakeProgressed(loop.now)
      case .wouldBlock: await waitReadable()
      case .end, .failed: return .failed
      }
    }
    return .failed
  }

  static let plainOnTLSPort = HTTPError.refusal(
    .plainOnTLSPort, "This port speaks TLS: use https:// instead of http://.")

  /// Receives and decrypts once, without waiting; the plain bytes lie in the loop's scratch buffer.
  func receiveSecurely(_ tls: TLSSession) -> Received {
    while true {
      // OpenSSL takes long to find out that it has nothing: it is asked only where something waits.
      if tls.holdsMore {
        let outcome = unsafe tls.read(into: loop.scratch)
        flushEncrypted(tls)
        switch outcome {
        case .count(let count): return .bytes(count)
        case .ended, .failed: return .end
        case .needsBytes: break
        }
      }
      let received = receiveEncrypted(tls)
      guard case .bytes = received else { return received }
    }
  }

  private func receiveEncrypted(_ tls: TLSSession) -> Received {
    let received = unsafe receiveRaw(into: loop.encrypted)
    if case .bytes(let count) = received {
      unsafe tls.takeIn(UnsafeRawBufferPointer(rebasing: loop.encrypted[..<count]))
    }
    return received
  }

  /// Encrypts and sends bytes at the client's pace, 16 KiB at a time.
  ///
  /// Small writes share a segment as long as more is to come: what is not the last stays in the session.
  func transmitSecurely(_ tls: TLSSession, _ bytes: [UInt8], isLast: Bool) async throws {
    var position = 0
    while position < bytes.count {
      guard !isClosed, case .count(let count) = tls.write(bytes[position...]) else {
        throw CancellationError()
      }
      position += count
      if (isLast && position == bytes.count) || tls.owes > 48 * 1024 {
        try await sendEncrypted(tls)
      }
    }
  }

  private func sendEncrypted(_ tls: TLSSession) async throws {
    tls.takeOut(into: &outgoing)
    try await sendOutgoing()
  }

  /// Encrypts this connection's part of the outbox, from `start` to the end, where it is.
  func encryptOutbox(_ tls: TLSSession, from start: Int, isLast: Bool) {
    var position = start
    while position < loop.outbox.bytes.count,
      case .count(let count) = tls.write(loop.outbox.bytes[position...])
    {
      position += count
    }
    // A part of an answer must not look like an answer.
    if position < loop.outbox.bytes.count { abort() }
    if isLast { tls.shutdown() }
    loop.outbox.bytes.removeSubrange(start...)
    tls.takeOut(into: &loop.outbox.bytes)
  }

  /// Sends what can be sent without waiting; the rest goes with the next bytes.
  func flushEncrypted(_ tls: TLSSession) {
    tls.takeOut(into: &outgoing)
    // A client that sends requests and never reads the answers would make us buffer without bound.
    if outgoing.count > 2 * Connection.mostUnsent { abort() }
    guard !outgoing.isEmpty, !isClosed, !sending else { return }
    let sent = sendOnce(outgoing.span)
    if sent > 0 { outgoing.removeFirst(sent) }
  }

  /// Sends TLS's close_notify: nothing more will come.
  func sendCloseNotify() {
    guard let tls, !isClosed else { return }
    tls.shutdown()
    flushEncrypted(tls)
  }
}
