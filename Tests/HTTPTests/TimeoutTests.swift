import CSystem
import Glibc
import HTTP
import Testing

private let echo = Route("POST", "/echo") { request in
  .text(String(decoding: try await request.body.collect(), as: UTF8.self))
}

@Suite struct `Slow clients` {
  private func answer(
    to pieces: [String], pause: UInt32 = 0, _ configure: @escaping (inout Limits) -> Void
  ) async throws -> (text: String, seconds: Double) {
    try await withServer([echo], configure: { configure(&$0.limits) }) { _, port in
      try await blocking {
        let client = try RawClient(port)
        let begun = byol_monotonic_ns()
        for piece in pieces {
          guard (try? client.send(piece)) != nil else { break }
          usleep(pause)
        }
        let text = try client.readToEnd()
        return (text, Double(byol_monotonic_ns() - begun) / 1e9)
      }
    }
  }

  @Test func `a silent client is closed without a word`() async throws {
    let (text, seconds) = try await answer(to: []) { $0.idleTimeout = .milliseconds(150) }
    #expect(text.isEmpty)
    #expect(seconds >= 0.14 && seconds < 3)
  }

  @Test func `a head that never ends is answered 408`() async throws {
    let (text, seconds) = try await answer(to: ["GET / HTTP/1.1\r\nHost"]) {
      $0.headTimeout = .milliseconds(200)
    }
    #expect(text.hasPrefix("HTTP/1.1 408 "))
    #expect(seconds >= 0.19 && seconds < 3)
  }

  @Test func `a head that drips is answered 408`() async throws {
    let head = get("/", (0..<30).map { "X\($0): y" }).map { String($0) }
    let (text, _) = try await answer(to: Array(head.prefix(60)), pause: 10_000) {
      $0.headTimeout = .milliseconds(300)
    }
    #expect(text.hasPrefix("HTTP/1.1 408 "))
  }

  @Test func `a body that stalls is answered 408`() async throws {
    let (text, _) = try await answer(
      to: [get("/echo", ["Content-Length: 10"], method: "POST") + "abc"]
    ) { $0.bodyProgressTimeout = .milliseconds(200) }
    #expect(text.hasPrefix("HTTP/1.1 408 ") && text.contains("Connection: close"))
  }

  @Test func `a body that drips is answered 408`() async throws {
    let head = get("/echo", ["Content-Length: 1000"], method: "POST")
    let (text, _) = try await answer(
      to: [head] + Array(repeating: "x", count: 80), pause: 10_000
    ) { $0.rateGrace = .milliseconds(300) }
    #expect(text.hasPrefix("HTTP/1.1 408 "))
  }

  /// Waits until the server has `count` connections; records an issue after half a minute.
  private func wait(for count: Int, on server: Server) async throws {
    for _ in 0..<3000 {
      if await server.connectionCount() == count { return }
      try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("There are not \(count) connections.")
  }

  @Test func `a client that does not read its response is cut off`() async throws {
    let large = Route("GET", "/large") { _ in
      Response(contentType: "text/plain", bytes: [UInt8](repeating: 1, count: 64 << 20))
    }
    try await withServer(
      [large],
      configure: {
        $0.limits.writeProgressTimeout = .milliseconds(300)
        $0.limits.windowUpdateBytes = 0
      }
    ) { server, port in
      // The server gives up by itself: nothing is read until it has.
      let mayRead = Flag()
      async let isCut = blocking {
        let client = try RawClient(port)
        try client.send(get("/large"))
        while !mayRead.isSet { usleep(1000) }
        return (try? client.readResponse()) == nil
      }
      try await wait(for: 1, on: server)
      try await wait(for: 0, on: server)
      mayRead.set()
      #expect(try await isCut)
    }
  }
}

@Suite struct `Downloads` {
  /// The client reads steadily, and by far too slowly for the kernel's buffer to take anything within the time that a
  /// client may be silent: what counts is what its system acknowledges.
  @Test(arguments: [false, true])
  func `a slow but steady reader gets the whole`(unix: Bool) async throws {
    let size = 3 << 20
    let large = Route("GET", "/large") { _ in
      Response(contentType: "application/octet-stream", bytes: [UInt8](repeating: 1, count: size))
    }
    let path = "/tmp/http-slow-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    try await withServer(
      [large],
      configure: {
        if unix { $0.address = .unix(path: path) }
        $0.limits.writeProgressTimeout = .milliseconds(250)
        $0.limits.rateGrace = .milliseconds(250)
        $0.limits.minimumRate = 200_000
      }
    ) { _, port in
      let count = try await blocking {
        let client = unix ? try RawClient(path: path) : try RawClient(port)
        try client.send(get("/large"))
        return try client.readSlowly(size, bytes: 32 * 1024, pause: 40_000)
      }
      #expect(count == size)
    }
  }
}

@Suite struct `Drain` {
  @Test func `idle connections close, answers in flight announce the end, event streams end whole`()
    async throws
  {
    let gate = Gate()
    let slow = Route("GET", "/slow") { _ in
      await gate.wait()
      return .text("done")
    }
    let events = Route("GET", "/events") { _ in
      .events { writer in
        try await writer.event("first", data: "a\nb")
        try await Task.sleep(for: .seconds(60))
      }
    }
    try await withServer([slow, events]) { server, port in
      let idle = LoopFree(try RawClient(port))
      let busy = LoopFree(try RawClient(port))
      let stream = LoopFree(try RawClient(port))
      try await blocking {
        try idle.value.send(get("/none"))
        _ = try idle.value.readResponse()
        try busy.value.send(get("/slow"))
        try stream.value.send(get("/events"))
        let head = try stream.value.read(through: "data: b\n\n")
        #expect(head.contains("event: first\ndata: a\ndata: b\n\n"))
        usleep(100_000)
      }
      async let drained: Void = server.drain(deadline: .seconds(5))
      try await blocking {
        #expect(try idle.value.readToEnd() == "")
        #expect(try stream.value.readToEnd().hasSuffix("0\r\n\r\n"))
        gate.open()
        let answer = try busy.value.readToEnd()
        #expect(answer.contains("Connection: close\r\n"))
        #expect(answer.hasSuffix("done"))
        #expect(throws: ClientFault.self) { try RawClient(port) }
      }
      await drained
    }
  }

  @Test func `what does not end in time is cut off`() async throws {
    let stuck = Route("GET", "/stuck") { _ in
      try await Task.sleep(for: .seconds(60))
      return .text("late")
    }
    try await withServer([stuck]) { server, port in
      let client = LoopFree(try RawClient(port))
      try await blocking {
        try client.value.send(get("/stuck"))
        usleep(100_000)
      }
      let begun = byol_monotonic_ns()
      await server.drain(deadline: .milliseconds(200))
      // Far from the 60 s that the handler takes; how near to 200 ms is up to the machine.
      #expect(byol_monotonic_ns() - begun < 20_000_000_000)
    }
  }
}

/// A client handed from thread to thread, used by one at a time.
struct LoopFree: @unchecked Sendable {
  let value: RawClient
  init(_ value: RawClient) { self.value = value }
}
