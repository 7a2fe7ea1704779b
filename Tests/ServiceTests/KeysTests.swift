import Foundation
import JSONTree
import Testing

/// The real binary with keys: made, used, revoked, while it runs.
@Suite(.timeLimit(.minutes(3))) struct `A service with keys` {
  /// Makes a key.
  private func add(_ name: String, _ arguments: [String], _ folder: FreshFolder) throws -> String {
    let (status, text) = try ServiceProcess.run(
      ["keys", "add", name, "--data", folder.path] + arguments)
    #expect(status == 0, "\(text)")
    return try #require(text.firstMatch(of: #/byol_[0-9a-f]{64}/#).map { String($0.0) })
  }

  private func status(
    _ service: ServiceProcess, _ path: String, _ secret: String?, field: String? = nil
  ) async throws -> Int {
    let field = field ?? secret.map { "Authorization: Bearer \($0)\r\n" } ?? ""
    return try await service.exchange("GET \(path) HTTP/1.0\r\nHost: localhost\r\n\(field)\r\n")
  }

  @Test func `keys come, work and go in a service that runs`() async throws {
    let folder = try FreshFolder()
    let service = try await ServiceProcess(data: folder.path, arguments: ["--log-level", "trace"])
    #expect(try await status(service, "/v1/runs", nil) == 200)
    let reader = try add("reader", ["--role", "read", "--expires", "1d"], folder)
    _ = try await eventually("the key being in force", within: .seconds(20)) {
      try await status(service, "/v1/runs", nil) == 401 ? true : nil
    }
    #expect(try await status(service, "/v1/runs", reader) == 200)
    #expect(try await status(service, "/metrics", reader) == 200)
    for path in ["/livez", "/readyz", "/openapi.yaml", "/", "/app.js"] {
      #expect(try await status(service, path, nil) == 200, "\(path)")
    }
    let post = try await service.exchange(
      "POST /v1/runs HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer \(reader)\r\n\r\n")
    #expect(post == 403)
    // A field of ten megabytes is refused before anybody looks at it.
    let long = "Authorization: Bearer \(String(repeating: "0", count: 10_000_000))\r\n"
    #expect(try await status(service, "/v1/runs", nil, field: long) == 431)
    #expect(
      try ServiceProcess.run(["keys", "revoke", "reader", "--data", folder.path]).status == 0)
    _ = try await eventually("the key being revoked", within: .seconds(20)) {
      try await status(service, "/v1/runs", reader) == 401 ? true : nil
    }
    #expect(service.end(SIGTERM) == 0)
    let log = service.text
    #expect(log.contains("Keys are in force: 1."))
    #expect(!log.contains(reader) && !log.contains(reader.dropFirst(5)))
  }

  @Test func `a list shows names, roles and times, and no secret`() async throws {
    let folder = try FreshFolder()
    let secret = try add(
      "camera-7",
      [
        "--role", "train", "--role", "embed", "--requests-per-second", "2.5",
        "--training-hours-per-day", "8",
      ], folder)
    let service = try await ServiceProcess(data: folder.path)
    #expect(try await status(service, "/v1/runs", secret) == 200)
    #expect(service.end(SIGTERM) == 0)
    let (status, text) = try ServiceProcess.run(["keys", "list", "--data", folder.path, "--json"])
    #expect(status == 0 && !text.contains("byol_"))
    let list = try #require(try JSONValue(parsing: text).objectValue?["data"]?.arrayValue)
    let key = try #require(list.first?.objectValue)
    #expect(list.count == 1 && key["name"] == "camera-7" && key["roles"] == ["embed", "train"])
    #expect(key["requests_per_second"] == 2.5 && key["expires_at"] == .null)
    #expect(key["last_used_at"]?.stringValue != nil && key["training_hours_per_day"] == 8.0)
    let lines = try ServiceProcess.run(["keys", "list", "--data", folder.path]).text
    #expect(
      lines.contains(
        "camera-7: embed, train; 2.5 requests per second; 8.0 hours of training per day; made "))
  }

  @Test func `an address that others reach is refused without keys and served with one`()
    async throws
  {
    let folder = try FreshFolder()
    let outside = ["--host", "0.0.0.0"]
    for more in [[], ["--allow-host", "example.org"]] {
      let (status, text) = try ServiceProcess.run(
        ["serve", "--data", folder.path, "--port", "0"] + outside + more)
      #expect(status != 0 && text.contains("it has no keys"), "\(text)")
    }
    let open = try await ServiceProcess(data: folder.path, arguments: outside + ["--insecure"])
    #expect(open.end(SIGTERM) == 0)
    #expect(open.text.contains("INSECURE"))
    let secret = try add("a", ["--role", "admin"], folder)
    let closed = try await ServiceProcess(data: folder.path, arguments: outside)
    #expect(try await status(closed, "/v1/runs", nil) == 401)
    #expect(try await status(closed, "/v1/runs", secret) == 200)
    #expect(closed.end(SIGTERM) == 0)
    #expect(closed.text.contains("without TLS"))
  }

  @Test(arguments: [
    (["keys", "add", "a"], "--role is missing"),
    (["keys", "add", "a b", "--role", "read"], "name"),
    (["keys", "add", "a", "--role", "root"], "read"),
    (["keys", "add", "a", "--role", "read", "--expires", "9999d"], "expires"),
    (["keys", "add", "a", "--role", "read", "--requests-per-second", "0"], "0.001"),
    (["keys", "revoke", "a"], "no key a"),
  ])
  func `a command about keys that cannot be is refused in words`(
    arguments: [String], word: String
  ) throws {
    let folder = try FreshFolder()
    let (status, text) = try ServiceProcess.run(arguments + ["--data", folder.path])
    #expect(status != 0)
    #expect(text.contains(word), "\(text)")
  }
}

extension ServiceProcess {
  /// The status of the answer to a request as it stands.
  fileprivate func exchange(_ request: String) async throws -> Int {
    let port = try #require(URL(string: address)?.port.flatMap(UInt16.init))
    let bytes = try await onOwnThread {
      try ServiceTests.exchange(Array(request.utf8), port: port)
    }
    let words = String(decoding: bytes.prefix(64), as: UTF8.self).split(separator: " ")
    return try #require(words.dropFirst().first.flatMap { Int($0) })
  }
}
