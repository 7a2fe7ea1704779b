import CSystem
import Foundation
import Testing

/// Starts `http-echo` on a free port, by way of a shell so that its limits can be set.
private final class EchoProcess {
  let process = Process()
  let port: Int
  private let errors = Pipe()

  init(_ arguments: [String] = [], before: String = "") throws {
    let bundle = Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
    let program = bundle.deletingLastPathComponent().appending(path: "http-echo").path
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "\(before) exec \"$0\" --port 0 \"$@\"", program] + arguments
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    var line = ""
    while !line.hasSuffix("\n") {
      let bytes = output.fileHandleForReading.availableData
      if bytes.isEmpty { break }
      line += String(decoding: bytes, as: UTF8.self)
    }
    port = Int(line.split(separator: " ").last?.dropLast() ?? "") ?? 0
    guard port > 0 else { throw ClientFault(what: "http-echo did not start: \(line)") }
  }

  func signal(_ number: Int32) { kill(process.processIdentifier, number) }

  /// Ends the process and returns what it wrote to its standard error.
  func end() -> String {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    return String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  }
}

@Suite struct `The echo server` {
  @Test func `its routes answer as the judges expect`() async throws {
    try await blocking {
      let echo = try EchoProcess()
      defer { _ = echo.end() }
      let client = try RawClient(echo.port)
      func ask(_ request: String) throws -> RawResponse {
        try client.send(request)
        return try client.readResponse(toHead: request.hasPrefix("HEAD"))
      }
      #expect(try ask(get("/")).status == 200)
      let posted = try ask(post("/", "a\u{0}b", ["Content-Type: text/x"]))
      #expect(posted.text == "a\u{0}b" && posted["Content-Type"] == "text/x")
      #expect(
        try ask(get("/echo", ["X-A:  1 ", "x-a: 2"])).text == "Host: localhost\nX-A: 1\nx-a: 2\n")
      #expect(try ask(get("/cookie", ["Cookie: a=1; b=2"])).text == "a=1\nb=2\n")
      let refused = try ask(get("/", method: "DELETE"))
      #expect(refused.status == 405 && refused["Allow"] == "GET, HEAD, OPTIONS, POST")
      let options = try ask(get("/", method: "OPTIONS"))
      #expect(options.status == 204 && options["Content-Length"] == nil)
      #expect(options["Allow"] == "GET, HEAD, OPTIONS, POST")
      let json = try ask(post("/json?q", "hi", ["X: y"])).text
      #expect(
        json.hasPrefix(
          #"{"method":"UE9TVA==","version":"SFRUUC8xLjE=","uri":"L2pzb24/cQ==","body":"aGk=","#
            + #""headers":[["SG9zdA==","bG9jYWxob3N0"],["WA==","eQ=="],"#))
      let form =
        "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"../a\"\r\n\r\nabc\r\n--b--\r\n"
      #expect(
        try ask(post("/upload", form, ["Content-Type: multipart/form-data; boundary=b"])).text
          == #"[{"name":"f","filename":"../a","size":3,"sha256":"#
          + #""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}]"#)
      let file = try ask(get("/file", ["Range: bytes=1-2"]))
      #expect(file.status == 206 && file.body == [1, 2] && file["ETag"] != nil)
      #expect(try ask(get("/file", method: "HEAD"))["Content-Length"] == "1024")
      #expect(try ask(get("/disk", ["Content-Length: 3"], method: "PUT") + "abc").text == "3\n")
    }
  }

  @Test func `running out of descriptors is survived and said once`() async throws {
    try await blocking {
      let echo = try EchoProcess(before: "ulimit -n 32;")
      usleep(200_000)  // libdispatch opens its own descriptors first, and dies where it cannot
      var clients: [RawClient] = []
      // None is idle, so that none can be closed for another.
      for _ in 0..<100 {
        clients.append(try RawClient(echo.port, patience: 10))
        try clients.last?.send("GET / HTTP/1.1\r\n")
      }
      try clients[0].send("Host: localhost\r\n\r\nGET")
      #expect(try clients[0].readResponse().status == 200)
      let before = processorSeconds(echo.process.processIdentifier)
      usleep(1_000_000)
      // A server that spins on a listener it cannot serve would have used the whole second.
      #expect(processorSeconds(echo.process.processIdentifier) - before < 0.3)
      let last = clients[99]
      clients.removeFirst(95)
      try last.send("Host: localhost\r\n\r\n")
      #expect(try last.readResponse().status == 200)
      clients = []
      try RawClient(echo.port).send("")
      let said = echo.end()
      #expect(said.components(separatedBy: "out of descriptors").count == 2, "\(said)")
    }
  }

  @Test func `SIGTERM answers what is under way and ends with 0, a second one ends at once`()
    async throws
  {
    try await blocking {
      let polite = try EchoProcess()
      let client = try RawClient(polite.port)
      try client.send(get("/", ["Content-Length: 2"], method: "POST"))
      usleep(100_000)
      polite.signal(SIGTERM)
      usleep(100_000)
      #expect(throws: ClientFault.self) { try RawClient(polite.port) }
      try client.send("ok")
      let answer = try client.readToEnd()
      #expect(answer.contains("Connection: close\r\n") && answer.hasSuffix("ok"))
      polite.process.waitUntilExit()
      #expect(polite.process.terminationStatus == 0)

      let hasty = try EchoProcess()
      let stuck = try RawClient(hasty.port)
      try stuck.send(get("/", ["Content-Length: 2"], method: "POST"))
      usleep(100_000)
      hasty.signal(SIGTERM)
      usleep(100_000)
      hasty.signal(SIGTERM)
      hasty.process.waitUntilExit()
      #expect(hasty.process.terminationStatus == 1)
    }
  }
}

/// Seconds of processor time that a process has used.
private func processorSeconds(_ process: pid_t) -> Double {
  let text = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
  let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
  guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
    return .infinity
  }
  return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
}
