import API
import EmbeddingService
import Images
import JSONTree
import Metrics
import Runs
import Synchronization
import Testing

@testable import HTTP

/// Health, metrics, the contract, the dashboard, and the shape of errors.
@Suite struct ServiceRouteTests {
  @Test func `readiness is told apart from life`() async throws {
    let world = try World()
    #expect(try await world.call("GET", "/livez").status == 200)
    let starting = try await world.call("GET", "/readyz")
    #expect(starting.status == 503)
    #expect(try starting.problemCode() == "draining")
    #expect(starting.headers["Retry-After"] != nil)
    world.service.readiness.isReady = true
    #expect(try await world.call("GET", "/readyz").status == 200)
  }

  @Test func `the metrics are in Prometheus' format`() async throws {
    let world = try World()
    try world.runs.set(try await world.run(), .running)
    world.service.metrics.observe(exchange("/v1/runs", 200))
    world.service.metrics.observe(exchange(nil, 404))
    let id = try #require(try await world.runs.page(state: nil, limit: 1, after: nil).records.first)
      .run.id
    world.runs.state.withLock {
      $0.records[id]?.status.metrics = ["loss": 1.5, "tau": .nan, "pressure": 3]
      $0.records[id]?.metrics += [
        Metric("pressure", title: "Pressure", "How\nit presses.", unit: "bar", kind: .counter)
      ]
    }
    let response = try await world.call("GET", "/metrics")
    let text = String(decoding: response.bytes, as: UTF8.self)
    #expect(text.contains(#"byol_runs{state="running"} 1"#))
    #expect(
      text.contains(#"byol_http_requests_total{route="/v1/runs",method="GET",status="200"} 1"#))
    #expect(
      text.contains(#"byol_http_requests_total{route="none",method="any",status="404"} 1"#))
    #expect(text.contains("byol_train_loss{run=\"\(id)\"} 1.5\n"))
    #expect(!text.contains("byol_train_tau{"))
    #expect(text.contains("# HELP byol_train_pressure_total How\\nit presses. In bar.\n"))
    #expect(text.contains("# TYPE byol_train_steps_total counter\n"))
    // As `promtool check metrics` has it: what counts is called so, and nothing else is.
    for line in text.split(separator: "\n") where line.hasPrefix("# TYPE ") {
      let words = line.split(separator: " ")
      #expect((words[3] == "counter") == words[2].hasSuffix("_total"), "\(line)")
    }
    let families = text.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }
    #expect(Set(families).count == families.count)
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      let parts = line.split(separator: " ")
      #expect(parts.last.flatMap { Double($0) } != nil, "\(line)")
      let name = parts[0].prefix { $0 != "{" }
      let family = name.replacing(#/_(bucket|sum|count)$/#, with: "")
      #expect(text.contains("# TYPE \(family) ") || text.contains("# TYPE \(name) "), "\(line)")
    }
  }

  private func exchange(_ route: String?, _ status: Int) -> Exchange {
    Exchange(
      method: "GET", route: route, path: "/", status: status, duration: .milliseconds(3),
      bytesIn: 0, bytesOut: 0, remoteAddress: "", requestID: "")
  }

  @Test func `the build, the contract and the page are served`() async throws {
    let world = try World()
    let info = try await world.call("GET", "/v1/info").object()
    #expect(info["limits"]?.objectValue?["pictures"] == 64)
    let contract = try await world.call("GET", "/openapi.yaml")
    #expect(contract.bytes == (try repositoryFile("openapi.yaml")))
    let page = try await world.call("GET", "/")
    #expect(page.status == 200)
    #expect(page.headers["Content-Type"]?.hasPrefix("text/html") == true)
  }

  @Test func `the page needs no inline script or style`() throws {
    let page = String(decoding: try repositoryFile("Public/index.html"), as: UTF8.self)
    #expect(!page.contains("<style") && !page.contains("style=") && !page.contains(" onclick"))
    for match in page.matches(of: #/<script[^>]*>([^<]*)</#) {
      #expect(match.1.isEmpty)
    }
  }

  @Test func `every code has the status that its error from the server has`() {
    for code in ProblemCode.allCases {
      let response = problemResponse(
        HTTPError(status: code.status, code: code.rawValue, detail: "x"), requestID: "r")
      #expect(response.status == code.status)
    }
  }

  @Test
  func
    `every refusal of the server has its status in the head and in the body, and a code of that status`()
    throws
  {
    for code in HTTPError.Code.allCases {
      let response = problemResponse(
        HTTPError(status: code.status, code: code.rawValue, detail: "x"), requestID: "r")
      let known = try #require(ProblemCode(rawValue: try response.problemCode()))
      #expect(response.status == code.status && known.status == code.status, "\(code)")
      #expect(try response.object()["status"] == .integer(Int64(code.status)))
    }
    // A handler may throw a status that has no code: its body does not contradict it.
    let odd = problemResponse(HTTPError(status: 418, code: "teapot", detail: "x"), requestID: "r")
    #expect(odd.status == 418)
    #expect(try odd.object()["status"] == 418)
  }

  @Test func `an error of the server keeps its status and headers and gets a code`() throws {
    let error = HTTPError(
      status: 405, code: "wrong_method", detail: "No.", headers: ["Allow": "GET"])
    let response = problemResponse(error, requestID: "abc")
    #expect(response.status == 405)
    #expect(response.headers["Allow"] == "GET")
    #expect(try response.problemCode() == "method_not_allowed")
    #expect(try response.object()["instance"] == "urn:request:abc")
  }

  @Test func `a fault of ours says nothing of the machine`() async throws {
    struct Secret: Error { let path = "/secret/path" }
    let world = try World(
      loader: EncoderLoader(load: { _ in FakeEncoder() }, fingerprint: { _ in throw Secret() }))
    try world.checkpoint(try await world.run(), step: 1)
    let response = try await world.call(
      "POST", "/v1/embeddings", query: [("model", "latest")], body: try plain(red: 1).png())
    #expect(response.status == 500)
    #expect(try response.problemCode() == "model_not_loadable")
    #expect(!String(decoding: response.bytes, as: UTF8.self).contains("secret"))
  }
}
