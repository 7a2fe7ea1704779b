import Testing

@testable import HTTP

@Suite struct `Bodies of requests` {
  @Test(arguments: [
    ("0\r\n\r\n", ""), ("5\r\nhello\r\n0\r\n\r\n", "hello"),
    ("1\r\na\r\n1\r\nb\r\n0\r\n\r\n", "ab"),
    ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
    ("a;x\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
    ("1;a=b;c=\"d;e\\\"f\";g\r\nx\r\n0;last\r\n\r\n", "x"), ("00000001\r\nx\r\n000\r\n\r\n", "x"),
    ("1 ;a\r\nx\r\n0\r\n\r\n", "x"), ("1\t; a\r\nx\r\n0 ;b\r\n\r\n", "x"),
    ("1 \t ; a = b ; c =\t\"d\" ;e\r\nx\r\n0\r\n\r\n", "x"), ("1;a ;b\r\nx\r\n0\r\n\r\n", "x"),
    ("1\r\nx\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n", "x"), ("0000000000000001\r\nx\r\n0\r\n\r\n", "x"),
  ])
  func `chunks are joined and nothing beyond them is taken`(coded: String, plain: String) {
    let verdict = unanimous(coded + "NEXT") { bodyVerdict($0) }
    #expect(verdict == .accepted(Array(plain.utf8), taken: coded.utf8.count))
  }

  @Test(arguments: [
    "0x1\r\nx\r\n0\r\n\r\n", "+1\r\nx\r\n0\r\n\r\n", "-1\r\nx\r\n0\r\n\r\n", " 1\r\nx\r\n0\r\n\r\n",
    "1 \r\nx\r\n0\r\n\r\n", "1_0\r\nx\r\n0\r\n\r\n", "\r\nx\r\n0\r\n\r\n", "g\r\nx\r\n0\r\n\r\n",
    "1\nx\r\n0\r\n\r\n", "1\rx\r\n0\r\n\r\n", "1\r\nx0\r\n\r\n", "1\r\nxy\r\n0\r\n\r\n",
    "1\r\nx\n0\r\n\r\n",
    "1\r\nx\r0\r\n\r\n", "00000000000000001\r\nx\r\n0\r\n\r\n",
    "FFFFFFFFFFFFFFFF\r\nx\r\n0\r\n\r\n",
    "8000000000000000\r\nx\r\n0\r\n\r\n", "1;\r\nx\r\n0\r\n\r\n", "1;a b\r\nx\r\n0\r\n\r\n",
    "1 ; \r\nx\r\n0\r\n\r\n", "1 x;a\r\nx\r\n0\r\n\r\n", "1;a \r\nx\r\n0\r\n\r\n",
    "1;a=b \r\nx\r\n0\r\n\r\n",
    "1;a=b c\r\nx\r\n0\r\n\r\n", "1;a=\"b\" \r\nx\r\n0\r\n\r\n", "1\u{B};a\r\nx\r\n0\r\n\r\n",
    " 1;a\r\nx\r\n0\r\n\r\n",
    "1;a= \r\nx\r\n0\r\n\r\n", "1;a=\r\nx\r\n0\r\n\r\n", "1;a=\"b\r\nx\r\n0\r\n\r\n",
    "1;a\nx\r\n0\r\n\r\n",
    "1;a\rb\r\nx\r\n0\r\n\r\n",
    "1;a=\"b\"c\r\nx\r\n0\r\n\r\n", "1;\u{0}\r\nx\r\n0\r\n\r\n", "0\r\n\n", "0\n\n",
    "0\r\nX : y\r\n\r\n",
    "0\r\n folded\r\n\r\n", "0\r\nContent-Length: 1\r\n\r\n", "0\r\nHOST: a\r\n\r\n",
    "0\r\nTransfer-Encoding: chunked\r\n\r\n", "0\r\nAuthorization: x\r\n\r\n", "0\r\nX: y\n\r\n",
    "0\r\nX: a\rb\r\n\r\n",
  ])
  func `a chunk that could be read in two ways is refused`(coded: String) {
    guard case .refused(400, _) = unanimous(coded, { bodyVerdict($0) }) else {
      Issue.record(
        "\(coded.debugDescription): \(String(describing: unanimous(coded) { bodyVerdict($0) }))")
      return
    }
  }

  @Test func `a body is refused at the size line that breaks its limit`() {
    #expect(
      unanimous("5\r\nhello\r\n6\r\n", { bodyVerdict($0, limit: 10) })
        == .refused(status: 413, code: "body_too_large"))
    #expect(
      unanimous("5\r\nhello\r\n5\r\nhello\r\n0\r\n\r\n", { bodyVerdict($0, limit: 10) })
        == .accepted(Array("hellohello".utf8), taken: 25))
  }

  @Test func `a declared length is taken exactly`() {
    #expect(
      unanimous("hello world", { bodyVerdict($0, .length(5)) })
        == .accepted(Array("hello".utf8), taken: 5))
    #expect(unanimous("hell", { bodyVerdict($0, .length(5)) }) == .incomplete)
    #expect(bodyVerdict([], .none) == .accepted([], taken: 0))
  }

  @Test func `extensions, trailers and tiny chunks are bounded`() {
    var limits = Limits()
    limits.chunkExtensionBytes = 64
    limits.trailerSectionBytes = 64
    limits.chunkOverheadBytes = 100
    let long = String(repeating: "a", count: 70)
    func status(_ coded: String) -> Int? {
      guard case .refused(let status, _) = unanimous(coded, { bodyVerdict($0, limits: limits) })
      else {
        return nil
      }
      return status
    }
    #expect(status("1" + String(repeating: " ", count: 70) + ";a\r\nx\r\n0\r\n\r\n") == 400)
    #expect(status("1;\(long)\r\nx\r\n0\r\n\r\n") == 400)
    #expect(status("0\r\nX: \(long)\r\n\r\n") == 431)
    #expect(status("0\r\n" + String(repeating: "X: y\r\n", count: 20) + "\r\n") == 431)
    #expect(status(String(repeating: "1\r\nx\r\n", count: 100) + "0\r\n\r\n") == 400)
    #expect(status(String(repeating: "5\r\nhello\r\n", count: 100) + "0\r\n\r\n") == nil)
  }
}
