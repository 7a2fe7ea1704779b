/// What a handler answers.
public struct Response: Sendable {
  /// The status, 200 … 599.
  public var status: Int
  /// Fields besides the framing ones and `Date`, which the server writes.
  public var headers: Headers
  /// The body.
  public var body: Body
  /// Who is answered, for the observer of exchanges; never sent.
  public var caller: String?

  /// Where the body's bytes come from.
  public enum Body: Sendable {
    /// No body.
    case empty
    /// Bytes in memory.
    case bytes([UInt8])
    /// A part of an open file, sent by the kernel.
    case file(OpenFile, range: Range<Int>)
    /// Bytes written over time; a thrown error breaks the connection off so that a part never looks whole.
    case stream(@Sendable (ResponseWriter) async throws -> Void)
    /// Server-sent events: a stream that is cancelled, and then ended cleanly, when the server drains.
    case events(@Sendable (ResponseWriter) async throws -> Void)

    /// The length in bytes, or nil where it is not known beforehand.
    var length: Int? {
      switch self {
      case .empty: 0
      case .bytes(let bytes): bytes.count
      case .file(_, let range): range.count
      case .stream, .events: nil
      }
    }
  }

  /// Creates a response.
  public init(status: Int = 200, headers: Headers = Headers(), body: Body = .empty) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// Creates a response of bytes with their content type.
  public init(status: Int = 200, contentType: String, bytes: [UInt8]) {
    self.init(status: status, headers: ["Content-Type": contentType], body: .bytes(bytes))
  }

  /// Plain text in UTF-8.
  public static func text(_ text: String, status: Int = 200) -> Response {
    Response(status: status, contentType: "text/plain; charset=utf-8", bytes: Array(text.utf8))
  }

  /// JSON that is already encoded.
  public static func json(_ bytes: [UInt8], status: Int = 200) -> Response {
    Response(status: status, contentType: "application/json", bytes: bytes)
  }

  /// A stream of server-sent events, uncached; proxies that know the field of nginx do not collect them.
  public static func events(
    _ write: @escaping @Sendable (ResponseWriter) async throws -> Void
  ) -> Response {
    Response(
      headers: [
        "Content-Type": "text/event-stream", "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
      ],
      body: .events(write))
  }
}

/// Takes the bytes of a streamed response at the client's pace.
public struct ResponseWriter: Sendable {
  private let sink: @Sendable ([UInt8]) async throws -> Void

  /// Creates a writer over a sink; tests collect the bytes this way.
  public init(sink: @escaping @Sendable ([UInt8]) async throws -> Void) { self.sink = sink }

  /// Sends bytes; returns when the kernel has taken them.
  ///
  /// - Throws: `CancellationError` or `HTTPError` when the client is gone or too slow.
  public func write(_ bytes: [UInt8]) async throws {
    if !bytes.isEmpty { try await sink(bytes) }
  }

  /// Sends text in UTF-8.
  public func write(_ text: String) async throws { try await write(Array(text.utf8)) }

  /// Sends one server-sent event; line breaks in `data` become several data lines.
  public func event(_ name: String? = nil, data: String, id: String? = nil) async throws {
    var text = ""
    if let id { text += "id: \(oneLine(id))\n" }
    if let name { text += "event: \(oneLine(name))\n" }
    for line in data.split(separator: "\n", omittingEmptySubsequences: false) {
      text += "data: \(oneLine(String(line)))\n"
    }
    try await write(text + "\n")
  }

  /// Sends a comment line that keeps intermediaries from closing a silent stream.
  public func heartbeat() async throws { try await write(":\n\n") }

  private func oneLine(_ text: String) -> String {
    String(text.unicodeScalars.filter { $0 != "\n" && $0 != "\r" && $0 != "\0" })
  }
}
