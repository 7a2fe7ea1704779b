import CZlib
import Testing

@testable import HTTP

/// Plain bytes of a gzip stream, or nil for a broken one.
private func gunzip(_ bytes: [UInt8]) -> [UInt8]? {
  var stream = unsafe z_stream()
  guard
    unsafe inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
  else {
    return nil
  }
  defer { unsafe inflateEnd(&stream) }
  var input = bytes
  var output = [UInt8](repeating: 0, count: 8 << 20)
  let result = unsafe input.withUnsafeMutableBufferPointer { source in
    unsafe output.withUnsafeMutableBufferPointer { target in
      unsafe stream.next_in = source.baseAddress
      unsafe stream.avail_in = UInt32(source.count)
      unsafe stream.next_out = target.baseAddress
      unsafe stream.avail_out = UInt32(target.count)
      return unsafe inflate(&stream, Z_FINISH)
    }
  }
  guard result == Z_STREAM_END else { return nil }
  return unsafe Array(output[..<Int(stream.total_out)])
}

@Suite struct `Compressed responses` {
  private let text = (0..<3000).map { "line \($0 % 17)\n" }.joined()

  @Test(arguments: [
    ("gzip", true), ("deflate, gzip;q=0.5", true), ("*", true), ("x-gzip", true),
    ("gzip;q=0", false), ("identity", false),
    ("deflate", false), ("", false), ("*;q=0", false), ("gzip;q=0, *", false),
    ("identity, gzip;q=0.2", false),
    ("GZIP;Q=1", true), ("gzip;q=bad", false),
  ])
  func `gzip is used only where it is welcome`(accepted: String, expected: Bool) {
    #expect(Compression.prefersGzip(["Accept-Encoding": accepted]) == expected)
  }

  @Test func `both variants say Vary and carry the same bytes under different tags`() async throws {
    let text = text
    let page = Route("GET", "/page") { _ in
      var response = Response.text(text)
      response.headers["ETag"] = "\"p\""
      return response
    }
    try await withServer([page]) { _, port in
      let plain = try await exchange(port, get("/page"))
      let zipped = try await exchange(port, get("/page", ["Accept-Encoding: gzip"]))
      #expect(plain["Vary"] == "Accept-Encoding" && zipped["Vary"] == "Accept-Encoding")
      #expect(plain["Content-Encoding"] == nil && zipped["Content-Encoding"] == "gzip")
      #expect(plain["ETag"] == "\"p\"" && zipped["ETag"] == "W/\"p\"")
      #expect(zipped.body.count < plain.body.count / 5)
      #expect(gunzip(zipped.body) == plain.body)
      let head = try await exchange(port, get("/page", ["Accept-Encoding: gzip"], method: "HEAD"))
      #expect(head["Content-Length"] == zipped["Content-Length"])
    }
  }

  @Test func `a stream is compressed as it flows`() async throws {
    let collected = Collected()
    let response = try Compression.negotiate(
      Response(
        headers: ["Content-Type": "application/json"],
        body: .stream { writer in
          for _ in 0..<100 { try await writer.write("[1,2,3,4,5,6,7,8]\n") }
        }), for: Request(method: "GET", path: "/", headers: ["Accept-Encoding": "gzip"]))
    guard case .stream(let write) = response.body else {
      Issue.record("no stream")
      return
    }
    try await write(ResponseWriter { await collected.append($0) })
    let bytes = await collected.bytes
    #expect(gunzip(bytes) == Array(String(repeating: "[1,2,3,4,5,6,7,8]\n", count: 100).utf8))
    let writes = await collected.writes
    #expect(writes == 101)
  }

  @Test func `pictures, parts and short bodies stay as they are`() throws {
    let request = Request(method: "GET", path: "/", headers: ["Accept-Encoding": "gzip"])
    for response in [
      Response(contentType: "image/png", bytes: [UInt8](repeating: 0, count: 5000)),
      Response(status: 206, contentType: "text/plain", bytes: [UInt8](repeating: 0, count: 5000)),
      Response(contentType: "text/plain", bytes: [UInt8](repeating: 0, count: 100)),
      Response.events { _ in },
    ] {
      #expect(try Compression.negotiate(response, for: request).headers["Content-Encoding"] == nil)
    }
  }
}

private actor Collected {
  var bytes: [UInt8] = []
  var writes = 0
  func append(_ more: [UInt8]) {
    bytes += more
    writes += 1
  }
}
