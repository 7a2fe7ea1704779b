import Glibc
import HTTP
import Testing

private let hello = Route("GET", "/") { _ in .text("hello") }
private let quick = Route.immediate("GET", "/quick", handler: { _ in .text("quick") })

@Suite struct `Places for newcomers` {
  @Test(arguments: ["/", "/quick"])
  func `the connection that has been idle longest is closed for a newcomer`(path: String)
    async throws
  {
    try await withServer([hello, quick], configure: { $0.limits.connections = 3 }) { server, port in
      try await blocking {
        var clients: [RawClient] = []
        for _ in 0..<8 {
          let client = try RawClient(port)
          try client.send(get(path))
          #expect(try client.readResponse().status == 200)
          clients.append(client)
        }
        for client in clients[..<5] { #expect(try client.readToEnd() == "") }
        for client in clients[5...] {
          try client.send(get(path))
          #expect(try client.readResponse().status == 200)
        }
      }
      #expect(await server.connectionCount() <= 3)
    }
  }

  @Test func `connections that never sent anything give way too, busy ones never`() async throws {
    let gate = Gate()
    let slow = Route("GET", "/slow") { _ in
      await gate.wait()
      return .text("slow")
    }
    try await withServer([hello, slow], configure: { $0.limits.connections = 2 }) { _, port in
      try await blocking {
        let busy = try RawClient(port)
        try busy.send(get("/slow"))
        let silent = try (0..<5).map { _ in try RawClient(port) }
        let client = try RawClient(port)
        try client.send(get("/"))
        #expect(try client.readResponse().text == "hello")
        for client in silent { #expect(try client.readToEnd() == "") }
        gate.open()
        #expect(try busy.readResponse().text == "slow")
      }
    }
  }

  @Test func `a newcomer who found all busy is let in when one becomes idle`() async throws {
    let gate = Gate()
    let slow = Route("GET", "/slow") { _ in
      await gate.wait()
      return .text("slow")
    }
    try await withServer([hello, slow], configure: { $0.limits.connections = 1 }) { _, port in
      try await blocking {
        let busy = try RawClient(port)
        try busy.send(get("/slow"))
        usleep(100_000)
        let newcomer = try RawClient(port)
        try newcomer.send(get("/"))
        newcomer.setTimeout(SO_RCVTIMEO, 0.2)
        #expect(throws: ClientFault.self) { try newcomer.readResponse() }
        newcomer.setTimeout(SO_RCVTIMEO, 60)
        gate.open()
        #expect(try busy.readResponse().text == "slow")
        #expect(try newcomer.readResponse().text == "hello")
        #expect(try busy.readToEnd() == "")
      }
    }
  }
}

@Suite struct `Clients that leave` {
  /// A handler that tells whether it was cancelled, on a server that asks soon.
  private func departure(
    _ leave: @escaping @Sendable (RawClient) throws -> Void
  ) async throws -> (cancelled: Bool, sent: String) {
    let (began, ended) = (Flag(), Flag())
    let long = Route("GET", "/long") { _ in
      began.set()
      do {
        try await Task.sleep(for: .seconds(2))
      } catch {
        ended.set()
        throw error
      }
      return .text("late")
    }
    return try await withServer(
      [long], configure: { $0.limits.departureProbe = .milliseconds(20) }
    ) { server, port in
      let text = try await blocking {
        let client = try RawClient(port)
        try client.send(get("/long", ["Connection: close"]))
        while !began.isSet { usleep(1000) }
        try leave(client)
        return (try? client.readToEnd()) ?? ""
      }
      for _ in 0..<1000 where await server.connectionCount() > 0 {
        try await Task.sleep(for: .milliseconds(10))
      }
      return (ended.isSet, text)
    }
  }

  @Test func `a handler whose client has gone is cancelled`() async throws {
    let closed = try await departure { $0.close() }
    #expect(closed.cancelled)
    let reset = try await departure { client in
      client.resetOnClose()
      client.close()
    }
    #expect(reset.cancelled)
  }

  @Test func `a client that has only stopped sending gets its answer after interim responses`()
    async throws
  {
    let waiting = try await departure { $0.finishSending() }
    #expect(!waiting.cancelled)
    #expect(waiting.sent.hasPrefix("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 "))
    #expect(waiting.sent.hasSuffix("late"))
  }
}

@Suite struct `Drain of slow uploads` {
  @Test func `a body that drips is answered 503 within its time`() async throws {
    let echo = Route("POST", "/echo") { request in
      .text("\(try await request.body.collect().count)")
    }
    try await withServer([echo], configure: { $0.limits.drainBodyTimeout = .milliseconds(200) }) {
      server, port in
      let client = LoopFree(try RawClient(port))
      try await blocking {
        try client.value.send(get("/echo", ["Content-Length: 100000"], method: "POST") + "abc")
        usleep(100_000)
      }
      async let drained: Void = server.drain(deadline: .seconds(30))
      let answer = try await blocking { () -> String in
        for _ in 0..<2000 where (try? client.value.send("x")) != nil { usleep(1000) }
        return (try? client.value.readToEnd()) ?? "reset"
      }
      await drained
      #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.contains("Retry-After: 10"), "\(answer)")
    }
  }
}
