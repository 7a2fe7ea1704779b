import Testing

@testable import HTTP

@Suite struct `Addresses` {
  @Test(arguments: [
    ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
    ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8::0:1", "2001:db8::1"),
    ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("::ffff:1.2.3.4", "1.2.3.4"),
    ("64:ff9b::1.2.3.4", "64:ff9b::102:304"), ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
    ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
  ])
  func `an address has one text`(text: String, canonical: String) {
    #expect(IPAddress(text)?.description == canonical)
  }

  @Test(arguments: [
    "", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "1.2.3.-4", "1.2.3.0x4", "1.2.3.", "1:2:3",
    ":::", "1::2::3", "12345::", "::1%lo", "[::1]", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::",
    ":1::",
    "::1.2.3", "g::", "1.2.3.4::", " ::1",
  ])
  func `what two readers could take for different addresses is none`(text: String) {
    #expect(IPAddress(text) == nil)
  }
}

@Suite struct `Proxies` {
  private func proxies(_ texts: String...) -> TrustedProxies {
    var proxies = TrustedProxies()
    for text in texts {
      let isTaken = proxies.add(text)
      #expect(isTaken)
    }
    return proxies
  }

  @Test(arguments: [
    ("10.1.2.3", true), ("10.2.0.0", false), ("::ffff:10.1.0.1", true), ("2001:db8::9", true),
    ("2001:db9::", false), ("192.0.2.1", true), ("192.0.2.2", false), ("", false),
    ("nonsense", false),
  ])
  func `networks are compared by their bits`(peer: String, expected: Bool) {
    #expect(proxies("10.1.0.0/16", "2001:db8::/32", "192.0.2.1").contains(peer) == expected)
  }

  @Test func `everyone, nobody and the Unix socket can be named`() {
    #expect(proxies("::/0").contains("1.2.3.4"))
    #expect(proxies("0.0.0.0/0").contains("1.2.3.4") && !proxies("0.0.0.0/0").contains("::1"))
    #expect(proxies("unix").contains("") && !proxies("::/0").contains(""))
    #expect(TrustedProxies().isEmpty && !TrustedProxies().contains("127.0.0.1"))
    for text in ["", "host", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "/8"] {
      var proxies = TrustedProxies()
      let isTaken = proxies.add(text)
      #expect(!isTaken && proxies.isEmpty)
    }
  }

  @Test(arguments: [
    ("for=198.51.100.7", "198.51.100.7"), ("For=\"198.51.100.7:4711\";proto=https", "198.51.100.7"),
    ("for=\"[2001:db8::7]\"", "2001:db8::7"),
    ("proto=http;for=\"[2001:db8::7]:80\"", "2001:db8::7"),
    ("for=203.0.113.9, for=198.51.100.7", "198.51.100.7"),
    ("for=203.0.113.9, for=10.0.0.2", "203.0.113.9"),
    ("for=203.0.113.9, for=unknown", "10.0.0.1"), ("for=_hidden", "10.0.0.1"),
    ("by=198.51.100.7", "10.0.0.1"), ("for=", "10.0.0.1"), ("", "10.0.0.1"), (",,,", "10.0.0.1"),
    ("for=\"198.51.100.7", "10.0.0.1"), ("for=300.1.1.1", "10.0.0.1"),
  ])
  func `a trusted proxy names its client`(field: String, client: String) {
    let headers: Headers = ["Forwarded": field]
    #expect(proxies("10.0.0.0/8").client(peer: "10.0.0.1", headers: headers) == client)
    #expect(proxies("10.0.0.0/8").client(peer: "192.0.2.1", headers: headers) == "192.0.2.1")
  }
}

/// A header of the PROXY protocol, version 2.
private func proxyHeader(
  command: UInt8 = 0x21, family: UInt8 = 0x11,
  body: [UInt8] = [198, 51, 100, 7, 127, 0, 0, 1, 1, 2, 0, 80],
  length: Int? = nil
) -> [UInt8] {
  let count = length ?? body.count
  return [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10, command, family]
    + [UInt8(count >> 8), UInt8(count & 255)] + body
}

private func sourceVerdict(_ pieces: [ArraySlice<UInt8>]) -> Verdict<ProxyHeaderParser.Source> {
  var parser = ProxyHeaderParser()
  var taken = 0
  do throws(HTTPError) {
    for piece in pieces {
      let bytes = Array(piece)
      var position = 0
      let source = try parser.parse(bytes.span, at: &position)
      taken += position
      if let source { return .accepted(source, taken: taken) }
    }
  } catch {
    return .refused(status: error.status, code: error.code)
  }
  return .incomplete
}

@Suite struct `The PROXY protocol` {
  @Test func `a header names the client however it is cut, and nothing beyond it is taken`() throws
  {
    let v6 = [UInt8](repeating: 0, count: 15) + [1] + [UInt8](repeating: 0, count: 20)
    let cases: [([UInt8], ProxyHeaderParser.Source)] = [
      (proxyHeader(), .client(try #require(IPAddress("198.51.100.7")))),
      (proxyHeader(family: 0x21, body: v6), .client(try #require(IPAddress("::1")))),
      (
        proxyHeader(body: [1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 9]),
        .client(try #require(IPAddress("1.2.3.4")))
      ),
      (proxyHeader(command: 0x20), .connection),
      (proxyHeader(command: 0x20, family: 0, body: []), .connection),
      (proxyHeader(family: 0, body: []), .connection),
      (proxyHeader(family: 0x31, body: [UInt8](repeating: 7, count: 216)), .connection),
    ]
    for (header, source) in cases {
      let verdict = unanimous(header + Array("GET /".utf8)) { sourceVerdict($0) }
      #expect(verdict == .accepted(source, taken: header.count))
    }
  }

  @Test func `everything else is refused or waited for`() {
    let refused = [
      Array("GET / HTTP/1.1\r\n\r\n".utf8), Array("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n".utf8),
      proxyHeader(command: 0x11), proxyHeader(command: 0x22), proxyHeader(body: [1, 2, 3, 4]),
      proxyHeader(body: [UInt8](repeating: 0, count: ProxyHeaderParser.longestBody + 1)),
    ]
    for bytes in refused {
      #expect(
        unanimous(bytes) { sourceVerdict($0) }
          == .refused(status: 400, code: "invalid_proxy_header"))
    }
    for count in 0..<28 {
      #expect(unanimous(Array(proxyHeader().prefix(count))) { sourceVerdict($0) } == .incomplete)
    }
  }

  private let who = Route("GET", "/who") { .text($0.remoteAddress) }

  private func ask(_ bytes: [UInt8], trust: String, protocol: Bool) async throws -> String? {
    try await withServer(
      [who],
      configure: {
        _ = $0.proxies.add(trust)
        $0.proxyProtocol = `protocol`
      }
    ) { _, port in
      try await blocking {
        let client = try RawClient(port)
        try client.send(bytes)
        return try? client.readResponse().text
      }
    }
  }

  @Test func `only declared proxies speak for others`() async throws {
    let plain = Array(get("/who").utf8)
    let forwarded = Array(get("/who", ["Forwarded: for=203.0.113.5"]).utf8)
    #expect(try await ask(plain, trust: "127.0.0.1", protocol: false) == "127.0.0.1")
    #expect(try await ask(forwarded, trust: "127.0.0.1", protocol: false) == "203.0.113.5")
    #expect(try await ask(forwarded, trust: "10.0.0.0/8", protocol: false) == "127.0.0.1")
    #expect(
      try await ask(proxyHeader() + plain, trust: "127.0.0.1", protocol: true) == "198.51.100.7")
    // The proxy's client is no proxy: its own Forwarded field is not believed.
    #expect(
      try await ask(proxyHeader() + forwarded, trust: "127.0.0.1", protocol: true) == "198.51.100.7"
    )
    // A declared proxy that sends no header is closed without a word, an undeclared one that sends it is refused.
    #expect(try await ask(plain, trust: "127.0.0.1", protocol: true) == nil)
    #expect(
      try await ask(proxyHeader() + plain, trust: "10.0.0.1", protocol: true) == "invalid_method")
    #expect(try await ask(plain, trust: "10.0.0.1", protocol: true) == "127.0.0.1")
  }
}
