import CSystem
import Glibc
import HTTP
import Synchronization
import Testing

private let hello = Route("GET", "/") { _ in .text("hello") }
private let echo = Route("POST", "/echo", bodyLimit: 1000) { request in
  .text(String(decoding: try await request.body.collect(), as: UTF8.self))
}
private let ignore = Route("POST", "/ignore", bodyLimit: 1 << 30) { _ in .text("ignored") }

@Suite struct `Connections that live` {
  @Test func `one connection carries many requests`() async throws {
    try await withServer([hello, echo]) { _, port in
      try await blocking {
        let client = try RawClient(port)
        for round in 0..<50 {
          try client.send(post("/echo", "round \(round)"))
          #expect(try client.readResponse().text == "round \(round)")
          try client.send(get("/nowhere"))
          #expect(try client.readResponse().status == 404)
        }
      }
    }
  }

  @Test func `pipelined requests are answered in order although the client has stopped sending`()
    async throws
  {
    try await withServer([echo]) { _, port in
      try await blocking {
        let client = try RawClient(port)
        try client.send((0..<20).map { post("/echo", "\($0)") }.joined())
        client.finishSending()
        let bodies = try (0..<20).map { _ in try client.readResponse().text }
        #expect(bodies == (0..<20).map { "\($0)" })
        #expect(try client.readToEnd() == "")
      }
    }
  }

  @Test func `a request cut anywhere is answered the same`() async throws {
    try await withServer([echo]) { _, port in
      try await blocking {
        let client = try RawClient(port)
        for byte in Array(post("/echo", "cut").utf8) { try client.send([byte]) }
        #expect(try client.readResponse().text == "cut")
        let chunked =
          get("/echo", ["Transfer-Encoding: chunked"], method: "POST")
          + "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
        for byte in Array(chunked.utf8) { try client.send([byte]) }
        #expect(try client.readResponse().text == "abc")
      }
    }
  }

  @Test func `what follows a close is never answered`() async throws {
    try await withServer([hello]) { _, port in
      try await blocking {
        let client = try RawClient(port)
        try client.send(get("/", ["Connection: close"]) + get("/"))
        let all = try client.readToEnd()
        #expect(all.split(separator: "HTTP/1.1 200").count == 1)
        #expect(all.contains("Connection: close\r\n"))
      }
    }
  }

  @Test func `HTTP 1.0 closes unless asked to stay`() async throws {
    try await withServer([hello]) { _, port in
      try await blocking {
        let client = try RawClient(port)
        try client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        let first = try client.readResponse()
        #expect(first["Connection"] == "keep-alive")
        try client.send("GET / HTTP/1.0\r\n\r\n")
        #expect(try client.readToEnd().hasSuffix("hello"))
      }
    }
  }

  @Test func `a refused head is answered once and its connection ends`() async throws {
    try await withServer([hello]) { _, port in
      try await blocking {
        let client = try RawClient(port)
        try client.send("GET / HTTP/1.1\r\nHost : x\r\n\r\n" + get("/"))
        let all = try client.readToEnd()
        #expect(all.hasPrefix("HTTP/1.1 400 "))
        #expect(all.split(separator: "HTTP/1.1 ").count == 1)
      }
    }
  }

  @Test func `no more connections are served than allowed and waiting ones get their turn`()
    async throws
  {
    try await withServer([hello], configure: { $0.limits.connections = 2 }) { _, port in
      try await blocking {
        let first = try RawClient(port)
        let second = try RawClient(port)
        // Both are busy: the beginning of their next request is there.
        for client in [first, second] {
          try client.send(get("/") + "GET ")
          #expect(try client.readResponse().status == 200)
        }
        let third = try RawClient(port)
        third.setTimeout(SO_RCVTIMEO, 0.2)
        try third.send(get("/"))
        #expect(throws: ClientFault.self) { try third.readResponse() }
        third.setTimeout(SO_RCVTIMEO, 60)
        try first.send(get("/", ["Connection: close"]).dropFirst(4) + "")
        _ = try first.readToEnd()
        #expect(try third.readResponse().status == 200)
      }
    }
  }

  @Test func `resets and half requests leave no connection behind`() async throws {
    try await withServer([hello, echo]) { server, port in
      try await blocking {
        for round in 0..<300 {
          let client = try RawClient(port)
          if round % 3 == 0 { try client.send("GET / HTT") }
          if round % 3 == 1 {
            try client.send(get("/echo", ["Content-Length: 10"], method: "POST") + "abc")
          }
          if round % 3 == 2 { try client.send(get("/")) }
          if round % 2 == 0 { client.resetOnClose() }
        }
      }
      var left = await server.connectionCount()
      for _ in 0..<500 where left > 0 {
        try await Task.sleep(for: .milliseconds(10))
        left = await server.connectionCount()
      }
      #expect(left == 0)
      let answer = try await exchange(port, get("/"))
      #expect(answer.text == "hello")
    }
  }

  @Test func `a handler that blocks does not stop others`() async throws {
    let released = Flag()
    let quick = Route.immediate("GET", "/quick", handler: { _ in .text("quick") })
    let slow = Route("GET", "/slow") { _ in
      while !released.isSet { usleep(1000) }
      return .text("slow")
    }
    try await withServer([quick, slow]) { _, port in
      try await blocking {
        defer { released.set() }
        let waiting = try RawClient(port)
        try waiting.send(get("/slow"))
        let client = try RawClient(port)
        for _ in 0..<20 {
          try client.send(get("/quick"))
          #expect(try client.readResponse().text == "quick")
        }
        released.set()
        #expect(try waiting.readResponse().text == "slow")
      }
    }
  }
}

/// Something that has happened, seen from any thread.
final class Flag: Sendable {
  private let state = Mutex(false)
  var isSet: Bool { state.withLock { $0 } }
  func set() { state.withLock { $0 = true } }
}

@Suite struct `Bodies on the wire` {
  @Test func `a client that sends all of a too large body still reads 413`() async throws {
    try await withServer([echo]) { _, port in
      try await blocking {
        for chunked in [false, true] {
          let client = try RawClient(port)
          let megabyte = String(repeating: "x", count: 1 << 20)
          if chunked {
            try client.send(
              get("/echo", ["Transfer-Encoding: chunked"], method: "POST")
                + "100000\r\n\(megabyte)\r\n0\r\n\r\n")
          } else {
            try client.send(post("/echo", megabyte))
          }
          let all = try client.readToEnd()
          #expect(all.hasPrefix("HTTP/1.1 413 "))
          #expect(all.contains("Connection: close"))
          #expect(all.hasSuffix("body_too_large"))
        }
      }
    }
  }

  @Test func `a short body nobody read is skipped and a long one ends the connection`() async throws
  {
    try await withServer([ignore, hello]) { _, port in
      try await blocking {
        let client = try RawClient(port)
        try client.send(post("/ignore", String(repeating: "x", count: 5000)) + get("/"))
        #expect(try client.readResponse().text == "ignored")
        #expect(try client.readResponse().text == "hello")
        try client.send(post("/ignore", String(repeating: "x", count: 500_000)))
        let all = try client.readToEnd()
        #expect(all.contains("Connection: close") && all.hasSuffix("ignored"))
      }
    }
  }

  @Test func `100 Continue comes when the handler reads and never before a refusal`() async throws {
    try await withServer([echo, ignore]) { _, port in
      try await blocking {
        let expect = ["Expect: 100-continue", "Content-Length: 3"]
        let client = try RawClient(port)
        try client.send(get("/echo", expect, method: "POST"))
        #expect(try client.read(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
        try client.send("abc")
        #expect(try client.readResponse().text == "abc")
        try client.send(
          get("/echo", ["Expect: 100-continue", "Content-Length: 5000"], method: "POST"))
        #expect(try client.readToEnd().hasPrefix("HTTP/1.1 413 "))
        let other = try RawClient(port)
        try other.send(get("/ignore", expect, method: "POST"))
        let answer = try other.readToEnd()
        #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.contains("Connection: close"))
        let third = try RawClient(port)
        try third.send(get("/echo", ["Expect: a miracle", "Content-Length: 3"], method: "POST"))
        #expect(try third.readToEnd().hasPrefix("HTTP/1.1 417 "))
      }
    }
  }

  @Test func `a handler that does not read stops the client and loses nothing`() async throws {
    let gate = Gate()
    let count = Route("POST", "/count", bodyLimit: .max) { request in
      await gate.wait()
      var count = 0
      for try await chunk in request.body { count += chunk.count }
      return .text("\(count)")
    }
    try await withServer([count]) { _, port in
      try await blocking {
        let total = 96 << 20
        let client = try RawClient(port)
        try client.send(get("/count", ["Content-Length: \(total)"], method: "POST"))
        client.setTimeout(SO_SNDTIMEO, 0.3)
        let megabyte = [UInt8](repeating: 7, count: 1 << 20)
        var sent = 0
        while sent < total {
          let taken = client.trySend(megabyte[..<min(megabyte.count, total - sent)])
          if taken <= 0 { break }
          sent += taken
        }
        #expect(sent < 48 << 20)
        client.setTimeout(SO_SNDTIMEO, 60)
        gate.open()
        while sent < total {
          sent += max(0, client.trySend(megabyte[..<min(megabyte.count, total - sent)]))
        }
        #expect(try client.readResponse().text == "\(total)")
      }
    }
  }

  @Test func `a body that ends early or breaks a rule is refused and closes`() async throws {
    try await withServer([echo]) { _, port in
      try await blocking {
        let short = try RawClient(port)
        try short.send(get("/echo", ["Content-Length: 10"], method: "POST") + "abc")
        short.finishSending()
        #expect(try short.readToEnd().hasPrefix("HTTP/1.1 400 "))
        let broken = try RawClient(port)
        try broken.send(
          get("/echo", ["Transfer-Encoding: chunked"], method: "POST") + "x\r\n" + get("/echo"))
        let all = try broken.readToEnd()
        #expect(all.hasPrefix("HTTP/1.1 400 ") && all.split(separator: "HTTP/1.1 ").count == 1)
      }
    }
  }

  @Test func `a stream is chunked for 1.1 and ends with the connection for 1.0`() async throws {
    let stream = Route("GET", "/stream") { _ in
      Response(
        body: .stream { writer in
          try await writer.write("one")
          try await writer.write("")
          try await writer.write("two")
        })
    }
    try await withServer([stream]) { _, port in
      try await blocking {
        let client = try RawClient(port)
        try client.send(get("/stream"))
        #expect(
          try client.read(through: "0\r\n\r\n").hasSuffix(
            "\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"))
        try client.send(get("/stream", method: "HEAD"))
        let head = try client.readResponse(toHead: true)
        #expect(head["Transfer-Encoding"] == "chunked")
        try client.send("GET /stream HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n")
        let all = try client.readToEnd()
        #expect(all.hasSuffix("\r\n\r\nonetwo") && all.contains("Connection: close"))
      }
    }
  }

  @Test func `a stream that fails never looks whole`() async throws {
    let stream = Route("GET", "/stream") { _ in
      Response(
        body: .stream { writer in
          try await writer.write("part")
          throw ClientFault(what: "disk")
        })
    }
    try await withServer([stream]) { _, port in
      let all = try await blocking {
        let client = try RawClient(port)
        try client.send(get("/stream"))
        return try client.readToEnd()
      }
      #expect(all.contains("part") && !all.hasSuffix("0\r\n\r\n"))
    }
  }
}

/// Opens once, from any thread.
final class Gate: Sendable {
  private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>(
    (false, []))

  func wait() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state in
        if !state.isOpen { state.waiting.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
  }

  func open() {
    let waiting = state.withLock { state in
      state.isOpen = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }
}
