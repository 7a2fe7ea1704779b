import CSystem
import Glibc
import HTTP
import Logging
import Testing

@Suite struct `Unix sockets` {
  @Test func `a server listens on a path, replaces its old socket and spares other files`()
    async throws
  {
    let path = "/tmp/http-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
    defer { unsafe unlink(path) }
    var configuration = ServerConfiguration()
    configuration.address = .unix(path: path)
    let router = Router(routes: [Route("GET", "/") { _ in .text("over a path") }])
    for _ in 0..<2 {
      let server = Server(
        configuration: configuration, router: router, logger: Logger(label: "test"),
        errorResponse: { error, _ in .text(error.code, status: error.status) })
      #expect(try await server.start() == 0)
      let answer = try await blocking {
        let client = try RawClient(path: path)
        try client.send(get("/"))
        return try client.readResponse().text
      }
      #expect(answer == "over a path")
      await server.drain(deadline: .seconds(1))
    }
    configuration.address = .unix(path: "/etc/hostname")
    let server = Server(
      configuration: configuration, router: router, logger: Logger(label: "test"),
      errorResponse: { error, _ in .text(error.code, status: error.status) })
    await #expect(throws: HTTPError.self) { try await server.start() }
  }

  @Test func `an address that is taken is said to be taken`() async throws {
    try await withServer([]) { _, port in
      let second = Server(
        configuration: ServerConfiguration(port: port), router: Router(routes: []),
        logger: Logger(label: "test"),
        errorResponse: { error, _ in .text(error.code, status: error.status) })
      await #expect(throws: HTTPError.self) { try await second.start() }
    }
  }
}
