import Testing

@testable import HTTP

private let text = Array((0..<20_000).map { "line \($0)\n" }.joined().utf8)

/// Decodes runs of compressed bytes; nil when they are refused.
private func decoded(_ runs: [[UInt8]], limit: Int = 1 << 30) -> [UInt8]? {
  do throws(HTTPError) {
    let gunzip = try Gunzip(limit: limit)
    var output: [UInt8] = []
    for run in runs {
      gunzip.feed(run)
      while let bytes = try gunzip.next() { output += bytes }
    }
    try gunzip.finish()
    return output
  } catch {
    return nil
  }
}

@Suite struct `Compressed requests` {
  @Test func `gzip is taken off however it is cut, of several members too`() throws {
    let one = try Gzip().finish(text)
    let two = try one + Gzip().finish(Array("second".utf8))
    #expect(decoded([one]) == text)
    #expect(decoded(one.map { [$0] }) == text)
    #expect(decoded([two]) == text + Array("second".utf8))
    #expect(decoded([try Gzip().finish()]) == [])
  }

  @Test func `what is no gzip, ends early or goes on with something else is refused`() throws {
    let good = try Gzip().finish(text)
    var damaged = good
    damaged[good.count / 2] ^= 0xFF
    for bytes in [damaged, Array(good.dropLast()), good + [1, 2, 3], text, [], [0x1F, 0x8B]] {
      #expect(decoded([bytes]) == nil)
    }
  }

  @Test func `a bomb costs what its limit allows`() throws {
    let zeros = [UInt8](repeating: 0, count: 64 << 20)
    let bomb = try Gzip().finish(zeros)
    #expect(bomb.count < 100_000)
    let gunzip = try Gunzip(limit: 1 << 20)
    gunzip.feed(bomb)
    var produced = 0
    #expect(throws: HTTPError.bodyTooLarge(limit: 1 << 20)) {
      while let bytes = try gunzip.next() {
        #expect(bytes.count <= Gunzip.runBytes)
        produced += bytes.count
      }
    }
    #expect(produced <= 1 << 20)
  }

  @Test func `a handler reads plain bytes, and refusals say what is accepted`() async throws {
    let count = Route("POST", "/count", bodyLimit: 300_000) { request in
      let body = try await request.body.collect()
      return .text(
        "\(body.count) \(request.headers["Content-Encoding"] ?? "plain") \(request.body.contentLength ?? -1)"
      )
    }
    let coded = try Gzip().finish(text)
    let bomb = try Gzip().finish([UInt8](repeating: 0, count: 1 << 20))
    try await withServer([count]) { server, port in
      try await blocking {
        func ask(_ bytes: [UInt8], _ coding: String) throws -> RawResponse {
          let client = try RawClient(port)
          let fields = ["Content-Encoding: \(coding)", "Content-Length: \(bytes.count)"]
          try client.send(get("/count", fields, method: "POST"))
          try client.send(bytes)
          return try client.readResponse()
        }
        #expect(try ask(coded, "gzip").text == "\(text.count) plain -1")
        #expect(try ask(coded, "X-GZIP").text == "\(text.count) plain -1")
        #expect(try ask(coded, "identity").text == "\(coded.count) identity \(coded.count)")
        #expect(try ask(bomb, "gzip").status == 413)
        #expect(try ask(text.dropLast(0) + [], "gzip").text == "invalid_content_coding")
        #expect(try ask(Array(coded.dropLast(4)), "gzip").text == "incomplete_body")
        for coding in ["br", "gzip, gzip", "gzip, br", "deflate", "zstd"] {
          let refused = try ask(coded, coding)
          #expect(refused.status == 415 && refused["Accept-Encoding"] == "gzip", "\(coding)")
        }
      }
      for _ in 0..<1000 where server.freeBodyMemory < 256 << 20 {
        try await Task.sleep(for: .milliseconds(10))
      }
      #expect(server.freeBodyMemory == 256 << 20)
    }
  }
}
