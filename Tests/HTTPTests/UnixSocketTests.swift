import CSystem
import Glibc
import HTTP
import Logging
import Testing

private func server(_ configuration: ServerConfiguration) -> Server {
  Server(
    configuration: configuration,
    router: Router(routes: [Route("GET", "/") { _ in .text("served") }]),
    logger: Logger(label: "test"),
    errorResponse: { error, _ in .text(error.code, status: error.status) })
}

private func answer(_ connect: @escaping @Sendable () throws -> RawClient) async throws -> String {
  try await blocking {
    let client = try connect()
    try client.send(get("/", ["Connection: close"]))
    return try client.readResponse().text
  }
}

@Suite struct `Listening` {
  @Test func `a server listens on a path and leaves nothing behind`() async throws {
    let path = "/tmp/http-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
    // What a server that was killed leaves: a socket that nobody listens on.
    _ = byol_close(unsafe byol_listen_unix(path, 1))
    var configuration = ServerConfiguration()
    configuration.address = .unix(path: path)
    for _ in 0..<2 {
      let first = server(configuration)
      #expect(try await first.start() == 0)
      #expect(try await answer { try RawClient(path: path) } == "served")
      await #expect(throws: HTTPError.self) { try await server(configuration).start() }
      #expect(try await answer { try RawClient(path: path) } == "served")
      await first.drain(deadline: .seconds(1))
      #expect(unsafe access(path, F_OK) == -1)
    }
    configuration.address = .unix(path: "/etc/hostname")
    await #expect(throws: HTTPError.self) { try await server(configuration).start() }
    configuration.address = .unix(path: String(repeating: "/long", count: 30))
    await #expect(throws: HTTPError.self) { try await server(configuration).start() }
  }

  @Test func `an address that is taken is said to be taken`() async throws {
    try await withServer([]) { _, port in
      let error = await #expect(throws: HTTPError.self) {
        try await server(ServerConfiguration(port: port)).start()
      }
      #expect(error?.code == "cannot_listen")
    }
  }

  @Test func `an inherited socket is served and anything else refused`() async throws {
    let descriptor = unsafe byol_listen_tcp("127.0.0.1", 0, 16, 0)
    let port = Int(byol_local_port(descriptor))
    var configuration = ServerConfiguration()
    configuration.address = .inherited(descriptor: descriptor)
    let heir = server(configuration)
    #expect(try await heir.start() == port)
    #expect(try await answer { try RawClient(port) } == "served")
    await heir.drain(deadline: .seconds(1))
    for descriptor in [-1, 0, 100_000] as [Int32] {
      configuration.address = .inherited(descriptor: descriptor)
      await #expect(throws: HTTPError.self) { try await server(configuration).start() }
    }
  }

  @Test func `what others reach is told from what only this machine does`() {
    typealias Address = ServerConfiguration.Address
    for host in [
      "127.0.0.1", "127.255.0.9", "localhost", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1",
    ] {
      #expect(Address.tcp(host: host, port: 1).isLocal, "\(host)")
    }
    for host in [
      "0.0.0.0", "::", "10.0.0.1", "fe80::1", "example.org", "", "127.1", "128.0.0.1", "0127.0.0.1",
    ] {
      #expect(!Address.tcp(host: host, port: 1).isLocal, "\(host)")
    }
    #expect(Address.unix(path: "/x").isLocal)
    for (host, isLocal) in [
      ("127.0.0.1", true), ("0.0.0.0", false), ("::1", true), ("::", false),
    ] {
      let descriptor = unsafe byol_listen_tcp(host, 0, 1, 0)
      #expect(Address.inherited(descriptor: descriptor).isLocal == isLocal, "\(host)")
      byol_close(descriptor)
    }
    #expect(!Address.inherited(descriptor: 100_000).isLocal)
  }

  @Test func `IPv6 is listened on, and one socket may take both families`() async throws {
    for (host, peer) in [("::1", "::1"), ("::", "127.0.0.1")] {
      let who = Route("GET", "/who") { .text($0.remoteAddress) }
      let text = try await withServer(
        [who], configure: { $0.address = .tcp(host: host, port: 0) }
      ) { _, port in
        try await blocking {
          let client = try RawClient(port, host: peer)
          try client.send(get("/who"))
          return try client.readResponse().text
        }
      }
      #expect(text == peer)
    }
  }

  @Test func `several loops share a port and drain together`() async throws {
    let loops = Route.immediate("GET", "/loop", handler: { _ in .text("\(byol_thread_id())") })
    try await withServer([loops], configure: { $0.loops = 4 }) { server, port in
      let threads = try await blocking {
        var threads: Set<String> = []
        for _ in 0..<64 {
          let client = try RawClient(port)
          try client.send(get("/loop"))
          threads.insert(try client.readResponse().text)
        }
        return threads
      }
      #expect(threads.count > 1 && threads.count <= 4)
      let open = try await blocking { LoopFree(try RawClient(port)) }
      await server.drain(deadline: .seconds(2))
      #expect(try open.value.readToEnd() == "")
      #expect(throws: ClientFault.self) { try RawClient(port) }
    }
  }

  @Test func `systemd is told of start and end on the socket that it names`() throws {
    let path = "/tmp/notify-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
    let receiver = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    defer { _ = byol_close(receiver) }
    defer { unsafe byol_unlink(path) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) {
      unsafe $0.copyBytes(from: Array(path.utf8))
    }
    let bound = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(receiver, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(bound == 0)
    let notify = try #require(NotifySocket(path: path))
    func received() -> String {
      var bytes = [UInt8](repeating: 0, count: 100)
      let count = unsafe recv(receiver, &bytes, bytes.count, Int32(MSG_DONTWAIT))
      return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
    try notify.ready()
    #expect(received() == "READY=1\nSTATUS=Serving.")
    try notify.stopping()
    #expect(received() == "STOPPING=1\nSTATUS=Ending.")
  }

  @Test(arguments: [
    "/tmp/nobody-listens-here.sock", "@byol-nobody", String(repeating: "/long", count: 30),
  ])
  func `a socket of systemd that cannot be reached is an error that names it`(path: String) throws {
    let notify = try #require(NotifySocket(path: path))
    let error = #expect(throws: HTTPError.self) { try notify.ready() }
    #expect(error?.code == "cannot_notify" && error?.detail.contains(path) == true)
  }

  @Test(arguments: [nil, ""]) func `without systemd nobody is told`(path: String?) {
    #expect(NotifySocket(path: path) == nil)
  }
}
