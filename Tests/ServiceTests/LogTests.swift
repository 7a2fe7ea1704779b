import Foundation
import Identifiers
import JSONTree
import Logging
import Synchronization
import Testing

@testable import CommandLineTool
@testable import HTTP

/// Lines of the log, and what they never hold.
@Suite struct LogTests {
  private let metadata: Logger.Metadata = [
    "run": "0199", "status": .stringConvertible(200), "detail": "a \"quote\"\nand a line",
    "level": "x", "empty": "",
  ]

  @Test func `logfmt quotes what has blanks, quotes or control characters`() {
    let line = LogFormat.logfmt.line(
      at: Timestamp(milliseconds: 0), level: .info, message: "Ready.", metadata: metadata)
    #expect(
      line
        == #"time=1970-01-01T00:00:00.000Z level=info msg=Ready. "#
        + #"detail="a \"quote\"\nand a line" empty="" level_=x run=0199 status=200"#)
  }

  @Test func `JSON is one object on one line, with numbers as numbers`() throws {
    let line = LogFormat.json.line(
      at: Timestamp(milliseconds: 0), level: .warning, message: "a\nb", metadata: metadata)
    #expect(!line.contains("\n"))
    let object = try #require(try JSONValue(parsing: line).objectValue)
    #expect(object["msg"] == "a\nb" && object["level"] == "warning" && object["status"] == 200)
  }

  @Test(arguments: ["\u{1b}[2J", "a\u{2028}b", "a=b", "", " ", "back\\slash", "\u{85}"])
  func `no value makes a second line or another field`(value: String) {
    let line = LogFormat.logfmt.line(
      at: Timestamp(milliseconds: 0), level: .info, message: value, metadata: [:])
    #expect(line.contains(#"msg=""#))
    #expect(!line.unicodeScalars.contains { $0.properties.generalCategory == .control })
  }

  private func accessLines(_ level: Logger.Level, from least: Logger.Level) -> [String] {
    let kept = Mutex<[String]>([])
    let output = LogOutput { line in kept.withLock { $0.append(line) } }
    let logger = Logger(label: "test") { _ in
      LineLogHandler(format: .logfmt, level: least, output: output)
    }
    var exchange = Exchange(
      method: "GET", route: "/v1/runs/{id}", path: "/v1/runs/0199", status: 404,
      duration: .microseconds(1500), bytesIn: 3, bytesOut: 700, remoteAddress: "10.0.0.7",
      requestID: "abc")
    exchange.caller = "cameras"
    exchange.traceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    AccessLog(logger: logger, level: level).write(exchange)
    return kept.withLock { $0 }
  }

  @Test func `the access log has request, route, run, status, bytes, time, client and trace`() {
    let lines = accessLines(.info, from: .info)
    #expect(lines.count == 1)
    for part in [
      "msg=request", "method=GET", "route=/v1/runs/{id}", "status=404", "bytes_in=3",
      "bytes_out=700", "milliseconds=1.5", "client=10.0.0.7", "request=abc", "run=0199",
      "key=cameras",
      "traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ] {
      #expect(lines[0].contains(" \(part)"), "\(lines[0])")
    }
    // Without --access-log it is a message at debug.
    #expect(accessLines(.debug, from: .info).isEmpty)
  }

  @Test func `the service writes what was asked for`() async throws {
    let folder = try FreshFolder()
    let service = try await ServiceProcess(
      data: folder.path + "/data", arguments: ["--log-format", "json", "--access-log"])
    _ = try await service.call("GET", "/v1/info?secret=hunter2")
    #expect(service.end(SIGTERM) == 0)
    let objects = service.text.split(separator: "\n").filter { $0.hasPrefix("{") }
      .compactMap { try? JSONValue(parsing: String($0)).objectValue }
    let request = objects.first { $0["msg"] == "request" }
    #expect(request?["route"] == "/v1/info" && request?["client"] == "127.0.0.1")
    #expect(objects.contains { $0["msg"] == "Stopped." })
    #expect(!service.text.contains("hunter2"))
  }
}
