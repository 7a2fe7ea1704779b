import CSystem
import Glibc
import HTTP
import Logging
import Testing

/// Starts a server on a free port, runs the body, and drains the server.
func withServer<Result: Sendable>(
  _ routes: [Route], files: StaticFiles? = nil,
  configure: (inout ServerConfiguration) -> Void = { _ in },
  body: (Server, Int) async throws -> Result
) async throws -> Result {
  var configuration = ServerConfiguration(port: 0)
  // Tests take the threads of the pool from the handlers of others: a client that has stopped sending is not asked
  // whether it is still there, unless a test wants that.
  configuration.limits.departureProbe = .seconds(600)
  // Nor is a client given up that is silent inside its body while it waits for the answer to another, whose handler
  // waits for a thread.
  configuration.limits.bodyProgressTimeout = .seconds(600)
  configuration.limits.rateGrace = .seconds(600)
  configure(&configuration)
  var logger = Logger(label: "test")
  logger.logLevel = .critical
  let server = Server(
    configuration: configuration, router: Router(routes: routes, files: files), logger: logger,
    errorResponse: { error, _ in .text(error.code, status: error.status) })
  let port = try await server.start()
  do {
    let result = try await body(server, port)
    await server.drain(deadline: .seconds(2))
    return result
  } catch {
    await server.drain(deadline: .milliseconds(10))
    throw error
  }
}

/// Runs blocking code on a thread of its own, so that the pool that runs handlers stays free.
func blocking<Result: Sendable>(
  _ body: @escaping @Sendable () throws -> Result
) async throws -> Result {
  try await withCheckedThrowingContinuation { continuation in
    let work = Work { continuation.resume(with: .init(catching: body)) }
    let started = unsafe byol_start_thread(
      { context in
        if let context = unsafe context {
          unsafe Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run()
        }
      }, Unmanaged.passRetained(work).toOpaque(), "client")
    precondition(started == 0)
  }
}

private final class Work: Sendable {
  let run: @Sendable () -> Void
  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

struct ClientFault: Error {
  var what: String
}

/// A blocking client that sends exactly the bytes it is given. Use it inside `blocking`.
///
/// It waits `patience` seconds for a byte: only a server that hangs takes so long.
final class RawClient {
  private var descriptor: Int32
  private var buffer: [UInt8] = []
  private(set) var sawReset = false

  init(_ port: Int, host: String = "127.0.0.1", patience: Double = 60) throws {
    descriptor = unsafe byol_connect_tcp(host, UInt16(port))
    guard descriptor >= 0 else { throw ClientFault(what: "connect \(descriptor)") }
    setTimeout(SO_RCVTIMEO, patience)
    setTimeout(SO_SNDTIMEO, patience)
  }

  init(path: String, patience: Double = 60) throws {
    descriptor = unsafe byol_connect_unix(path)
    guard descriptor >= 0 else { throw ClientFault(what: "connect \(descriptor)") }
    setTimeout(SO_RCVTIMEO, patience)
  }

  deinit { close() }

  func close() {
    if descriptor >= 0 { _ = byol_close(descriptor) }
    descriptor = -1
  }

  func setTimeout(_ option: Int32, _ seconds: Double) {
    var value = timeval(tv_sec: Int(seconds), tv_usec: Int(seconds * 1e6) % 1_000_000)
    unsafe setsockopt(
      descriptor, SOL_SOCKET, option, &value, socklen_t(MemoryLayout<timeval>.size))
  }

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = trySend(bytes[sent...])
      guard count > 0 else { throw ClientFault(what: "send \(count)") }
      sent += count
    }
  }

  /// One attempt; negative when the kernel takes nothing within the send timeout.
  func trySend(_ bytes: ArraySlice<UInt8>) -> Int {
    unsafe bytes.withUnsafeBytes {
      unsafe byol_send2(descriptor, $0.baseAddress, $0.count, nil, 0, 0)
    }
  }

  func finishSending() { _ = byol_shutdown_write(descriptor) }
  func resetOnClose() { byol_reset_on_close(descriptor) }

  /// Reads a response with a body of `size` bytes, some bytes at a time with a pause of microseconds between; returns
  /// the bytes of body that came.
  func readSlowly(_ size: Int, bytes: Int, pause: UInt32) throws -> Int {
    let head = try read(through: "\r\n\r\n")
    guard head.hasPrefix("HTTP/1.1 200 ") else { throw ClientFault(what: head) }
    var count = buffer.count
    while count < size {
      buffer = []
      guard fill(bytes) > 0 else { break }
      count += buffer.count
      usleep(pause)
    }
    buffer = []
    return count
  }

  private func fill(_ capacity: Int = 65536) -> Int {
    var chunk = [UInt8](repeating: 0, count: capacity)
    let count = unsafe byol_receive(descriptor, &chunk, chunk.count)
    if count > 0 { buffer += chunk[..<count] }
    if count == -Int(ECONNRESET) { sawReset = true }
    return count
  }

  /// Everything up to the end of the connection.
  func readToEnd() throws -> String {
    while true {
      let count = fill()
      if count == 0 { break }
      guard count > 0 else { throw ClientFault(what: "receive \(count)") }
    }
    defer { buffer = [] }
    return String(decoding: buffer, as: UTF8.self)
  }

  /// Bytes up to and including a marker.
  func read(through marker: String) throws -> String {
    let marker = Array(marker.utf8)
    while true {
      if let range = buffer.firstRange(of: marker) {
        defer { buffer.removeSubrange(..<range.upperBound) }
        return String(decoding: buffer[..<range.upperBound], as: UTF8.self)
      }
      let count = fill()
      guard count > 0 else {
        throw ClientFault(what: "end \(count) after \(String(decoding: buffer, as: UTF8.self))")
      }
    }
  }

  /// A head and the body its Content-Length announces.
  func readResponse(toHead: Bool = false) throws -> RawResponse {
    let head = try read(through: "\r\n\r\n")
    var response = RawResponse(head: head, body: [])
    if toHead { return response }
    let length = response["Content-Length"].flatMap { Int($0) } ?? 0
    while buffer.count < length {
      guard fill() > 0 else { throw ClientFault(what: "short body") }
    }
    response.body = Array(buffer[..<length])
    buffer.removeSubrange(..<length)
    return response
  }
}

struct RawResponse: Sendable {
  var head: String
  var body: [UInt8]
  var status: Int { Int(head.dropFirst(9).prefix(3)) ?? 0 }
  var text: String { String(decoding: body, as: UTF8.self) }
  /// All of it, for what an expectation says when it fails.
  var whole: Comment { "\(head)\(text)" }

  subscript(name: String) -> String? {
    for line in head.split(separator: "\r\n").dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2, parts[0].lowercased() == name.lowercased() {
        return String(parts[1].drop { $0 == " " })
      }
    }
    return nil
  }
}

/// Sends one request and reads one response.
func exchange(_ port: Int, _ request: String) async throws -> RawResponse {
  try await blocking {
    let client = try RawClient(port)
    try client.send(request)
    return try client.readResponse(toHead: request.hasPrefix("HEAD"))
  }
}

func get(_ path: String, _ fields: [String] = [], method: String = "GET") -> String {
  "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
}

func post(_ path: String, _ body: String, _ fields: [String] = []) -> String {
  get(path, fields + ["Content-Length: \(body.utf8.count)"], method: "POST") + body
}
