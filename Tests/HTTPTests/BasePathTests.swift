import Synchronization
import Testing

@testable import HTTP

/// A server that a proxy shows under a path, and the trace that a request belongs to.
@Suite struct BasePathTests {
  @Test(arguments: ["", "/", "/byol", "/a/b-c_d.e~1"])
  func `a base path of plain segments is taken`(text: String) {
    #expect(BasePath(text)?.text == (text == "/" ? "" : text))
  }

  @Test(arguments: ["byol", "/byol/", "//", "/a//b", "/a b", "/ä", "/..", "/a/.", "/a?b", "/%2e"])
  func `anything else is none`(text: String) {
    #expect(BasePath(text) == nil)
  }

  @Test func `the longest base path has 200 characters`() {
    #expect(BasePath("/" + String(repeating: "a", count: 199)) != nil)
    #expect(BasePath("/" + String(repeating: "a", count: 200)) == nil)
  }

  @Test func `the base is taken off whole segments only`() throws {
    let base = try #require(BasePath("/byol"))
    #expect(base.removed(from: "/byol/v1/runs") == "/v1/runs")
    #expect(base.removed(from: "/byol/") == "/")
    #expect(base.removed(from: "/byol") == "")
    #expect(base.removed(from: "/byolx/v1") == "/byolx/v1")
    #expect(base.removed(from: "/v1/runs") == "/v1/runs")
    #expect(BasePath.root.removed(from: "/v1") == "/v1")
  }

  @Test func `locations begin with the base, other fields and foreign addresses do not`() throws {
    func head(_ fields: Headers, base: String) throws -> String {
      let encoder = ResponseEncoder(
        contentSecurityPolicy: "", basePath: try #require(BasePath(base)))
      var out: [UInt8] = []
      encoder.encode(
        status: 201, headers: fields, framing: .length(0), persists: true, minorVersion: 1,
        date: [], requestID: "", into: &out)
      return String(decoding: out, as: UTF8.self)
    }
    let fields: Headers = ["Location": "/v1/runs/1", "X-Other": "/v1"]
    #expect(try head(fields, base: "/byol").contains("\r\nLocation: /byol/v1/runs/1\r\n"))
    #expect(try head(fields, base: "/byol").contains("\r\nX-Other: /v1\r\n"))
    #expect(try head(fields, base: "").contains("\r\nLocation: /v1/runs/1\r\n"))
    let foreign: Headers = ["Location": "https://a.example/"]
    #expect(try head(foreign, base: "/byol").contains("\r\nLocation: https://a.example/\r\n"))
  }

  @Test(arguments: [
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-brings",
  ])
  func `a traceparent of the standard is one`(text: String) {
    #expect(isTraceParent(text))
  }

  @Test(arguments: [
    "", "00", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
    "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
    "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
    "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-\u{1b}[2J",
  ])
  func `anything else is no traceparent`(text: String) {
    #expect(!isTraceParent(text))
  }

  @Test func `a server under a base path answers with it and without it`() async throws {
    let route = Route("POST", "/things") { _ in
      Response(status: 201, headers: ["Location": "/things/1"])
    }
    let base = try #require(BasePath("/byol"))
    try await withServer([route], configure: { $0.basePath = base }) { _, port in
      func answer(_ request: String) async throws -> String {
        try await blocking {
          let client = try RawClient(port)
          try client.send(request + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
          return try client.readToEnd()
        }
      }
      for path in ["/byol/things", "/things"] {
        let text = try await answer("POST \(path)")
        #expect(text.hasPrefix("HTTP/1.1 201 ") && text.contains("Location: /byol/things/1\r\n"))
      }
      let folder = try await answer("GET /byol")
      #expect(folder.hasPrefix("HTTP/1.1 308 ") && folder.contains("Location: /byol/\r\n"))
      #expect(try await answer("GET /other/things").hasPrefix("HTTP/1.1 404 "))
    }
  }

  @Test func `the observer is told of a valid traceparent and of no other`() async throws {
    let told = Mutex<[String?]>([])
    let route = Route("GET", "/") { _ in Response(status: 204) }
    let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    try await withServer(
      [route],
      configure: { $0.observer = { exchange in told.withLock { $0.append(exchange.traceParent) } } }
    ) { _, port in
      for field in ["traceparent: \(valid)\r\n", "traceparent: nonsense\r\n", ""] {
        _ = try await blocking {
          let client = try RawClient(port)
          try client.send("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\(field)\r\n")
          return try client.readToEnd()
        }
      }
    }
    #expect(told.withLock { $0 } == [valid, nil, nil])
  }
}
