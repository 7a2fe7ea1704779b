/// A request whose head has been checked and whose body is read on demand.
public struct Request: Sendable {
  /// The method, case-sensitive.
  public var method: String
  /// The path, percent-decoded once, without dot segments, beginning with `/`.
  public var path: String
  /// The target exactly as the client wrote it.
  public var rawTarget: String
  /// Minor version of HTTP/1: 0 or 1.
  public var minorVersion: Int
  /// The query's pairs in order, decoded.
  public var query: [(name: String, value: String)]
  /// The header fields.
  public var headers: Headers
  /// What the route's `{name}` segments matched, decoded.
  public var pathParameters: [String: String]
  /// The body; reading it takes bytes from the client at the handler's pace.
  public var body: RequestBody
  /// The client's address without port; empty for a Unix socket.
  public var remoteAddress: String
  /// `X-Request-Id` of the client if it is acceptable, else a fresh one.
  public var id: String
  /// The certificate that the client has shown by TLS; a proxy's own where the proxy has shown one.
  public var clientCertificate: ClientCertificate?
  /// Who asks, by the name under which a handler knows them; nil where none has looked. Nothing that the client sends
  /// sets it.
  public var caller: String?

  /// Creates a request, for tests and in-process calls.
  public init(
    method: String, path: String, query: [(name: String, value: String)] = [],
    headers: Headers = Headers(), pathParameters: [String: String] = [:],
    body: RequestBody = RequestBody([]), remoteAddress: String = "127.0.0.1", id: String = "test"
  ) {
    self.method = method
    self.path = path
    rawTarget = path
    minorVersion = 1
    self.query = query
    self.headers = headers
    self.pathParameters = pathParameters
    self.body = body
    self.remoteAddress = remoteAddress
    self.id = id
  }

  /// The first value of that query name, or nil.
  public func query(_ name: String) -> String? {
    query.first { $0.name == name }?.value
  }
}

/// The body of a request: chunks of bytes, taken from the client only when asked for.
///
/// It can be read once. Reading fails with `HTTPError` 413 past the route's limit, 400 on a framing fault and
/// 408 when the client is too slow.
public struct RequestBody: Sendable, AsyncSequence {
  /// A run of bytes, never empty.
  public typealias Element = [UInt8]

  /// The length the client declared, or nil for a chunked body.
  public let contentLength: Int?
  private let source: Source

  fileprivate enum Source: Sendable {
    case bytes([UInt8])
    case pull(@Sendable () async throws -> [UInt8]?)
    case counted(any BodySource)
  }

  /// Creates a body that is already in memory.
  public init(_ bytes: [UInt8]) {
    contentLength = bytes.count
    source = .bytes(bytes)
  }

  /// Creates a body from a function that returns the next chunk, or nil at the end.
  public init(contentLength: Int?, next: @escaping @Sendable () async throws -> [UInt8]?) {
    self.contentLength = contentLength
    source = .pull(next)
  }

  /// Creates a body whose memory is counted.
  init(contentLength: Int?, from source: any BodySource) {
    self.contentLength = contentLength
    self.source = .counted(source)
  }

  /// Reads chunks in order.
  public struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate var source: Source

    /// The next chunk, or nil at the end of the body.
    ///
    /// - Throws: `HTTPError` for a limit, a framing fault or a slow client.
    public mutating func next() async throws -> [UInt8]? {
      switch source {
      case .bytes(let bytes):
        source = .bytes([])
        return bytes.isEmpty ? nil : bytes
      case .pull(let pull): return try await pull()
      case .counted(let source): return try await source.next()
      }
    }
  }

  /// Starts reading.
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(source: source) }

  /// The whole body in memory.
  ///
  /// What it takes counts toward `Limits.bodyMemoryBytes` until the request is answered.
  ///
  /// - Throws: `HTTPError` 413 when it is longer than `limit` bytes, 503 when there is no memory for it, and what reading
  ///   throws.
  public func collect(limit: Int = .max) async throws -> [UInt8] {
    if let contentLength, contentLength > limit { throw HTTPError.bodyTooLarge(limit: limit) }
    var all: [UInt8] = []
    var room = RequestBody.uncountedBytes
    // A declared length is taken as a whole before the first byte: a body that has begun never waits for memory.
    if let contentLength, contentLength > room {
      try await hold(contentLength)
      room = contentLength
      all.reserveCapacity(contentLength)
    }
    for try await chunk in self {
      if chunk.count > limit - all.count { throw HTTPError.bodyTooLarge(limit: limit) }
      if all.isEmpty, chunk.count <= room, contentLength ?? 0 <= chunk.count {
        all = chunk
        continue
      }
      if all.count + chunk.count > room {
        // The array doubles, so that a body is copied a bounded number of times; old and new are both there meanwhile.
        let larger = Swift.max(2 * room, all.count + chunk.count)
        try await hold(larger)
        all.reserveCapacity(larger)
        if room > RequestBody.uncountedBytes { await giveBack(room) }
        room = larger
      }
      all.append(contentsOf: chunk)
    }
    return all
  }

  /// Up to here a body in memory does not count.
  static let uncountedBytes = 16 * 1024

  private func hold(_ bytes: Int) async throws {
    if case .counted(let source) = source { try await source.hold(bytes) }
  }

  private func giveBack(_ bytes: Int) async {
    if case .counted(let source) = source { await source.giveBack(bytes) }
  }
}

/// Where the bytes of a body come from, and the memory for what is kept of them.
protocol BodySource: Sendable {
  /// The next run of bytes, or nil at the end.
  func next() async throws -> [UInt8]?
  /// Takes memory for bytes that are kept; the first time it may wait for it.
  ///
  /// - Throws: `HTTPError` 503.
  func hold(_ bytes: Int) async throws
  func giveBack(_ bytes: Int) async
}
