import Testing

@testable import HTTP

private let host = "Host: a\r\n"

@Suite struct `Heads of requests` {
  @Test(arguments: [
    // Request line: 18 of the checklist.
    ("GET  / HTTP/1.1\r\n" + host, 400), (" GET / HTTP/1.1\r\n" + host, 400),
    ("GET\t/ HTTP/1.1\r\n" + host, 400), ("GET /  HTTP/1.1\r\n" + host, 400),
    ("GET / HTTP/1.1 \r\n" + host, 400), ("GET /\r\n" + host, 400), ("GET / \r\n" + host, 400),
    ("GET / HTTP/0.9\r\n" + host, 400), ("GET / HTTP/01.1\r\n" + host, 400),
    ("GET / http/1.1\r\n" + host, 400), ("GET / HTTP/1.1x\r\n" + host, 400),
    ("GET / HTTP/2.0\r\n" + host, 505), ("GET / HTTP/1.2\r\n" + host, 505),
    ("GET / HTTP/1.9\r\n" + host, 505), ("GET /a#b HTTP/1.1\r\n" + host, 400),
    ("GET /\u{E9} HTTP/1.1\r\n" + host, 400), ("GET /\u{7F} HTTP/1.1\r\n" + host, 400),
    ("GET /\u{1} HTTP/1.1\r\n" + host, 400), ("GET * HTTP/1.1\r\n" + host, 400),
    ("GET a HTTP/1.1\r\n" + host, 400), ("GET a:80 HTTP/1.1\r\n" + host, 400),
    ("CONNECT a:80 HTTP/1.1\r\n" + host, 501), ("G@T / HTTP/1.1\r\n" + host, 400),
    ("/ HTTP/1.1\r\n" + host, 400), ("HTTP/1.1 200 OK\r\n" + host, 400),
    (String(repeating: "A", count: 33) + " / HTTP/1.1\r\n" + host, 400),
    ("GET http://b/ HTTP/1.1\r\n" + host, 400), ("GET http://u@a/ HTTP/1.1\r\n" + host, 400),
    ("GET ftp://a/ HTTP/1.1\r\n" + host, 400), ("GET http:/// HTTP/1.1\r\n" + host, 400),
    ("\r\n\r\nGET / HTTP/1.1\r\n" + host, 400), ("\nGET / HTTP/1.1\r\n" + host, 400),
    // Line ends: 2.
    ("GET / HTTP/1.1\n" + host, 400), ("GET / HTTP/1.1\r\nHost: a\n", 400),
    ("GET / HTTP/1.1\rX\r\n" + host, 400), ("GET /\r HTTP/1.1\r\n" + host, 400),
    ("GET / HTTP/1.1\r\n" + host + "A: b\rc: d\r\n", 400),
    ("GET / HTTP/1.1\r\n" + host + "A: b\r\r\n", 400),
    ("GET / HTTP/1.1\r\n" + host + "\n", 400),
    // Fields: 3 … 6.
    ("GET / HTTP/1.1\r\n" + host + " folded\r\n", 400),
    ("GET / HTTP/1.1\r\n" + host + "\tfolded\r\n", 400),
    ("GET / HTTP/1.1\r\n " + host, 400), ("GET / HTTP/1.1\r\nHost : a\r\n", 400),
    ("GET / HTTP/1.1\r\nHost\t: a\r\n", 400), ("GET / HTTP/1.1\r\n" + host + ": b\r\n", 400),
    ("GET / HTTP/1.1\r\n" + host + "nocolon\r\n", 400),
    ("GET / HTTP/1.1\r\n" + host + "A(: b\r\n", 400),
    ("GET / HTTP/1.1\r\n" + host + "A: b\u{0}c\r\n", 400),
    ("GET / HTTP/1.1\r\n" + host + "A: \u{7F}\r\n", 400),
    ("GET / HTTP/1.1\r\n" + host + "A\u{0}: b\r\n", 400),
    ("GET / HTTP/1.1\r\n" + host + "\u{E9}: b\r\n", 400),
    ("GET / HTTP/1.1\r\n" + host + "A: \u{B}b\r\n", 400),
    // Host: 8.
    ("GET / HTTP/1.1\r\n", 400), ("GET / HTTP/1.1\r\nHost:\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: \r\n", 400),
    ("GET / HTTP/1.1\r\n" + host + host, 400), ("GET / HTTP/1.1\r\nHost: a, b\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a b\r\n", 400), ("GET / HTTP/1.1\r\nHost: u@a\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a/b\r\n", 400), ("GET / HTTP/1.1\r\nHost: a:b\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a:99999\r\n", 400), ("GET / HTTP/1.1\r\nHost: :80\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: [1.2.3.4]\r\n", 400), ("GET / HTTP/1.1\r\nHost: [:::]\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: [::1\r\n", 400), ("GET / HTTP/1.1\r\nHost: a:1:2\r\n", 400),
    ("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n", 400),
    // Framing: 9 … 13.
    ("POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400),
    ("POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 1\r\n", 400),
    ("POST / HTTP/1.1\r\n" + host + "Content-Length: 1, 1\r\n", 400),
    ("POST / HTTP/1.1\r\n" + host + "Content-Length: +1\r\n", 400),
    ("POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n", 400),
    ("POST / HTTP/1.1\r\n" + host + "Content-Length: 0x1\r\n", 400),
    ("POST / HTTP/1.1\r\n" + host + "Content-Length: 1_0\r\n", 400),
    ("POST / HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999\r\n", 400),
    ("POST / HTTP/1.1\r\n" + host + "Content-Length:\r\n", 400),
    ("POST / HTTP/1.1\r\n" + host + "Content-Length: 1 1\r\n", 400),
    ("POST / HTTP/1.1\r\n" + host + "Content-Length: 1a\r\n", 400),
    ("POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n", 400),
    ("POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked, chunked\r\n", 400),
    ("POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: identity\r\n", 400),
    ("POST / HTTP/1.1\r\n" + host + "Transfer-Encoding:\r\n", 400),
    ("POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: \"chunked\"\r\n", 400),
    ("POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n", 501),
    (
      "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
      400
    ),
    ("POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n", 400),
    // Expectations: 34.
    ("POST / HTTP/1.1\r\n" + host + "Expect: 200-maybe\r\n", 417),
  ])
  func `what two servers could read differently is refused however it is cut`(
    head: String, status: Int
  ) {
    let verdict = unanimous(head + "\r\n") { headVerdict($0) }
    guard case .refused(status, _) = verdict else {
      Issue.record("\(String(describing: verdict))")
      return
    }
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\n" + host, "/", true), ("\r\nGET / HTTP/1.1\r\n" + host, "/", true),
    ("GET /a?b=c HTTP/1.0\r\n", "/a?b=c", false),
    ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n", "/", true),
    ("GET / HTTP/1.1\r\n" + host + "Connection: foo, CLOSE\r\n", "/", false),
    ("GET / HTTP/1.1\r\n" + host + "Connection: keep-alive, close\r\n", "/", false),
    ("OPTIONS * HTTP/1.1\r\n" + host, "*", true), ("GET http://a HTTP/1.1\r\n" + host, "/", true),
    ("GET HTTP://A?x HTTP/1.1\r\n" + host, "/?x", true),
    ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n", "/", true),
    ("GET / HTTP/1.1\r\nhOsT:\t a \t\r\n", "/", true),
    ("GET /%7e/a;b HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n", "/%7e/a;b", true),
  ])
  func `a good head is taken whole with its target and persistence`(
    head: String, target: String, persists: Bool
  ) throws {
    let verdict = try #require(unanimous(head + "\r\nNEXT") { headVerdict($0) })
    guard case .accepted(let parsed, let taken) = verdict else {
      Issue.record("\(verdict)")
      return
    }
    #expect(parsed.pathAndQuery == target)
    #expect(parsed.persists == persists)
    #expect(taken == head.utf8.count + 2)
  }

  @Test(arguments: [
    "", "\r", "\r\n", "GET", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n", "\u{15}\u{3}",
  ])
  func `an unfinished head is never judged`(head: String) {
    #expect(unanimous(head) { headVerdict($0) } == .incomplete)
  }

  @Test(arguments: ["\u{16}", "\u{16}\u{3}\u{1}\u{2}", "\r\n\u{16}"])
  func `a TLS handshake on a plain port is refused at its first byte`(start: String) {
    let expected: Verdict<RequestHead> =
      start.hasPrefix("\r\n") ? .incomplete : .refused(status: 400, code: "tls_on_plain_port")
    #expect(unanimous(start) { headVerdict($0) } == expected)
  }

  @Test func `values lose only blanks, and bytes that are no UTF-8 are replaced`() throws {
    let raw =
      Array("GET / HTTP/1.1\r\nHost: a\r\nX:  \u{A0}\t".utf8) + [0xFF, 0x0D, 0x0A, 0x0D, 0x0A]
    guard case .accepted(let head, _) = unanimous(raw, { headVerdict($0) }) else {
      Issue.record("refused")
      return
    }
    #expect(head.headers.fields.last?.value == "\u{A0}\t\u{FFFD}")
  }

  @Test func `framing is read from one well-formed field`() throws {
    let cases: [(String, RequestHead.Framing)] = [
      ("Content-Length: 0", .none), ("Content-Length: 12", .length(12)),
      ("transfer-encoding: CHUNKED", .chunked), ("X: y", .none),
    ]
    for (field, framing) in cases {
      let head = "POST / HTTP/1.1\r\nHost: a\r\n\(field)\r\n\r\n"
      guard case .accepted(let parsed, _) = unanimous(head, { headVerdict($0) }) else {
        Issue.record("refused \(field)")
        continue
      }
      #expect(parsed.framing == framing)
    }
  }
}

@Suite struct `Limits of heads` {
  private func status(_ head: String, _ change: (inout Limits) -> Void = { _ in }) -> Int? {
    var limits = Limits()
    change(&limits)
    switch unanimous(head, { headVerdict($0, limits: limits) }) {
    case .refused(let status, _): return status
    case .accepted: return 200
    default: return nil
    }
  }

  private func head(target: Int = 0, fields: [String] = []) -> String {
    "GET /" + String(repeating: "a", count: target) + " HTTP/1.1\r\nHost: a\r\n"
      + fields.map { $0 + "\r\n" }.joined() + "\r\n"
  }

  @Test func `a request line is taken up to its limit and refused past it`() {
    let line = "GET / HTTP/1.1".utf8.count
    #expect(status(head(target: 100)) { $0.startLineBytes = line + 100 } == 200)
    #expect(status(head(target: 101)) { $0.startLineBytes = line + 100 } == 414)
  }

  @Test func `a field line is taken up to its limit and refused past it`() {
    let field = "X: " + String(repeating: "a", count: 97)
    #expect(status(head(fields: [field])) { $0.fieldLineBytes = 100 } == 200)
    #expect(status(head(fields: [field + "a"])) { $0.fieldLineBytes = 100 } == 431)
  }

  @Test func `a header section is refused past its limit`() {
    let fields = (0..<50).map { "X\($0): " + String(repeating: "a", count: 50) }
    #expect(status(head(fields: fields)) { $0.headerSectionBytes = 4096 } == 200)
    #expect(status(head(fields: fields)) { $0.headerSectionBytes = 2048 } == 431)
  }

  @Test func `fields are counted`() {
    #expect(status(head(fields: Array(repeating: "X: y", count: 99))) == 200)
    #expect(status(head(fields: Array(repeating: "X: y", count: 100))) == 431)
  }

  @Test func `a line without an end is refused before it is buffered whole`() {
    #expect(status("GET /" + String(repeating: "a", count: 9000)) == 414)
    #expect(status(String(repeating: "a", count: 9000)) == 400)
    #expect(status("GET / HTTP/1.1\r\nHost: " + String(repeating: "a", count: 9000)) == 431)
  }

  /// Line 23 of the checklist.
  @Test func `a head of 100 KB in small pieces costs time in proportion and is refused early`() {
    /// The pieces until the verdict, and the shortest time of several for it.
    func parse(_ bytes: Int, _ limits: Limits) -> (pieces: Int, status: Int?, time: Duration) {
      let head =
        Array("GET / HTTP/1.1\r\nHost: a\r\nX: ".utf8) + Array(repeating: 0x61, count: bytes)
      var (pieces, status) = (0, Int?.none)
      let time = (0..<5).map { _ in
        ContinuousClock().measure {
          var parser = HeadParser(limits: limits)
          (pieces, status) = (0, nil)
          for start in stride(from: 0, to: head.count, by: 4) {
            var position = 0
            let piece = Array(head[start..<min(start + 4, head.count)])
            pieces += 1
            do throws(HTTPError) {
              _ = try parser.parse(piece.span, at: &position)
            } catch {
              status = error.status
              break
            }
          }
        }
      }
      return (pieces, status, time.min() ?? .zero)
    }
    let refused = parse(100_000, Limits())
    #expect(refused.status == 431)
    #expect(refused.pieces * 4 < 9_000)
    // With limits that let it pass, ten times the bytes cost ten times as much; a hundred times were they copied anew.
    var wide = Limits()
    (wide.fieldLineBytes, wide.headerSectionBytes) = (2_000_000, 2_000_000)
    let (short, long) = (parse(100_000, wide), parse(1_000_000, wide))
    #expect(short.status == nil && long.status == nil)
    #expect(long.time < short.time * 40)
  }
}
