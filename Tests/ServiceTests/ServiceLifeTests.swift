import Foundation
import JSONTree
import Testing

/// The binary's start, its end, and what it refuses.
@Suite(.timeLimit(.minutes(2))) struct ServiceLifeTests {
  @Test func `the service tells its address, serves, and ends with 0`() async throws {
    let folder = try FreshFolder()
    let service = try await ServiceProcess(data: folder.path)
    #expect(try await service.call("GET", "/readyz").status == 200)
    let page = try await service.call("GET", "/")
    #expect(page.status == 200)
    let policy = try #require(page.headers["content-security-policy"])
    #expect(!policy.contains("unsafe-inline"))
    for file in ["/app.js", "/charts/chart.js", "/style.css", "/icon.svg", "/openapi.yaml"] {
      #expect(try await service.call("GET", file).status == 200, "\(file)")
    }
    #expect(service.end(SIGTERM) == 0)
  }

  @Test func `a second service on the same folder is refused`() async throws {
    let folder = try FreshFolder()
    let service = try await ServiceProcess(data: folder.path)
    let (status, text) = try ServiceProcess.run(
      ["serve", "--data", folder.path, "--port", "0", "--public", repositoryPath("Public")])
    #expect(status != 0)
    #expect(text.contains("Another byol service uses the data folder"))
    #expect(service.end(SIGTERM) == 0)
  }

  @Test(arguments: [
    (["--host", "0.0.0.0"], "--insecure"), (["--port", "70000"], "65535"),
    (["--log-level", "loud"], "one of"), (["--runs-at-once", "0"], "1…64"),
    (["--niceness", "20"], "0...19"), (["--public", "/nowhere"], "no dashboard"),
    (["--host", "127.0.0.1", "--data", "/proc/nowhere"], "cannot be made"),
  ])
  func `an argument that cannot be is refused in words`(arguments: [String], word: String) throws {
    let folder = try FreshFolder()
    let (status, text) = try ServiceProcess.run(["serve", "--data", folder.path] + arguments)
    #expect(status != 0)
    #expect(text.contains(word), "\(text)")
  }

  @Test func `a port that is taken is told in words and nothing stays locked`() async throws {
    let (first, second) = (try FreshFolder(), try FreshFolder())
    let service = try await ServiceProcess(data: first.path)
    let port = try #require(service.address.split(separator: ":").last).description
    let (status, text) = try ServiceProcess.run(
      ["serve", "--data", second.path, "--port", port, "--public", repositoryPath("Public")])
    #expect(status != 0)
    #expect(text.contains("port \(port) cannot be listened on"))
    let other = try await ServiceProcess(data: second.path)
    #expect(other.end(SIGTERM) == 0)
    #expect(service.end(SIGINT) == 0)
  }

  @Test func `errors of the transport are problems too`() async throws {
    let folder = try FreshFolder()
    let service = try await ServiceProcess(data: folder.path)
    for (method, path, status) in [
      ("GET", "/v1/nothing", 404), ("DELETE", "/v1/models", 405), ("PUT", "/v1/runs", 405),
    ] {
      let answer = try await service.call(method, path)
      #expect(answer.status == status)
      #expect(answer.headers["content-type"] == "application/problem+json")
      #expect(try answer.object()["status"]?.integerValue == Int64(status))
    }
    #expect(service.end(SIGTERM) == 0)
  }

  @Test func `a run under way and a stalled upload do not keep the service beyond ten seconds`()
    async throws
  {
    let folder = try FreshFolder()
    let service = try await ServiceProcess(data: folder.path, arguments: ["--demo"])
    let id = try await eventually("the demo's run is there") {
      try await service.call("GET", "/v1/runs").object()["data"]?.arrayValue?.first?
        .objectValue?["id"]?.stringValue
    }
    _ = try await service.wait(for: id, state: "running")
    let port = try #require(service.address.split(separator: ":").last.flatMap { UInt16($0) })
    let head = "POST /v1/datasets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
    let upload = Task {
      try await onOwnThread { try exchange(Array((head + "the beginning").utf8), port: port) }
    }
    // The upload is under way where its file is there: a signal before that would find no upload to wait for.
    _ = try await eventually("the upload is under way") {
      try FileManager.default.contentsOfDirectory(atPath: folder.path + "/datasets")
        .first { $0.hasPrefix(".incoming-") }
    }
    let began = ContinuousClock.now
    #expect(service.end(SIGTERM) == 0)
    #expect(ContinuousClock.now - began < .seconds(10))
    _ = try await upload.value
    let text = service.text
    #expect(text.contains("was created"))
    #expect(text.contains("is interrupted"))
  }
}
