import API
import Foundation
import HTTP
import Identifiers
import JSONTree
import Metrics
import Runs
import Synchronization
import Testing
import Training

/// `/v1/runs/{id}/metrics`, `events` and `checkpoints`
@Suite struct RunDataTests {
  private func world() async throws -> (World, Identifier) {
    let world = try World()
    let id = try await world.run()
    world.runs.state.withLock { state in
      state.samples[id] = (1...3).map { step in
        MetricSample(
          step: step, at: Timestamp(milliseconds: 1_700_000_000_500 + Int64(step)),
          values: [
            "loss": step == 2 ? .nan : Double(step) / 2, "cosine": .infinity,
            "images_per_second": 100,
          ])
      }
      state.events[id] = (1...3).map { number in
        RunEvent(
          run: id, at: .now(), kind: "state", state: .running,
          reason: RunReason(code: "c", detail: "d\(number)"), sequence: Int64(number))
      }
    }
    return (world, id)
  }

  @Test func `curves are columns of one length, null where a value is not finite`() async throws {
    let (world, id) = try await world()
    let response = try await world.call(
      "GET", "/v1/runs/\(id)/metrics", query: [("keys", "loss,cosine")])
    let columns = try #require(try response.object()["columns"]?.objectValue)
    #expect(columns["step"] == [1, 2, 3])
    #expect(columns["time"] == [1_700_000_000.501, 1_700_000_000.502, 1_700_000_000.503])
    #expect(columns["loss"] == [0.5, .null, 1.5])
    #expect(columns["cosine"] == [.null, .null, .null])
    #expect(columns.names == ["step", "time", "loss", "cosine"])
    let declared = try response.object()["metrics"]?.arrayValue?.map { $0.objectValue?["name"] }
    #expect(declared == ["loss", "cosine"])
    let etag = try #require(response.headers["ETag"])
    let again = try await world.call(
      "GET", "/v1/runs/\(id)/metrics", query: [("keys", "loss,cosine")],
      headers: ["If-None-Match": "W/\(etag)"])
    #expect(again.status == 304)
  }

  @Test func `curves come as CSV too`() async throws {
    let (world, id) = try await world()
    let response = try await world.call(
      "GET", "/v1/runs/\(id)/metrics", query: [("keys", "loss"), ("since", "1")],
      headers: ["Accept": "text/csv"])
    #expect(
      String(decoding: response.bytes, as: UTF8.self)
        == "step,time,loss\r\n2,1700000000.502,\r\n3,1700000000.503,1.5\r\n")
  }

  @Test(arguments: [
    ("keys", "loss,gain"), ("since", "-1"), ("max_points", "1"), ("max_points", "1e3"),
  ])
  func `a bad parameter of the curves is 400`(name: String, value: String) async throws {
    let (world, id) = try await world()
    let response = try await world.call(
      "GET", "/v1/runs/\(id)/metrics", query: [(name, value)])
    #expect(response.status == 400)
    #expect(try response.problemFields() == [name])
  }

  @Test func `a format that is not served is 406`() async throws {
    let (world, id) = try await world()
    let response = try await world.call(
      "GET", "/v1/runs/\(id)/metrics", headers: ["Accept": "application/xml, text/csv;q=0"])
    #expect(response.status == 406)
  }

  @Test func `events have pages from the newest on, to the oldest`() async throws {
    let (world, id) = try await world()
    func page(_ query: [(String, String)]) async throws -> ([JSONValue?], JSONValue?, JSONValue?) {
      let body = try await world.call("GET", "/v1/runs/\(id)/events", query: query).object()
      let ids = body["data"]?.arrayValue?.map { $0.objectValue?["id"] }
      return (ids ?? [], body["last_id"], body["has_more"])
    }
    let first = try await page([("order", "desc"), ("limit", "2")])
    #expect(first == ([3, 2], 2, true))
    #expect(try await page([("order", "desc"), ("limit", "2"), ("after", "2")]) == ([1], 1, false))
    let wrong = try await world.call(
      "GET", "/v1/runs/\(id)/events", query: [("order", "newest")])
    #expect(try wrong.problemFields() == ["order"])
  }

  @Test func `events have pages, oldest first`() async throws {
    let (world, id) = try await world()
    let first = try await world.call(
      "GET", "/v1/runs/\(id)/events", query: [("limit", "2")]
    ).object()
    #expect(first["has_more"] == true)
    #expect(first["last_id"] == 2)
    let second = try await world.call(
      "GET", "/v1/runs/\(id)/events", query: [("after", "2")]
    ).object()
    #expect(second["has_more"] == false)
    #expect(second["data"]?.arrayValue?.first?.objectValue?["detail"] == "d3")
  }

  @Test func `checkpoints are listed, newest first, and their files served with ranges`()
    async throws
  {
    let (world, id) = try await world()
    try world.checkpoint(id, step: 5)
    try world.checkpoint(id, step: 10)
    let list = try await world.call("GET", "/v1/runs/\(id)/checkpoints").object()
    let steps = list["data"]?.arrayValue?.map { $0.objectValue?["step"] }
    #expect(steps == [10, 5])
    let one = try await world.call("GET", "/v1/runs/\(id)/checkpoints/5").object()
    #expect(one["step"] == 5 && one["model"] == .string("\(id)@5"))
    for step in ["6", "05", "-1", "x"] {
      #expect(try await world.call("GET", "/v1/runs/\(id)/checkpoints/\(step)").status == 404)
    }
    let path = "/v1/runs/\(id)/checkpoints/5/model.safetensors"
    let whole = try await world.call("GET", path)
    #expect(whole.status == 200)
    guard case .file(let file, let range) = whole.body else {
      Issue.record("The body is no file.")
      return
    }
    #expect(try file.read(at: 0, count: range.count) == Array("model of 5".utf8))
    // What `sha256sum` prints of that file.
    let tag = "\"78e6c3a6d7c7003498d451c9528b0dbd323d9ad175b8983e0cb61dd18fbb5200\""
    #expect(whole.headers["ETag"] == tag)
    let known = try await world.call("GET", path, headers: ["If-None-Match": tag])
    #expect(known.status == 304)
    let part = try await world.call("GET", path, headers: ["Range": "bytes=0-4"])
    #expect(part.status == 206)
    #expect(part.headers["Content-Range"] == "bytes 0-4/10")
    let outside = try await world.call("GET", path, headers: ["Range": "bytes=10-"])
    #expect(outside.status == 416)
  }

  @Test func `before the first update there is a state and no model`() async throws {
    let (world, id) = try await world()
    try world.checkpoint(id, step: 0)
    let one = try await world.call("GET", "/v1/runs/\(id)/checkpoints/0").object()
    #expect(one["model"] == .null)
    let names = one["files"]?.arrayValue?.map { $0.objectValue?["name"] }
    #expect(names?.contains("model.safetensors") == false)
    let file = "/v1/runs/\(id)/checkpoints/0/model.safetensors"
    #expect(try await world.call("GET", file).status == 404)
  }

  @Test(arguments: [
    "5/state.safetensors", "05/model.safetensors", "6/model.safetensors", "5/worker.log",
    "../recipe.json", "-1/model.safetensors",
  ])
  func `a file that is not there is 404`(file: String) async throws {
    let (world, id) = try await world()
    try world.checkpoint(id, step: 5)
    let response = try await world.call("GET", "/v1/runs/\(id)/checkpoints/\(file)")
    #expect(response.status == 404)
  }
}
