import Glibc
import Testing

@testable import HTTP

@Suite struct `Memory for bodies` {
  @Test func `whoever waits is served in order, and nobody overtakes`() {
    var queue = MemoryQueue(capacity: 100)
    let (first, second) = (queue.take(60), queue.take(60))
    #expect(first && !second)
    queue.wait(1, for: 60)
    let overtook = queue.take(10)
    #expect(!overtook && queue.isShort)
    queue.wait(2, for: 10)
    queue.wait(3, for: 50)
    let served = queue.giveBack(60)
    #expect(served == [1, 2])
    #expect(queue.free == 30)
    let last = queue.giveBack(60)
    #expect(last == [3])
    #expect(!queue.isShort)
  }

  @Test func `who leaves the queue lets the next one in`() {
    var queue = MemoryQueue(capacity: 100)
    let taken = queue.take(50)
    #expect(taken)
    queue.wait(1, for: 80)
    queue.wait(2, for: 40)
    let left = queue.withdraw(1)
    #expect(left.wasWaiting && left.granted == [2])
    let again = queue.withdraw(1)
    #expect(!again.wasWaiting && again.granted.isEmpty)
    #expect(queue.free == 10)
  }

  @Test func `bytes for speed alone leave half of the memory to those who need it`() {
    var queue = MemoryQueue(capacity: 100)
    let (spare, tooMuch) = (queue.takeSpare(50), queue.takeSpare(1))
    #expect(spare && !tooMuch)
    let needed = queue.take(50)
    #expect(needed && queue.free == 0)
    queue.wait(1, for: 60)
    let served = queue.giveBack(50)
    #expect(served.isEmpty)
    let overtook = queue.takeSpare(0)
    #expect(!overtook)
  }

  private static let size = 200_000

  private static let keep = Route("POST", "/keep", bodyLimit: 1 << 20) { request in
    .text("\(try await request.body.collect().count)")
  }

  private func head(_ size: Int, chunked: Bool = false) -> String {
    get(
      "/keep", [chunked ? "Transfer-Encoding: chunked" : "Content-Length: \(size)"], method: "POST")
  }

  /// Starts uploads of which the last byte is missing, enough for the memory of two.
  private func unfinished(_ port: Int, _ count: Int) throws -> [RawClient] {
    try (0..<count).map { _ in
      let client = try RawClient(port)
      try client.send(head(Self.size))
      try client.send([UInt8](repeating: 0x78, count: Self.size - 1))
      return client
    }
  }

  @Test func `bodies beyond the budget wait, then are refused with 503, and small ones pass`()
    async throws
  {
    try await withServer(
      [Self.keep],
      configure: {
        $0.limits.bodyMemoryBytes = 2 * Self.size
        $0.limits.memoryWait = .milliseconds(300)
        $0.limits.lingerBytes = 1 << 20
      }
    ) { _, port in
      try await blocking {
        let clients = try unfinished(port, 4)
        let small = try RawClient(port)
        try small.send(post("/keep", "small"))
        #expect(try small.readResponse().text == "5")
        // Two got their share. The others are refused, however long their handlers wait for a thread.
        var (open, refused): ([RawClient], Int) = (clients, 0)
        for client in clients { client.setTimeout(SO_RCVTIMEO, 0.1) }
        for _ in 0..<300 where refused < 2 {
          open.removeAll { client in
            guard let answer = try? client.readResponse() else { return false }
            #expect(answer.status == 503 && answer["Retry-After"] == "5", answer.whole)
            #expect(answer.text == "memory_short")
            refused += 1
            return true
          }
        }
        #expect(refused == 2)
        // The two that got it are not refused.
        for client in open {
          client.setTimeout(SO_RCVTIMEO, 1.5)
          #expect(throws: ClientFault.self) { try client.readResponse() }
          try client.send("x")
          client.setTimeout(SO_RCVTIMEO, 60)
          let answer = try client.readResponse()
          #expect(answer.text == "\(Self.size)", answer.whole)
        }
      }
    }
  }

  @Test func `a quick upload does not take for its buffer what the next body needs`() async throws {
    try await withServer(
      [Self.keep],
      configure: {
        $0.limits.bodyMemoryBytes = 2 * Self.size
        $0.limits.memoryWait = .milliseconds(100)
      }
    ) { server, port in
      try await blocking {
        let first = try unfinished(port, 1)[0]
        // Once all but the last byte was received, larger buffers would have been asked for.
        while server.freeBodyMemory == 2 * Self.size { usleep(1000) }
        usleep(200_000)
        #expect(server.freeBodyMemory == Self.size)
        let second = try RawClient(port)
        try second.send(head(Self.size))
        try second.send([UInt8](repeating: 0x78, count: Self.size))
        let secondAnswer = try second.readResponse()
        #expect(secondAnswer.status == 200, secondAnswer.whole)
        try first.send("x")
        let firstAnswer = try first.readResponse()
        #expect(firstAnswer.status == 200, firstAnswer.whole)
      }
    }
  }

  @Test func `a body that waits goes on when memory comes back`() async throws {
    try await withServer(
      [Self.keep],
      configure: {
        $0.limits.bodyMemoryBytes = Self.size
        $0.limits.memoryWait = .seconds(600)
      }
    ) { _, port in
      try await blocking {
        let clients = try unfinished(port, 3)
        // Whichever of them got the memory, all are answered one after another.
        for client in clients { try client.send("x") }
        for client in clients { #expect(try client.readResponse().text == "\(Self.size)") }
        // All of it came back.
        let last = try RawClient(port)
        try last.send(head(Self.size))
        try last.send([UInt8](repeating: 0x78, count: Self.size))
        #expect(try last.readResponse().text == "\(Self.size)")
      }
    }
  }

  @Test func `memory comes back from clients that leave, chunked bodies and waiting ones too`()
    async throws
  {
    try await withServer([Self.keep], configure: { $0.limits.bodyMemoryBytes = 3 * Self.size }) {
      server, port in
      try await blocking {
        for round in 0..<12 {
          let client = try RawClient(port)
          try client.send(head(Self.size, chunked: round % 2 == 0))
          if round % 2 == 0 { try client.send("30000\r\n") }
          try client.send([UInt8](repeating: 0x78, count: 150_000))
          if round % 3 == 0 { client.resetOnClose() }
        }
      }
      for _ in 0..<1000 where await server.connectionCount() > 0 {
        try await Task.sleep(for: .milliseconds(10))
      }
      #expect(server.freeBodyMemory == 3 * Self.size)
    }
  }

  @Test func `a chunked body that outgrows the memory is refused`() async throws {
    try await withServer([Self.keep], configure: { $0.limits.bodyMemoryBytes = 100_000 }) {
      server, port in
      let answer = try await blocking {
        let client = try RawClient(port)
        try client.send(head(0, chunked: true) + "80000\r\n")
        try client.send([UInt8](repeating: 0x78, count: 0x80000))
        return try client.readResponse()
      }
      #expect(answer.status == 503 && answer["Connection"] == "close")
    }
  }

  @Test func `responses of clients that do not read count too, and slow ones give way`()
    async throws
  {
    let size = 8 << 20
    let large = Route("GET", "/large") { _ in
      Response(contentType: "application/octet-stream", bytes: [UInt8](repeating: 1, count: size))
    }
    try await withServer(
      [large],
      configure: {
        $0.limits.bodyMemoryBytes = 2 * size
        $0.limits.writeProgressTimeout = .milliseconds(100)
        $0.limits.rateGrace = .milliseconds(100)
        $0.limits.minimumRate = 1
        $0.limits.minimumRateWhenShort = 1 << 30
      }
    ) { server, port in
      try await blocking {
        let deaf = try (0..<2).map { _ in
          let client = try RawClient(port)
          try client.send(get("/large"))
          return client
        }
        _ = try deaf.map { try $0.read(through: "\r\n\r\n") }
        var statuses: [Int] = []
        for _ in 0..<200 where statuses.last != 200 {
          let client = try RawClient(port)
          try client.send(get("/large"))
          statuses.append(try client.readResponse().status)
          if statuses.last != 200 { usleep(50_000) }
        }
        #expect(statuses.first == 503 && statuses.last == 200, "\(statuses)")
        withExtendedLifetime(deaf) {}
      }
    }
  }
}
