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
      case .pull(let pull):
        return try await pull()
      }
    }
  }

  /// Starts reading.
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(source: source) }

  /// The whole body in memory.
  ///
  /// - Throws: `HTTPError` 413 when it is longer than `limit` bytes, and what reading throws.
  public func collect(limit: Int = .max) async throws -> [UInt8] {
    if let contentLength, contentLength > limit { throw HTTPError.bodyTooLarge(limit: limit) }
    var all: [UInt8] = []
    for try await chunk in self {
      if chunk.count > limit - all.count { throw HTTPError.bodyTooLarge(limit: limit) }
      if all.isEmpty { all = chunk } else { all.append(contentsOf: chunk) }
    }
    return all
  }
}
