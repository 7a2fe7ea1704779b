import Testing

@testable import HTTP

private let hello = Route("GET", "/hello") { _ in .text("hello") }
private let change = Route("PUT", "/hello") { _ in .text("changed") }
private let friend = "https://pictures.example.org"

@Suite struct `Pages of other sites` {
  private func serve<Result: Sendable>(
    _ origins: [String] = [friend, "http://localhost:3000"],
    _ body: (Int) async throws -> Result
  ) async throws -> Result {
    try await withServer(
      [hello, change], configure: { $0.allowedOrigins = origins }
    ) { _, port in try await body(port) }
  }

  @Test func `a page of a named origin may read, and is never sent credentials`() async throws {
    try await serve { port in
      for path in ["/hello", "/missing"] {
        let answer = try await exchange(port, get(path, ["Origin: \(friend)"]))
        #expect(answer["Access-Control-Allow-Origin"] == friend)
        #expect(answer["Access-Control-Expose-Headers"]?.contains("Retry-After") == true)
        #expect(answer["Vary"]?.hasSuffix("Origin") == true)
        #expect(answer["Access-Control-Allow-Credentials"] == nil)
      }
      let local = try await exchange(port, get("/hello", ["Origin: http://localhost:3000"]))
      #expect(local["Access-Control-Allow-Origin"] == "http://localhost:3000")
    }
  }

  @Test(arguments: [
    "https://example.org", "http://pictures.example.org", "\(friend):8443",
    "\(friend).evil.example",
    "https://evil.example/\(friend)", "null", "*", "", "\(friend)/",
    "https://evilpictures.example.org",
  ])
  func `a page of another origin may not, and caches are told to keep them apart`(
    origin: String
  ) async throws {
    try await serve { port in
      let answer = try await exchange(port, get("/hello", ["Origin: \(origin)"]))
      #expect(
        answer["Access-Control-Allow-Origin"] == nil && answer["Vary"]?.hasSuffix("Origin") == true)
      let asked = try await exchange(
        port,
        get(
          "/hello", ["Origin: \(origin)", "Access-Control-Request-Method: PUT"], method: "OPTIONS"))
      #expect(asked["Access-Control-Allow-Methods"] == nil)
      let changed = try await exchange(port, get("/hello", ["Origin: \(origin)"], method: "PUT"))
      #expect(changed.status == 403)
    }
  }

  @Test func `a browser that asks first is told methods and fields, and may then change`()
    async throws
  {
    try await serve { port in
      let asked = try await exchange(
        port,
        get(
          "/hello",
          [
            "Origin: \(friend)", "Access-Control-Request-Method: PUT",
            "Access-Control-Request-Headers: authorization",
          ], method: "OPTIONS"))
      #expect(asked.status == 204 && asked["Access-Control-Allow-Origin"] == friend)
      #expect(asked["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS, PUT")
      #expect(asked["Access-Control-Allow-Headers"]?.contains("Authorization") == true)
      #expect(asked["Access-Control-Max-Age"] == "600")
      let fields = ["Origin: \(friend)", "Sec-Fetch-Site: cross-site"]
      let changed = try await exchange(port, get("/hello", fields, method: "PUT"))
      #expect(changed.status == 200 && changed["Access-Control-Allow-Origin"] == friend)
    }
  }

  @Test func `without named origins nothing is said of them`() async throws {
    try await serve([]) { port in
      let answer = try await exchange(port, get("/hello", ["Origin: \(friend)"]))
      #expect(
        answer["Access-Control-Allow-Origin"] == nil && answer["Vary"]?.contains("Origin") != true)
    }
  }

  @Test(arguments: [
    "*", "null", "", "pictures.example.org", "https://", "https://a.example/", "ftp://a.example",
    "https://a.example/b", "https://a.example?b", "https://*.example.org", "https://u@a.example",
    "https://a.example:443", "http://a.example:80",
  ])
  func `a server with an origin that is none does not start`(origin: String) async {
    #expect(ServerConfiguration.faultOfOrigin(origin) != nil)
    await #expect(throws: HTTPError.self) { try await serve([origin]) { _ in } }
  }

  @Test func `only over TLS browsers are told to use nothing else`() async throws {
    try await withServer([hello], configure: { $0.strictTransportSeconds = 600 }) { _, port in
      let answer = try await exchange(port, get("/hello"))
      #expect(answer.status == 200 && answer["Strict-Transport-Security"] == nil)
    }
    let encoder = ResponseEncoder(contentSecurityPolicy: "", strictTransportSeconds: 600)
    var bytes: [UInt8] = []
    encoder.encode(
      status: 200, headers: Headers(), framing: .none, persists: true, minorVersion: 1, date: [],
      requestID: "", into: &bytes)
    let head = String(decoding: bytes, as: UTF8.self)
    #expect(head.contains("\r\nStrict-Transport-Security: max-age=600\r\n"))
  }
}
