import Glibc
import HTTP
import Testing

@Suite struct `Answers at once` {
  @Test func `an answer at once is the answer of any other handler`() async throws {
    @Sendable func answer(_ request: Request) throws -> Response {
      if request.query("fail") != nil { throw HTTPError.notFound }
      let large = request.query("large") != nil
      let bytes = [UInt8](repeating: 0x61, count: large ? 8 << 20 : 3)
      return Response(contentType: "application/octet-stream", bytes: bytes)
    }
    let routes = [
      Route.immediate("GET", "/at/{x}", handler: answer),
      Route("GET", "/on/{x}") { try answer($0) },
    ]
    try await withServer(routes) { server, port in
      try await blocking {
        /// Everything that a client sees of some requests, but for what differs between any two answers.
        func seen(_ path: String, _ requests: [String], cut: Int) throws -> [[UInt8]] {
          let client = try RawClient(port)
          let bytes = Array(requests.joined().replacing("/on/", with: path).utf8)
          for start in stride(from: 0, to: bytes.count, by: cut) {
            // A client that goes on after the end is not heard.
            guard client.trySend(bytes[start..<min(start + cut, bytes.count)]) > 0 else { break }
            if cut < 1000 { usleep(300) }
          }
          client.finishSending()
          let lines = Array(try client.readToEnd().utf8).split(separator: 0x0A)
          let varying = ["Date: ", "X-Request-Id: "].map { Array($0.utf8) }
          return lines.filter { line in !varying.contains { line.starts(with: $0) } }.map(
            Array.init)
        }
        let cases = [
          [get("/on/a")], [get("/on/a", method: "HEAD")], [get("/on/a?fail")], [get("/on/a?large")],
          [get("/on/a", ["Connection: close"])], [get("/on/a", ["Host: b"])],
          [get("/on/a"), get("/on/b"), get("/on/c", ["Connection: close"]), get("/on/d")],
          [get("/on/a").replacing("1.1", with: "1.0"), get("/on/a")],
          [get("/on/a"), post("/on/a", "body"), get("/on/%2e%2e")],
          [get("/on/a?large"), get("/on/a")],
          [get("/on/a", ["Content-Length: 3"]) + "abc", get("/on/a")], ["nonsense\r\n\r\n"],
        ]
        for requests in cases {
          let expected = try seen("/on/", requests, cut: 1 << 20)
          #expect(!expected.isEmpty)
          for cut in [1 << 20, 7] {
            let isSame = try seen("/at/", requests, cut: cut) == expected
            #expect(isSame, "\(requests) cut by \(cut)")
          }
        }
      }
      for _ in 0..<500 where await server.connectionCount() > 0 {
        try await Task.sleep(for: .milliseconds(10))
      }
      #expect(await server.connectionCount() == 0)
    }
  }

  @Test func `answers that the client is slow to take arrive whole and in order`() async throws {
    let route = Route.immediate("GET", "/{x}") { request in
      .text((request.pathParameters["x"] ?? "") + String(repeating: "x", count: 30_000))
    }
    try await withServer([route]) { _, port in
      try await blocking {
        let client = try RawClient(port)
        // Ten megabytes: more than the kernel holds for a client that does not read.
        try client.send((1000..<1350).map { get("/\($0)") }.joined())
        usleep(300_000)
        for number in 1000..<1350 {
          #expect(try client.readResponse().text.hasPrefix("\(number)x"))
        }
        try client.send(get("/last", ["Connection: close"]))
        #expect(try client.readToEnd().contains("lastx"))
      }
    }
  }
}
