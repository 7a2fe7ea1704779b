import API
import Foundation
import HTTP
import Identifiers
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

  @Test func `a client that tries again is answered before anything is measured`() async throws {
    let world = try World()
    let body: JSONValue = [
      "dataset": .string(try await world.dataset()), "minutes": 1, "batch_size": 100,
    ]
    let headers: Headers = ["Content-Type": "application/json", "Idempotency-Key": "again"]
    func create() async throws -> Response {
      try await world.call("POST", "/v1/runs", headers: headers, body: body.encoded)
    }
    let first = try await create()
    #expect(first.status == 201)
    let measured = world.runs.state.withLock { $0.measurements }
    #expect(measured == 1)
    let second = try await create()
    #expect(second.status == 201 && second.bytes == first.bytes)
    #expect(world.runs.state.withLock { $0.measurements } == measured)
  }

  /// The plan of 12 updates of 100 pictures.
  private func plan(_ world: World) async throws -> JSONObject {
    let body: JSONValue = [
      "dataset": .string(try await world.dataset()), "epochs": 2, "batch_size": 100,
      "validate_only": true, "resources": ["threads": 1],
    ]
    let response = try await world.call("POST", "/v1/runs", json: body)
    #expect(response.status == 200)
    #expect(try await world.runs.counts().isEmpty)
    return try response.object()
  }

  @Test func `validate_only measures, shows the plan and creates nothing`() async throws {
    let plan = try await plan(World())
    #expect(plan["steps"] == 12)
    #expect(plan["images_per_second"]?.doubleValue == 100 && plan["seconds"]?.doubleValue == 12)
    #expect(plan["memory_bytes"] == .integer(300 << 20))
    #expect(try #require(plan["disk_bytes"]?.integerValue) > 1_000_000)
    #expect(plan["resources"]?.objectValue?["threads"] == 1)
    #expect(plan["warnings"]?.arrayValue?.contains { "\($0)".contains("beside") } == false)
  }

  @Test func `a plan without a measurement says why`() async throws {
    let world = try World()
    world.runs.state.withLock { $0.measurement = RunMeasurement(failure: "No update was done.") }
    let plan = try await plan(world)
    #expect(plan["images_per_second"] == .null && plan["seconds"] == .null)
    #expect(try #require(plan["memory_bytes"]?.integerValue) > 1_000_000)
    #expect(
      plan["warnings"]?.arrayValue?.contains { "\($0)".contains("No update was done.") } == true)
  }

  @Test func `what was measured beside another run is said to be`() async throws {
    let world = try World()
    world.runs.state.withLock {
      $0.measurement = RunMeasurement(imagesPerSecond: 5, otherRuns: 1)
    }
    let warnings = try await plan(world)["warnings"]?.arrayValue
    #expect(warnings?.contains { "\($0)".contains("beside a run") } == true)
  }

  @Test func `a run's share of the machine is kept and bounded`() async throws {
    let world = try World()
    let dataset = JSONValue.string(try await world.dataset())
    let run = try await world.call(
      "POST", "/v1/runs",
      json: ["dataset": dataset, "resources": ["threads": 2, "niceness": 19]]
    ).object()
    #expect(run["resources"] == ["threads": 2, "memory_bytes": .null, "niceness": 19])
    let refused = try await world.call(
      "POST", "/v1/runs",
      json: [
        "dataset": dataset,
        "resources": ["threads": 0, "memory_bytes": 1, "niceness": -1, "cores": 3],
      ])
    #expect(refused.status == 422)
    #expect(
      Set(try refused.problemFields()) == [
        "resources.threads", "resources.memory_bytes", "resources.niceness", "resources.cores",
      ])
    let other = try await world.call(
      "POST", "/v1/runs", json: ["dataset": dataset, "resources": 4])
    #expect(try other.problemFields() == ["resources"])
  }

  @Test(arguments: [false, true])
  func `a run that needs more memory than there is needs consent`(validateOnly: Bool) async throws {
    let world = try World()
    // 8 GiB of memory; an update of this takes hundreds.
    var body: JSONObject = [
      "dataset": .string(try await world.dataset()), "architecture": "resnet152",
      "image_size": 512, "batch_size": 300, "validate_only": .bool(validateOnly),
    ]
    let refused = try await world.call("POST", "/v1/runs", json: .object(body))
    #expect(refused.status == 422)
    #expect(try refused.problemCode() == "memory_insufficient")
    #expect(Set(try refused.problemFields()) == ["batch_size", "image_size", "width"])
    let detail = try #require(try refused.object()["detail"]?.stringValue)
    #expect(detail.contains("the machine has 8192 MiB") && detail.contains("allow_swap"))
    #expect(try await world.runs.counts().isEmpty)
    body["allow_swap"] = true
    let accepted = try await world.call("POST", "/v1/runs", json: .object(body))
    #expect(accepted.status == (validateOnly ? 200 : 201))
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

  @Test func `an idempotency key gives the first reply again, and refuses another body`()
    async throws
  {
    let world = try World()
    let dataset = JSONValue.string(try await world.dataset())
    let headers: Headers = ["Content-Type": "application/json", "Idempotency-Key": "k"]
    let body = JSONValue.object(["dataset": dataset]).encoded
    let first = try await world.call("POST", "/v1/runs", headers: headers, body: body)
    let id = try #require(Identifier(try first.object()["id"]?.stringValue ?? ""))
    try world.runs.set(id, .running)
    let second = try await world.call("POST", "/v1/runs", headers: headers, body: body)
    #expect(first.status == 201 && second.status == 201)
    #expect(first.bytes == second.bytes && first.headers["Location"] == second.headers["Location"])
    let other = JSONValue.object(["dataset": dataset, "epochs": 9]).encoded
    let third = try await world.call("POST", "/v1/runs", headers: headers, body: other)
    #expect(third.status == 422)
    #expect(try third.problemCode() == "idempotency_conflict")
    let long: Headers = [
      "Content-Type": "application/json", "Idempotency-Key": String(repeating: "k", count: 201),
    ]
    let refused = try await world.call("POST", "/v1/runs", headers: long, body: body)
    #expect(refused.status == 400)
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

  @Test(arguments: [("POST", "/stop", 202), ("POST", "/start", 202), ("DELETE", "", 204)])
  func `what changes a run heeds If-Match`(method: String, suffix: String, status: Int) async throws
  {
    let world = try World()
    let id = try await world.run()
    try world.runs.set(id, suffix == "/stop" ? .running : .stopped)
    let path = "/v1/runs/\(id)"
    let etag = try #require(try await world.call("GET", path).headers["ETag"])
    for tags in ["\"other\"", "W/\(etag)", "\"a\", \"b\""] {
      let refused = try await world.call(method, path + suffix, headers: ["If-Match": tags])
      #expect(refused.status == 412, "\(tags)")
    }
    let accepted = try await world.call(
      method, path + suffix, headers: ["If-Match": "\"other\", \(etag)"])
    #expect(accepted.status == status)
  }

  @Test func `any tag of a run that is there is *`() async throws {
    let world = try World()
    let path = "/v1/runs/\(try await world.run())"
    let renamed = try await world.call(
      "PATCH", path, headers: ["Content-Type": "application/json", "If-Match": "*"],
      body: Array(#"{"name":"new"}"#.utf8))
    #expect(renamed.status == 200)
    let gone = try await world.call(
      "DELETE", "/v1/runs/0199e6a2-6f0c-7c1e-9a55-0c7bb3f1a001", headers: ["If-Match": "*"])
    #expect(gone.status == 404)
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

  @Test func `a page goes on where the last one ended, whatever was added or removed`()
    async throws
  {
    let world = try World()
    var ids: [Identifier] = []
    for _ in 0..<4 { ids.append(try await world.run()) }
    func page(after: JSONValue?) async throws -> JSONObject {
      let cursor = after?.stringValue.map { [(name: "after", value: $0)] } ?? []
      return try await world.call("GET", "/v1/runs", query: [("limit", "2")] + cursor).object()
    }
    let first = try await page(after: nil)
    #expect(first["first_id"] == .string(ids[3].description) && first["has_more"] == true)
    ids.append(try await world.run())
    try world.runs.set(ids[2], .stopped)
    #expect(try await world.call("DELETE", "/v1/runs/\(ids[2])").status == 204)
    let second = try await page(after: first["last_id"])
    #expect(first["last_id"] == .string(ids[2].description))
    #expect(second["first_id"] == .string(ids[1].description))
    #expect(second["last_id"] == .string(ids[0].description) && second["has_more"] == false)
  }

  @Test func `the list has a tag that any change of any run changes`() async throws {
    let world = try World()
    let id = try await world.run()
    let etag = try #require(try await world.call("GET", "/v1/runs").headers["ETag"])
    let known: Headers = ["If-None-Match": etag]
    #expect(try await world.call("GET", "/v1/runs", headers: known).status == 304)
    try world.runs.set(id, .running)
    let changed = try await world.call("GET", "/v1/runs", headers: known)
    #expect(changed.status == 200)
    #expect(
      try changed.object()["data"]?.arrayValue?.first?.objectValue?["state"] == "running")
  }

  @Test(arguments: [
    (RunControlError.notWritable, 507, "storage_not_writable"), (.diskFull, 507, "disk_full"),
    (.shuttingDown, 503, "draining"), (.queueFull(limit: 3), 429, "too_many_requests"),
  ])
  func `what the coordinator refuses has its status`(
    error: RunControlError, status: Int, code: String
  ) async throws {
    let world = try World()
    let dataset = JSONValue.string(try await world.dataset())
    world.runs.state.withLock { $0.refusal = error }
    let response = try await world.call("POST", "/v1/runs", json: ["dataset": dataset])
    #expect(response.status == status)
    #expect(try response.problemCode() == code)
  }

  @Test(arguments: [
    ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/stop"), ("POST", "/start"),
    ("GET", "/metrics"), ("GET", "/events"), ("GET", "/checkpoints"),
    ("GET", "/checkpoints/1"), ("GET", "/checkpoints/1/model.safetensors"),
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
