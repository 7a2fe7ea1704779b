import Testing

@testable import HTTP

@Suite struct `Multipart bodies` {
  /// Parts as `name|filename|type|content`, joined; nil when the deliveries disagree.
  private func read(
    _ body: String, boundary: String = "b", _ change: (inout MultipartLimits) -> Void = { _ in }
  )
    -> String?
  {
    var limits = MultipartLimits()
    change(&limits)
    let results = deliveries(Array(body.utf8)).map { pieces -> String in
      var parser = MultipartParser(boundary: boundary, limits: limits)
      var events: [MultipartEvent] = []
      do throws(HTTPError) {
        for piece in pieces {
          let bytes = Array(piece)
          try parser.parse(bytes.span, into: &events)
        }
      } catch { return "\(error.status)" }
      guard parser.isFinished else { return "unfinished" }
      var text = ""
      for event in events {
        switch event {
        case .part(let part):
          text += "[\(part.name)|\(part.filename ?? "-")|\(part.contentType ?? "-")]"
        case .data(let bytes): text += String(decoding: bytes, as: UTF8.self)
        }
      }
      return text
    }
    return results.allSatisfy { $0 == results[0] } ? results[0] : nil
  }

  private func part(_ name: String, _ content: String, _ more: String = "") -> String {
    "--b\r\nContent-Disposition: form-data; name=\"\(name)\"\(more)\r\n\r\n\(content)\r\n"
  }

  @Test func `parts are told apart however they are cut`() {
    #expect(read(part("a", "1") + part("b", "2") + "--b--\r\n") == "[a|-|-]1[b|-|-]2")
    #expect(
      read("preamble\r\n" + part("a", "x\r\n--\r\n-b\r\n--c") + "--b--epilogue")
        == "[a|-|-]x\r\n--\r\n-b\r\n--c")
    #expect(
      read(part("a", "") + "--b  \r\n" + part("c", "-").dropFirst(4) + "--b--") == "[a|-|-][c|-|-]-"
    )
    #expect(
      read(part("f", "\r\n\r", "; filename=\"../etc/\\\"p\"\r\nContent-Type: image/png") + "--b--")
        == "[f|../etc/\"p|image/png]\r\n\r")
    #expect(read(part("a", "\r\r\n\r\n--") + "--b--") == "[a|-|-]\r\r\n\r\n--")
  }

  @Test func `a malformed part is refused and an unfinished one is not taken for whole`() {
    #expect(read(part("a", "1")) == "unfinished")
    #expect(read("--b\r\nno colon\r\n\r\n\r\n--b--") == "400")
    #expect(read("--b\r\n\r\nx\r\n--b--") == "400")
    #expect(read("--b\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--b--") == "400")
    #expect(read("--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--") == "400")
    #expect(read("--bx\r\n") == "400")
  }

  @Test func `parts and their headers are bounded`() {
    let many = String(repeating: part("a", "1"), count: 4) + "--b--"
    #expect(read(many) { $0.parts = 4 } != "413")
    #expect(read(many) { $0.parts = 3 } == "413")
    #expect(
      read(part(String(repeating: "n", count: 300), "1") + "--b--") { $0.partHeaderBytes = 256 }
        == "431")
  }

  @Test func `parameters are tokens or quoted text`() throws {
    let (value, parameters) = try #require(parseParameters("a/b; c=d ;E=\"f;\\\"g\""))
    #expect(value == "a/b")
    #expect(parameters.map(\.name) == ["c", "E"] && parameters.map(\.value) == ["d", "f;\"g"])
    for bad in ["", "a; b", "a; =b", "a; b=\"c", "a; b=\"c\" d"] {
      #expect(parseParameters(bad) == nil)
    }
  }

  @Test func `a reader pulls parts out of a request`() async throws {
    let body = part("a", "1", "; filename=x") + "--b--"
    var reader = try MultipartReader(
      Request(
        method: "POST", path: "/", headers: ["Content-Type": "multipart/form-data; boundary=b"],
        body: RequestBody(Array(body.utf8))))
    guard case .part(let first) = try await reader.next() else {
      Issue.record("no part")
      return
    }
    #expect(first.filename == "x")
    #expect(try await reader.next() == .data([0x31]))
    #expect(try await reader.next() == nil)
    #expect(throws: HTTPError.self) {
      try MultipartReader(
        Request(method: "POST", path: "/", headers: ["Content-Type": "text/plain"]))
    }
  }
}
