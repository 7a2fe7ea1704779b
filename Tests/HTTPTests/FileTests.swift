import Glibc
import Testing

@testable import HTTP

private let tag = "\"v1\""
private let then = 1_000_000
private let earlierDate = HTTPDate.text(then - 10)
private let sameDate = HTTPDate.text(then)
private let laterDate = HTTPDate.text(then + 10)

@Suite struct `Conditions and ranges` {
  @Test(arguments: [
    ([:], Conditional.whole), (["If-None-Match": tag], .notModified),
    (["If-None-Match": "W/\"v1\""], .notModified),
    (["If-None-Match": "\"x,y\", \"v1\""], .notModified), (["If-None-Match": "*"], .notModified),
    (["If-None-Match": "\"v2\""], .whole), (["If-None-Match": "v1"], .whole),
    (["If-Modified-Since": sameDate], .notModified), (["If-Modified-Since": earlierDate], .whole),
    (["If-Modified-Since": "yesterday"], .whole), (["If-Modified-Since": laterDate], .notModified),
    (["If-None-Match": "\"v2\"", "If-Modified-Since": laterDate], .whole),
    (["If-Match": tag], .whole), (["If-Match": "*"], .whole), (["If-Match": "\"v2\""], .failed),
    (["If-Match": "W/\"v1\""], .failed), (["If-Unmodified-Since": earlierDate], .failed),
    (["If-Unmodified-Since": sameDate], .whole),
    (["If-Match": tag, "If-Unmodified-Since": earlierDate], .whole),
    (["If-Match": "\"v2\"", "If-None-Match": tag], .failed),
    (["If-None-Match": tag, "Range": "bytes=0-1"], .notModified),
    (["Range": "bytes=0-0"], .part(0..<1)), (["Range": "bytes=2-5"], .part(2..<6)),
    (["Range": "bytes=5-"], .part(5..<10)),
    (["Range": "bytes=-3"], .part(7..<10)), (["Range": "bytes=-30"], .part(0..<10)),
    (["Range": "bytes=8-99"], .part(8..<10)),
    (["Range": "BYTES=0-1"], .part(0..<2)), (["Range": "bytes=10-"], .unsatisfiable),
    (["Range": "bytes=99-100"], .unsatisfiable),
    (["Range": "bytes=-0"], .unsatisfiable), (["Range": "bytes=5-2"], .whole),
    (["Range": "bytes=a-b"], .whole),
    (["Range": "bytes=0-1,3-4"], .whole), (["Range": "items=0-1"], .whole),
    (["Range": "bytes"], .whole),
    (["Range": "bytes=--1"], .whole), (["Range": "bytes=0x0-1"], .whole),
    (["Range": "bytes=99999999999999999999-"], .whole),
    (["Range": "bytes=0-1", "If-Range": tag], .part(0..<2)),
    (["Range": "bytes=0-1", "If-Range": "\"v2\""], .whole),
    (["Range": "bytes=0-1", "If-Range": "W/\"v1\""], .whole),
    (["Range": "bytes=0-1", "If-Range": sameDate], .part(0..<2)),
    (["Range": "bytes=0-1", "If-Range": laterDate], .whole),
    (["Range": "bytes=0-1", "If-Range": earlierDate], .whole),
    (["Range": "bytes=" + Array(repeating: "0-0", count: 1000).joined(separator: ",")], .whole),
  ])
  func `conditions are judged in the order of RFC 9110`(
    fields: [String: String], expected: Conditional
  ) {
    var headers = Headers()
    for (name, value) in fields { headers.set(name, value) }
    let judged = Conditional(method: "GET", headers: headers, etag: tag, modified: then, size: 10)
    #expect(judged == expected)
  }

  @Test func `HEAD knows no range and an unsafe method no 304`() {
    let range = Conditional(
      method: "HEAD", headers: ["Range": "bytes=0-1"], etag: tag, modified: then, size: 10)
    #expect(range == .whole)
    let put = Conditional(
      method: "PUT", headers: ["If-None-Match": tag], etag: tag, modified: then, size: 10)
    #expect(put == .failed)
  }
}

@Suite struct `Files of a folder` {
  /// A folder `public` with files, beside a secret that must stay unreachable.
  private func withFolder(
    _ routes: [Route] = [], _ body: (Int) async throws -> Void
  ) async throws {
    let root = "/tmp/http-files-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    try #require(unsafe mkdir(root, 0o700) == 0)
    defer { removeTree(root) }
    for folder in ["/public", "/public/sub", "/outside"] { unsafe mkdir(root + folder, 0o755) }
    try write("<p>index</p>", root + "/public/index.html")
    try write("0123456789", root + "/public/sub/ten.bin")
    try write("hidden", root + "/public/.env")
    try write("secret", root + "/secret.txt")
    try write("secret", root + "/outside/secret.txt")
    try write(String(repeating: "large ", count: 200_000), root + "/public/large.txt")
    unsafe symlink(root + "/secret.txt", root + "/public/link.txt")
    unsafe symlink(root + "/outside", root + "/public/way")
    unsafe mkfifo(root + "/public/fifo", 0o644)
    try await withServer(routes, files: try StaticFiles(folder: root + "/public")) { _, port in
      try await body(port)
    }
  }

  @Test func `files have types, validators and ranges`() async throws {
    try await withFolder { port in
      let index = try await exchange(port, get("/"))
      #expect(index.text == "<p>index</p>")
      #expect(index["Content-Type"] == "text/html; charset=utf-8")
      let etag = try #require(index["ETag"])
      let again = try await exchange(port, get("/", ["If-None-Match: \(etag)"]))
      #expect(again.status == 304 && again["ETag"] == etag && again["Content-Length"] == nil)
      let part = try await exchange(port, get("/sub/ten.bin", ["Range: bytes=2-4"]))
      #expect(part.status == 206 && part.text == "234" && part["Content-Range"] == "bytes 2-4/10")
      let beyond = try await exchange(port, get("/sub/ten.bin", ["Range: bytes=10-"]))
      #expect(beyond.status == 416 && beyond["Content-Range"] == "bytes */10")
      #expect(beyond.text == "range_not_satisfiable")
      let head = try await exchange(port, get("/sub/ten.bin", method: "HEAD"))
      #expect(head["Content-Length"] == "10" && head["Content-Type"] == "application/octet-stream")
      let large = try await exchange(port, get("/large.txt"))
      #expect(large.body.count == 1_200_000 && large.text.hasSuffix("large large "))
    }
  }

  @Test func `a path that routes have for another method is 405, whether or not there is a folder`()
    async throws
  {
    try await withFolder([Route("POST", "/v1/things") { _ in .text("made") }]) { port in
      let wrong = try await exchange(port, get("/v1/things"))
      #expect(wrong.status == 405 && wrong["Allow"] == "OPTIONS, POST")
      #expect(try await exchange(port, get("/v1/others")).status == 404)
      #expect(try await exchange(port, get("/sub/ten.bin")).status == 200)
    }
  }

  @Test func `a tag that the client has is told from one that it requires`() throws {
    func has(_ name: String, _ value: String) throws -> Bool {
      try Request(method: "GET", path: "/", headers: [name: value]).has(etag: tag)
    }
    #expect(try has("If-None-Match", "W/\"v1\"") && !has("If-None-Match", "\"v2\""))
    #expect(try !has("If-Match", tag) && !has("If-Match", "*") && !has("Range", "bytes=5-"))
    #expect(throws: HTTPError.self) { try has("If-Match", "\"v2\"") }
  }

  @Test(arguments: [
    "/../secret.txt", "/sub/../../secret.txt", "/%2e%2e/secret.txt", "/%2E%2E%2Fsecret.txt",
    "/..%2fsecret.txt",
    "/..%5csecret.txt", "/..\\secret.txt", "/sub/%2e%2e/%2e%2e/secret.txt",
    "/%252e%252e/secret.txt", "//secret.txt",
    "/link.txt", "/way/secret.txt", "/fifo", "/sub", "/sub/", "/.env", "/index.html%00.txt",
    "/%c0%ae%c0%ae/secret.txt",
    "/index.html/", "/....//secret.txt", "/%zz", "/%2", "/sub/./ten.bin", "/etc/passwd",
  ])
  func `nothing outside the folder and no link is reached`(path: String) async throws {
    try await withFolder { port in
      let answer = try await exchange(port, get(path))
      #expect(answer.status == 404 || answer.status == 400)
      #expect(!answer.text.contains("secret") && !answer.text.contains("hidden"))
    }
  }
}

private func write(_ text: String, _ path: String) throws {
  let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
  try #require(file >= 0)
  var bytes = text
  let count = bytes.withUTF8 { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
  #expect(count == text.utf8.count)
  close(file)
}

/// Removes the files this suite makes.
private func removeTree(_ root: String) {
  for name in [
    "/public/index.html", "/public/sub/ten.bin", "/public/.env", "/secret.txt",
    "/outside/secret.txt",
    "/public/large.txt", "/public/link.txt", "/public/way", "/public/fifo",
  ] { unsafe unlink(root + name) }
  for folder in ["/public/sub", "/public", "/outside", ""] { unsafe rmdir(root + folder) }
}
