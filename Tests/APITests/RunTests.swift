import API
import Foundation
import HTTP
import JSONTree
import Runs
import Synchronization
import Testing

/// `/v1/runs`
@Suite struct RunTests {
  @Test func `a run is created with a resolved recipe`() async throws {
    let world = try World()
    let body: JSONValue = [
      "dataset": .string(try await world.dataset()), "epochs": 10, "name": "first",
      "metadata": ["who": "me"],
    ]
    let response = try await world.call("POST", "/v1/runs", json: body)
    #expect(response.status == 201)
    let run = try response.object()
    let id = try #require(run["id"]?.stringValue)
    #expect(response.headers["Location"] == "/v1/runs/\(id)")
    #expect(run["state"] == "queued")
    #expect(run["metadata"] == ["who": "me"])
    let recipe = try #require(run["recipe"]?.objectValue)
    #expect(recipe["epochs"] == 10)
    #expect(recipe["pictures"] == 600)
    #expect(try await world.call("GET", "/v1/runs/\(id)").object()["name"] == "first")
  }

  @Test func `validate_only shows the plan and creates nothing`() async throws {
    let world = try World()
    let body: JSONValue = [
      "dataset": .string(try await world.dataset()), "epochs": 2, "batch_size": 100,
      "validate_only": true,
    ]
    let response = try await world.call("POST", "/v1/runs", json: body)
    #expect(response.status == 200)
    #expect(try response.object()["steps"] == 12)
    #expect(try await world.runs.counts().isEmpty)
  }

  @Test func `every fault is named at once`() async throws {
    let world = try World()
    let body: JSONValue = [
      "dataset": "0199e6a2-6f0c-7c1e-9a55-0c7bb3f1a001", "epoch": 10, "batch_size": "many",
      "name": 3, "width": 99,
    ]
    let response = try await world.call("POST", "/v1/runs", json: body)
    #expect(response.status == 422)
    #expect(try response.problemCode() == "invalid_field")
    let fields = Set(try response.problemFields())
    #expect(fields == ["dataset", "epoch", "batch_size", "name", "width"])
    #expect(try await world.runs.counts().isEmpty)
  }

  @Test func `a dataset of fewer than two batches is refused`() async throws {
    let world = try World()
    let body: JSONValue = ["dataset": .string(try await world.dataset("SMALL")), "batch_size": 64]
    let response = try await world.call("POST", "/v1/runs", json: body)
    #expect(response.status == 422)
    #expect(try response.problemCode() == "dataset_too_small")
  }

  @Test(arguments: [
    ("{", "invalid_json"), ("", "invalid_json"), ("[]", "invalid_json"),
    (#"{"dataset":"a","dataset":"b"}"#, "invalid_json"),
  ])
  func `what is no JSON object is 400`(text: String, code: String) async throws {
    let response = try await World().call(
      "POST", "/v1/runs", headers: ["Content-Type": "application/json"], body: Array(text.utf8))
    #expect(response.status == 400)
    #expect(try response.problemCode() == code)
  }

  @Test func `curl's default content type is read as JSON, a browser's form is not`() async throws {
    let world = try World()
    let body = JSONValue.object(["dataset": .string(try await world.dataset())]).encoded
    var headers: Headers = ["Content-Type": "application/x-www-form-urlencoded"]
    #expect(
      try await world.call("POST", "/v1/runs", headers: headers, body: body).status == 201)
    headers["Origin"] = "https://evil.example"
    let refused = try await world.call("POST", "/v1/runs", headers: headers, body: body)
    #expect(refused.status == 415)
    #expect(try refused.problemCode() == "unsupported_media_type")
  }

  @Test func `an idempotency key gives the first run again, and refuses another body`() async throws
  {
    let world = try World()
    let dataset = JSONValue.string(try await world.dataset())
    let headers: Headers = ["Content-Type": "application/json", "Idempotency-Key": "k"]
    let body = JSONValue.object(["dataset": dataset]).encoded
    let first = try await world.call("POST", "/v1/runs", headers: headers, body: body)
    let second = try await world.call("POST", "/v1/runs", headers: headers, body: body)
    #expect(first.status == 201)
    #expect(second.status == 200)
    #expect(try first.object()["id"] == (try second.object()["id"]))
    let other = JSONValue.object(["dataset": dataset, "epochs": 9]).encoded
    let third = try await world.call("POST", "/v1/runs", headers: headers, body: other)
    #expect(try third.problemCode() == "idempotency_conflict")
  }

  @Test func `a full queue is 429 with Retry-After`() async throws {
    let world = try World()
    let dataset = JSONValue.string(try await world.dataset())
    world.runs.state.withLock { $0.queueLimit = 0 }
    let response = try await world.call("POST", "/v1/runs", json: ["dataset": dataset])
    #expect(response.status == 429)
    let seconds = try #require(response.headers["Retry-After"].flatMap { Int($0) })
    #expect((1...120).contains(seconds))
  }

  @Test func `the status has a tag that changes with it`() async throws {
    let world = try World()
    let path = "/v1/runs/\(try await world.run())"
    let etag = try #require(try await world.call("GET", path).headers["ETag"])
    let known: Headers = ["If-None-Match": etag]
    #expect(try await world.call("GET", path, headers: known).status == 304)
    _ = try await world.call("POST", path + "/stop")
    #expect(try await world.call("GET", path, headers: known).status == 200)
  }

  @Test func `stop and start answer 202 for a change and 200 for none`() async throws {
    let world = try World()
    let id = try await world.run()
    let path = "/v1/runs/\(id)"
    try world.runs.set(id, .running)
    #expect(try await world.call("POST", path + "/start").status == 200)
    let stopped = try await world.call("POST", path + "/stop")
    #expect(stopped.status == 202)
    #expect(try stopped.object()["state"] == "stopping")
    let tooSoon = try await world.call("POST", path + "/start")
    #expect(tooSoon.status == 409)
    #expect(try tooSoon.problemCode() == "run_not_startable")
    try world.runs.set(id, .stopped)
    #expect(try await world.call("POST", path + "/stop").status == 200)
    #expect(try await world.call("POST", path + "/start").status == 202)
    try world.runs.set(id, .succeeded)
    let over = try await world.call("POST", path + "/stop")
    #expect(over.status == 409)
    #expect(try over.problemCode() == "run_not_stoppable")
  }

  @Test func `now is a boolean`() async throws {
    let world = try World()
    let path = "/v1/runs/\(try await world.run())/stop"
    let bad = try await world.call("POST", path, query: [("now", "1")])
    #expect(try bad.problemCode() == "invalid_parameter")
    let good = try await world.call("POST", path, query: [("now", "true")])
    #expect(try good.object()["state"] == "stopped")
  }

  @Test func `an active run is not deleted, an ended one is`() async throws {
    let world = try World()
    let id = try await world.run()
    let refused = try await world.call("DELETE", "/v1/runs/\(id)")
    #expect(refused.status == 409)
    #expect(try refused.problemCode() == "run_active")
    try world.runs.set(id, .failed)
    #expect(try await world.call("DELETE", "/v1/runs/\(id)").status == 204)
    #expect(try await world.call("GET", "/v1/runs/\(id)").status == 404)
  }

  @Test func `name and metadata can be changed, nothing else, and not over a newer state`()
    async throws
  {
    let world = try World()
    let path = "/v1/runs/\(try await world.run())"
    let etag = try #require(try await world.call("GET", path).headers["ETag"])
    let renamed = try await world.call("PATCH", path, json: ["name": "new"])
    #expect(try renamed.object()["name"] == "new")
    let other = try await world.call("PATCH", path, json: ["epochs": 5])
    #expect(other.status == 422)
    let stale = try await world.call(
      "PATCH", path, headers: ["Content-Type": "application/json", "If-Match": etag],
      body: Array(#"{"name":"old"}"#.utf8))
    #expect(stale.status == 412)
    #expect(try stale.problemCode() == "precondition_failed")
  }

  @Test func `the list is filtered by state and refuses unknown words`() async throws {
    let world = try World()
    let ids = [try await world.run(), try await world.run()]
    try world.runs.set(ids[0], .running)
    let list = try await world.call("GET", "/v1/runs", query: [("state", "running")]).object()
    #expect(list["data"]?.arrayValue?.count == 1)
    #expect(list["first_id"] == .string(ids[0].description))
    for query in [("state", "busy"), ("limit", "0"), ("limit", "101"), ("after", "x"), ("a", "b")] {
      let refused = try await world.call("GET", "/v1/runs", query: [query])
      #expect(refused.status == 400, "\(query)")
      #expect(try refused.problemFields() == [query.0])
    }
  }

  @Test(arguments: [
    ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/stop"), ("POST", "/start"),
    ("GET", "/metrics"), ("GET", "/events"), ("GET", "/checkpoints"),
    ("GET", "/checkpoints/1/model.safetensors"),
  ])
  func `an unknown run is 404 everywhere`(method: String, rest: String) async throws {
    let world = try World()
    for id in ["0199e6a2-6f0c-7c1e-9a55-0c7bb3f1a001", "nothing", "..", "0199E6A2"] {
      let response = try await world.call(
        method, "/v1/runs/\(id)\(rest)", headers: ["Content-Type": "application/json"],
        body: method == "PATCH" ? Array("{}".utf8) : [])
      #expect(response.status == 404, "\(id)")
      #expect(try response.problemCode() == "not_found")
    }
  }
}
