import Glibc
import Testing

@testable import HTTP

private let hello = Route("GET", "/") { _ in .text("hello") }
private let submit = Route("POST", "/submit") { request in
  .text("\(try await request.body.collect().count)")
}

@Suite struct `Methods and routes` {
  @Test func `HEAD mirrors GET, OPTIONS and 405 name what is allowed, strange methods get 501`()
    async throws
  {
    try await withServer([hello, submit]) { _, port in
      let whole = try await exchange(port, get("/"))
      let head = try await exchange(port, get("/", method: "HEAD"))
      #expect(head.status == 200 && head["Content-Length"] == whole["Content-Length"])
      let options = try await exchange(port, get("/", method: "OPTIONS"))
      #expect(options.status == 204 && options["Allow"] == "GET, HEAD, OPTIONS")
      #expect(options["Content-Length"] == nil && options["Transfer-Encoding"] == nil)
      let star = try await exchange(port, get("*", method: "OPTIONS"))
      #expect(star.status == 204 && star["Allow"] != nil)
      let wrong = try await exchange(port, get("/", method: "DELETE"))
      #expect(wrong.status == 405 && wrong["Allow"] == "GET, HEAD, OPTIONS")
      for method in ["TRACE", "QUERY", "get", "BREW"] {
        let strange = try await exchange(port, get("/", method: method))
        #expect(strange.status == (["TRACE", "QUERY"].contains(method) ? 405 : 501))
      }
      let tunnel = try await exchange(port, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")
      #expect(tunnel.status == 501)
    }
  }

  @Test func `every answer carries its date, its identifier and the fields that tame browsers`()
    async throws
  {
    try await withServer([hello]) { _, port in
      for path in ["/", "/missing"] {
        let answer = try await exchange(port, get(path, ["X-Request-Id: abc-1"]))
        #expect(answer["X-Request-Id"] == "abc-1")
        #expect(answer["Date"].flatMap(HTTPDate.parse) != nil)
        #expect(answer["X-Content-Type-Options"] == "nosniff")
        #expect(answer["Content-Security-Policy"]?.contains("frame-ancestors 'none'") == true)
        #expect(answer["Referrer-Policy"] == "no-referrer")
        #expect(answer["Server"] == nil && answer["Access-Control-Allow-Origin"] == nil)
      }
      let odd = try await exchange(port, get("/", ["X-Request-Id: a b\"<"]))
      #expect(odd["X-Request-Id"] != "a b\"<" && odd["X-Request-Id"]?.isEmpty == false)
    }
  }

  @Test func `path parameters are decoded once and literals win over them`() {
    let router = Router(routes: [
      Route("GET", "/v1/runs/{id}") { _ in .text("") },
      Route("GET", "/v1/runs/new") { _ in .text("") },
      Route("POST", "/v1/runs/{id}/stop") { _ in .text("") },
      Route("GET", "/files/{path*}") { _ in .text("") },
    ])
    func found(_ method: String, _ path: String) -> String {
      switch router.match(method: method, path: path) {
      case .route(let index, let parameters):
        router.routes[index].pattern
          + parameters.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
      case .files(_, let allow): "files \(allow)"
      case .options(let allow): "options \(allow)"
      case .wrongMethod(let allow): "405 \(allow)"
      case .notFound: "404"
      case .folder: "folder"
      }
    }
    #expect(found("GET", "/v1/runs/a b") == "/v1/runs/{id} id=a b")
    #expect(found("HEAD", "/v1/runs/new") == "/v1/runs/new")
    #expect(found("GET", "/v1/runs/new/stop") == "405 OPTIONS, POST")
    #expect(found("POST", "/v1/runs/7/stop") == "/v1/runs/{id}/stop id=7")
    #expect(found("GET", "/v1/runs/") == "404")
    #expect(found("GET", "/v1/runs") == "404")
    #expect(found("GET", "/files/a/b") == "/files/{path*} path=a/b")
    #expect(found("OPTIONS", "/v1/runs/7") == "options GET, HEAD, OPTIONS")
  }

  @Test func `every code of the server has one status, and the answer carries it`() async throws {
    #expect(HTTPError.Code.allCases.allSatisfy { (400..<600).contains($0.status) })
    try await withServer([hello, submit]) { _, port in
      let requests = [
        (get("/", ["Host: b"]), HTTPError.Code.duplicateHost), (get("/%2e"), .invalidPath),
        (get("/none"), .notFound), (get("/", method: "DELETE"), .methodNotAllowed),
        (get("/").replacing("localhost", with: "evil.example"), .hostNotAllowed),
        (get("/", ["Expect: more"]), .unknownExpectation),
        (get("/").replacing("1.1", with: "1.9"), .versionNotSupported),
        (post("/submit", "{}", ["Sec-Fetch-Site: cross-site"]), .crossSite),
        (post("/submit", "{}", ["Content-Encoding: br"]), .unsupportedContentCoding),
      ]
      for (request, code) in requests {
        let answer = try await exchange(port, request)
        #expect(answer.status == code.status && answer.text == code.rawValue, "\(request)")
      }
    }
  }

  @Test func `a handler's fault is 500 and tells nothing`() async throws {
    let faulty = Route("GET", "/faulty") { _ in throw ClientFault(what: "secret") }
    let teapot = Route("GET", "/teapot") { _ in
      throw HTTPError(status: 418, code: "teapot", detail: "", headers: ["Retry-After": "1"])
    }
    try await withServer([faulty, teapot]) { _, port in
      let answer = try await exchange(port, get("/faulty"))
      #expect(answer.status == 500 && !answer.text.contains("secret"))
      let other = try await exchange(port, get("/teapot"))
      #expect(other.status == 418 && other["Retry-After"] == "1")
    }
  }
}

@Suite struct `Browsers` {
  @Test(arguments: [
    ("localhost", 200), ("LOCALHOST:80", 200), ("127.0.0.1", 200), ("[::1]:9", 200),
    ("app.localhost", 200),
    ("declared.example", 200), ("10.0.0.7:8080", 200), ("localhost.", 200),
    ("evil.example", 421), ("localhost.evil.example", 421), ("evillocalhost", 421),
    ("127.0.0.1.evil.example", 421),
    ("declared.example.evil.example", 421), ("127.0.0.1.nip.io", 421), ("0x7f.1", 421),
    ("2130706433", 421),
    ("127.0.0.256", 421), ("1.2.3", 421), ("xdeclared.example", 421), ("declared.exampl", 421),
  ])
  func `only names that cannot be rebound, and declared ones, are served`(
    host: String, status: Int
  ) async throws {
    try await withServer([hello], configure: { $0.allowedHosts = ["declared.example"] }) {
      _, port in
      let answer = try await exchange(port, "GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n")
      #expect(answer.status == status)
      let absolute = try await exchange(
        port, "GET http://\(host)/ HTTP/1.1\r\nHost: \(host)\r\n\r\n")
      #expect(absolute.status == status)
    }
  }

  @Test(arguments: [
    ("byol", true), ("pictures.example.org", true), ("*", true), ("xn--bcher-kva.example", true),
    ("10.0.0.7", true), ("::1", true), ("under_score", true), ("byol:8080", false),
    ("http://byol", false), ("*.example.org", false), ("", false), ("a..b", false),
    ("byol.", false),
    ("a b", false), ("b\u{FC}cher.example", false), (String(repeating: "a", count: 64), false),
  ])
  func `a declared host name that could never match is refused at the start`(
    name: String, isGood: Bool
  ) async throws {
    #expect((ServerConfiguration.faultOfHostName(name) == nil) == isGood)
    if isGood { return }
    await #expect(throws: HTTPError.self) {
      try await withServer([hello], configure: { $0.allowedHosts = [name] }) { _, _ in }
    }
  }

  @Test(arguments: [
    ([], 200), (["Origin: http://localhost"], 200), (["Sec-Fetch-Site: same-origin"], 200),
    (["Sec-Fetch-Site: none"], 200),
    (["Sec-Fetch-Site: cross-site"], 403), (["Sec-Fetch-Site: same-site"], 403),
    (["Origin: http://evil.example"], 403),
    (["Origin: null"], 403), (["Origin: http://localhost:81"], 403),
    (["Origin: http://localhost.evil.example"], 403),
    (["Origin: http://localhost", "Sec-Fetch-Site: cross-site"], 403),
  ])
  func `another site's page changes nothing here`(fields: [String], status: Int) async throws {
    try await withServer([hello, submit]) { _, port in
      let json = ["Content-Type: application/json"]
      let unsafeAnswer = try await exchange(port, post("/submit", "{}", json + fields))
      #expect(unsafeAnswer.status == status)
      let safeAnswer = try await exchange(port, get("/", fields))
      #expect(safeAnswer.status == 200)
    }
  }
}

@Suite struct `Fields` {
  @Test func `names are compared without case and order is kept`() {
    var headers: Headers = ["A": "1", "b": "2"]
    headers.append("a", "3")
    #expect(headers["a"] == "1")
    #expect(headers.all("A") == ["1", "3"])
    headers["a"] = "4"
    #expect(headers.fields.map(\.value) == ["4", "2"])
    headers["A"] = nil
    #expect(headers.fields.count == 1)
  }

  @Test(arguments: [
    ("a", "b\r\nc: d"), ("a", "b\n"), ("a", "\0"), ("a b", "c"), ("", "c"), ("a:", "c"),
    ("\u{E9}", "c"), ("a", "\u{7F}"),
  ])
  func `a field that would split a message is none`(name: String, value: String) {
    #expect(!Headers.isValid(name: name, value: value))
  }

  @Test(arguments: [
    (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
    (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
    (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
    (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 GMT"),
  ])
  func `dates read as they are written`(seconds: Int, text: String) {
    #expect(HTTPDate.text(seconds) == text)
    #expect(HTTPDate.parse(text) == seconds)
  }

  @Test(arguments: [
    ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777), ("Sun Nov  6 08:49:37 1994", 784_111_777),
    ("Wed Nov 16 08:49:37 1994", 784_975_777), ("Friday, 31-Dec-99 23:59:59 GMT", 946_684_799),
    ("Saturday, 01-Jan-00 00:00:00 GMT", 946_684_800),
  ])
  func `the two old forms of dates are read`(text: String, seconds: Int) {
    #expect(HTTPDate.parse(text) == seconds)
  }

  @Test(arguments: [
    "", "Sun, 06-Nov-94 08:49:37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT",
    "Sun Nov 6 08:49:37 1994", "Sun Nov  16 08:49:37 1994", "Sun Nov  6 08:49:37 1994 GMT",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 6 Nov 1994 08:49:37 GMT", "Sun Nov 16 08:49:37 1994", "Mon, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 25:49:37 GMT", "Xxx, 06 Nov 1994 08:49:37 GMT",
    "Wed, 31 Feb 1999 08:49:37 GMT", "Sun, 06 Nov 1994 99999999999:49:37 GMT",
  ])
  func `what is no date is ignored`(text: String) {
    #expect(HTTPDate.parse(text) == nil)
  }
}
