import Foundation
import JSONTree
import Testing

/// A program that stands before the service, with the site that is shipped for it.
private enum Proxy: String {
  case nginx = "deploy/nginx/byol.conf"
  case caddy = "deploy/caddy/Caddyfile"

  /// Where Debian's package has it, or others put it.
  var program: String? {
    let names =
      switch self {
      case .nginx: ["/usr/sbin/nginx", "/usr/local/sbin/nginx"]
      case .caddy: ["/usr/bin/caddy", "/usr/local/bin/caddy"]
      }
    return names.first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// What of the site is another here: the ports, and no TLS.
  func changes(service: Int, port: Int) -> [(shipped: String, here: String)] {
    switch self {
    case .nginx:
      [
        ("server 127.0.0.1:8080;", "server 127.0.0.1:\(service);"),
        ("listen 443 ssl;", "listen 127.0.0.1:\(port);"),
        ("  ssl_certificate     /etc/ssl/byol/cert.pem;\n", ""),
        ("  ssl_certificate_key /etc/ssl/byol/key.pem;\n", ""),
      ]
    case .caddy:
      [
        ("reverse_proxy 127.0.0.1:8080 ", "reverse_proxy 127.0.0.1:\(service) "),
        ("\npictures.example.org {", "\nhttp://127.0.0.1:\(port), http://localhost:\(port) {"),
      ]
    }
  }

  /// A configuration with the site, all of whose files are in a folder.
  func configuration(_ site: String, in folder: String) -> String {
    switch self {
    case .nginx:
      let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map {
        "\($0)_temp_path \(folder)/\($0);"
      }.joined(separator: "\n")
      return """
        daemon off; master_process off; error_log stderr warn; pid \(folder)/nginx.pid;
        events { worker_connections 256; }
        http {
        access_log off; absolute_redirect on; port_in_redirect on;
        \(temporary)
        \(site)
        }
        """
    case .caddy:
      return """
        {
          admin off
          auto_https off
          storage file_system \(folder)
          log {
            level ERROR
          }
        }
        \(site)
        """
    }
  }

  /// The arguments with which it runs in the foreground.
  func arguments(_ configuration: String, in folder: String) -> [String] {
    switch self {
    case .nginx: ["-p", folder, "-c", configuration]
    case .caddy: ["run", "--config", configuration, "--adapter", "caddyfile"]
    }
  }
}

/// A proxy with the site that is shipped for it, on a port of this machine; ended with the value.
private final class ProxyProcess {
  let port: Int
  private let process = Process()
  private let folder: FreshFolder

  init(_ proxy: Proxy, before service: Int) async throws {
    folder = try FreshFolder()
    port = try freePort()
    var site = try String(contentsOfFile: repositoryPath(proxy.rawValue), encoding: .utf8)
    for (shipped, here) in proxy.changes(service: service, port: port) {
      #expect(site.contains(shipped), "\(shipped)")
      site = site.replacing(shipped, with: here)
    }
    let path = folder.path + "/configuration"
    try proxy.configuration(site, in: folder.path)
      .write(toFile: path, atomically: true, encoding: .utf8)
    process.executableURL = URL(fileURLWithPath: try #require(proxy.program))
    process.arguments = proxy.arguments(path, in: folder.path)
    process.environment = ["HOME": folder.path]
    try process.run()
    _ = try await eventually(proxy.rawValue) { [self] in
      (try? Answer.get("/byol/livez", port: port))?.status == 200 ? true : nil
    }
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }
}

/// A port that was free a moment ago.
private func freePort() throws -> Int {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  let port = unsafe withUnsafeMutablePointer(to: &address) { pointer in
    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address -> UInt16? in
      guard unsafe bind(descriptor, address, length) == 0,
        unsafe getsockname(descriptor, address, &length) == 0
      else { return nil }
      return unsafe UnsafeRawPointer(address).assumingMemoryBound(to: sockaddr_in.self).pointee
        .sin_port.bigEndian
    }
  }
  return Int(try #require(port))
}

extension Answer {
  /// What a `GET` on a port of this machine is answered.
  fileprivate static func get(_ path: String, port: Int, fields: String = "") throws -> Answer {
    try send("GET \(path) HTTP/1.0\r\nHost: localhost\r\n\(fields)\r\n", port: port)
  }

  fileprivate static func send(_ head: String, body: [UInt8] = [], port: Int) throws -> Answer {
    try Answer(parsing: exchange(Array(head.utf8) + body, port: UInt16(port)))
  }
}

/// The service behind a proxy, under a path.
@Suite(.timeLimit(.minutes(5))) struct ProxyTests {
  private static let hasNginx = Proxy.nginx.program != nil
  private static let hasCaddy = Proxy.caddy.program != nil

  @Test(.enabled(if: hasNginx, "needs nginx, of Debian's package"))
  func `dashboard, uploads, addresses and event streams go through nginx`() async throws {
    try await goThrough(.nginx)
  }

  @Test(.enabled(if: hasCaddy, "needs Caddy, of Debian's package caddy"))
  func `dashboard, uploads, addresses and event streams go through Caddy`() async throws {
    try await goThrough(.caddy)
  }

  private func goThrough(_ kind: Proxy) async throws {
    let folder = try FreshFolder()
    let service = try await ServiceProcess(
      data: folder.path + "/data",
      arguments: [
        "--base-path", "/byol", "--trusted-proxy", "127.0.0.1", "--access-log", "--threads", "1",
      ])
    let own = try #require(URL(string: service.address))
    #expect(own.path == "/byol")
    let proxy = try await ProxyProcess(kind, before: try #require(own.port))
    defer { withExtendedLifetime(proxy) {} }
    let port = proxy.port
    try await onOwnThread { try Self.page(port) }
    let dataset = try await onOwnThread { try Self.upload(port) }
    let run = try await onOwnThread { try Self.run(dataset, port) }
    let began = ContinuousClock.now
    let first = try await onOwnThread { try Self.firstBytes(run, port) }
    // The stream goes on: the proxy passes each piece on at once, and does not wait for the end.
    #expect(first.contains("event: created") && first.contains("text/event-stream"))
    #expect(ContinuousClock.now - began < .seconds(30))
    _ = try await onOwnThread {
      try Answer.send(
        "DELETE /byol/v1/runs/\(run) HTTP/1.0\r\nHost: localhost\r\n\r\n", port: port)
    }
    #expect(service.end(SIGTERM) == 0)
    // The client's address is what the proxy says, not the proxy's own, and the route is the service's own.
    #expect(
      service.text.contains("route=/v1/datasets ") && service.text.contains("client=127.0.0.2"))
  }

  private static func page(_ port: Int) throws {
    let page = try Answer.get("/byol/", port: port)
    #expect(page.status == 200 && page.headers["content-type"]?.hasPrefix("text/html") == true)
    let bare = try Answer.get("/byol", port: port)
    #expect(bare.status == 308 && bare.headers["location"]?.hasSuffix("/byol/") == true)
    #expect(try Answer.get("/byol/app.js", port: port).status == 200)
    #expect(try Answer.get("/byol/openapi.yaml", port: port).status == 200)
    // Beside the path there is nothing of byol.
    #expect(try Answer.get("/v1/info", port: port).status == 404)
  }

  /// Sends an archive of more than 1 GiB, from another address than the proxy's.
  private static func upload(_ port: Int) throws -> String {
    let block = [UInt8](repeating: 0x20, count: 1 << 20)
    let notes = tarHead("notes.txt", byteCount: 1024 * block.count)
    let pictures = try pictureArchive(count: 40)
    let length = notes.count + 1024 * block.count + pictures.count
    let head =
      "POST /byol/v1/datasets HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/x-tar\r\n"
      + "Content-Length: \(length)\r\n\r\n"
    let created = try Answer(
      parsing: exchange(
        [Array(head.utf8), notes] + Array(repeating: block, count: 1024) + [pictures],
        port: UInt16(port), from: INADDR_LOOPBACK + 1))
    #expect(created.status == 201)
    let address = try #require(created.headers["location"])
    let path = try #require(URL(string: address)?.path)
    #expect(path.hasPrefix("/byol/v1/datasets/"))
    let dataset = try Answer.get(path, port: port)
    #expect(dataset.status == 200)
    return try #require(try dataset.object()["id"]?.stringValue)
  }

  private static func run(_ dataset: String, _ port: Int) throws -> String {
    let body: JSONValue = [
      "dataset": .string(dataset), "epochs": 100_000, "batch_size": 16, "image_size": 16,
      "width": 0.25, "projector_hidden": 32, "projector_output": 16, "predictor_hidden": 32,
    ]
    let bytes = body.encoded
    let created = try Answer.send(
      "POST /byol/v1/runs HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        + "Content-Length: \(bytes.count)\r\n\r\n", body: bytes, port: port)
    #expect(created.status == 201, "\(String(decoding: created.bytes, as: UTF8.self))")
    return try #require(try created.object()["id"]?.stringValue)
  }

  /// What of a stream of events that does not end has come when the first event is there.
  private static func firstBytes(_ run: String, _ port: Int) throws -> String {
    let head =
      "GET /byol/v1/runs/\(run)/events HTTP/1.1\r\nHost: localhost\r\n"
      + "Accept: text/event-stream\r\n\r\n"
    return String(
      decoding: try exchange(Array(head.utf8), port: UInt16(port), until: "event: created"),
      as: UTF8.self)
  }

  @Test(arguments: ["byol", "/byol/", "/a b"])
  func `a base path that is none is refused`(text: String) throws {
    let result = try ServiceProcess.run(["serve", "--base-path", text])
    #expect(result.status == 64 && result.text.contains("--base-path \(text) was given; allowed:"))
  }
}
