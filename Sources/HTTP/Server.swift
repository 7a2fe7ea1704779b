internal import CSystem
public import Logging
internal import Synchronization

/// An HTTP/1.1 server on plain sockets.
public final class Server: Sendable {
  /// Turns an error and the request's identifier into the answer the client sees.
  public typealias ErrorResponse = @Sendable (_ error: HTTPError, _ requestID: String) -> Response

  private let site: Site
  private let running = Mutex<[Running]>([])

  private struct Running {
    var loop: EventLoop
    var listener: LoopBound<Listener>
  }

  /// Creates a server; nothing is opened before `start`.
  public init(
    configuration: ServerConfiguration, router: Router, logger: Logger,
    errorResponse: @escaping ErrorResponse
  ) {
    site = Site(
      configuration: configuration, router: router, logger: logger, errorResponse: errorResponse)
  }

  /// Starts listening and serving.
  ///
  /// - Returns: the port, which matters when the configuration asked for a free one; 0 for a Unix socket.
  /// - Throws: `HTTPError` when the address cannot be listened on.
  public func start() async throws -> Int {
    for name in site.configuration.allowedHosts {
      guard let fault = ServerConfiguration.faultOfHostName(name) else { continue }
      throw HTTPError(.cannotListen, "The allowed host \(name): \(fault)")
    }
    for origin in site.configuration.allowedOrigins {
      guard let fault = ServerConfiguration.faultOfOrigin(origin) else { continue }
      throw HTTPError(.cannotListen, "The allowed origin \(origin): \(fault)")
    }
    try site.loadTLS()
    let opened = try listen()
    for part in opened {
      part.loop.start()
      await withCheckedContinuation { started in
        part.loop.run {
          part.listener.value.start()
          started.resume()
        }
      }
    }
    running.withLock { $0 = opened }
    return opened[0].listener.value.port
  }

  private func listen() throws(HTTPError) -> [Running] {
    let loops = site.configuration.loops
    var opened: [Running] = []
    if case .tcp = site.configuration.address {
      precondition((1...64).contains(loops), "1 to 64 loops")
    } else {
      precondition(loops == 1, "several loops need a TCP address")
    }
    for _ in 0..<loops {
      let loop = try EventLoop()
      site.memory.onShortage { [weak loop] in
        guard let loop else { return }
        loop.run { loop.forEachConnection { $0.memoryIsShort() } }
      }
      let listener = try Listener(site, loop: loop, port: opened.first?.listener.value.port)
      opened.append(Running(loop: loop, listener: LoopBound(listener)))
    }
    return opened
  }

  /// Reads the TLS files again, for new connections; those under way keep what they have.
  ///
  /// - Throws: `HTTPError` when the files are not sound; the certificate in force then stays.
  public func reloadCertificate() throws(HTTPError) { try site.loadTLS() }

  /// How many connections are open; 0 when the server is not running.
  public func connectionCount() async -> Int {
    var count = 0
    for part in running.withLock({ $0 }) {
      count += await withCheckedContinuation { counted in
        part.loop.run { counted.resume(returning: part.loop.connectionCount) }
      }
    }
    return count
  }

  /// Bytes of `Limits.bodyMemoryBytes` that no body holds.
  public var freeBodyMemory: Int { site.memory.free }

  /// Stops accepting, closes idle connections, answers what is in flight with `Connection: close`, ends event
  /// streams, and returns when all connections are gone. Requests that are still coming in have
  /// `Limits.drainBodyTimeout`; what is left after `deadline`, or `Limits.drainTimeout`, is cut off.
  public func drain(deadline: Duration? = nil) async {
    let deadline = deadline ?? site.limits.drainTimeout
    let running = running.withLock { running in
      defer { running = [] }
      return running
    }
    await withDiscardingTaskGroup { group in
      for part in running { group.addTask { await Server.drain(part, deadline) } }
    }
  }

  private static func drain(_ part: Running, _ deadline: Duration) async {
    let loop = part.loop
    await withCheckedContinuation { drained in
      loop.run {
        // Whoever is connected but not yet accepted is told as everybody else is, with an end instead of a reset.
        part.listener.value.acceptWaiting()
        part.listener.value.close()
        let waiting = DrainWait(drained)
        loop.connectionClosed = { if loop.connectionCount == 0 { waiting.finish() } }
        loop.forEachConnection { $0.drain() }
        if loop.connectionCount == 0 { waiting.finish() }
        loop.after(deadline) { loop.forEachConnection { $0.abort() } }
      }
    }
    loop.stop()
  }
}

/// Resumes the one who drains, once.
private final class DrainWait {
  private var continuation: CheckedContinuation<Void, Never>?

  init(_ continuation: CheckedContinuation<Void, Never>) { self.continuation = continuation }

  func finish() {
    continuation?.resume()
    continuation = nil
  }
}

/// A value that only the loop's thread touches once it runs.
struct LoopBound<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}
