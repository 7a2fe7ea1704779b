import Evaluation
import Foundation
import HTTP
import Identifiers
import JSONTree
import Runs
import Testing

@Suite("Evaluations over HTTP")
struct EvaluationTests {
  private let world: World
  private let run: Identifier
  private let dataset: String

  init() async throws {
    world = try World()
    run = try await world.run()
    try world.checkpoint(run, step: 5)
    dataset = try await world.runs.record(run).run.dataset
  }

  @Test func `an evaluation is queued, runs, and ends with its report`() async throws {
    let created = try await create(["model": .string("\(run)"), "quick": true])
    #expect(created.status == 201)
    let object = try created.object()
    let id = try #require(object["id"]?.stringValue)
    #expect(created.headers["Location"] == "/v1/evaluations/\(id)")
    #expect(object["model"] == .string("\(run)@5") && object["dataset"] == .string(dataset))
    #expect(object["protocols"] == ["knn-20", "knn-200", "linear"] && object["quick"] == true)

    let process = try #require(world.evaluations.processes.first)
    #expect(process.submission.modelFile.hasSuffix("\(run)/checkpoints/5/model.safetensors"))
    process.say(EvaluationMessage(EvaluationProgress(.randomNetwork, done: 3, total: 9)))
    let running = try await reached(id) { $0["progress"] != .null }
    #expect(running["state"] == "running")
    #expect(running["progress"] == ["done": 3, "subject": "random_network", "total": 9])

    process.leave(EvaluationMessage(try report()))
    let ended = try await reached(id) { $0["state"] == "succeeded" }
    let rows = ended["report"]?.objectValue?["rows"]?.arrayValue
    #expect(rows?.first?.objectValue?["subject"] == "model")
    #expect(ended["progress"] == .null && ended["ended_at"] != .null)
    let stored = "\(world.runs.directory(of: run))/evaluations/\(id).json"
    #expect(FileManager.default.fileExists(atPath: stored))

    let again = try await world.call(
      "GET", "/v1/evaluations/\(id)",
      headers: ["If-None-Match": try await get(id).headers["ETag"] ?? ""])
    #expect(again.status == 304)
  }

  @Test func `the paper's protocol is one to ask for, once`() async throws {
    let created = try await create(
      ["model": .string("\(run)"), "protocols": ["sgd", "linear", "sgd"]])
    #expect(created.status == 201)
    #expect(try created.object()["protocols"] == ["sgd", "linear"])
    let id = try #require(try created.object()["id"]?.stringValue)
    world.evaluations.processes[0].leave(EvaluationMessage(try report()))
    let ended = try await reached(id) { $0["state"] == "succeeded" }
    let row = ended["report"]?.objectValue?["rows"]?.arrayValue?.first?.objectValue
    let found = row?["accuracies"]?.arrayValue?.last?.objectValue
    #expect(
      found == ["crops": 8, "learning_rate": 0.2, "protocol": "sgd", "top1": 0.625])
  }

  @Test func `one runs at a time, and those that wait are told apart in the list`() async throws {
    let ids = try await (0..<3).asyncMap { _ in try await created() }
    #expect(world.evaluations.processes.count == 1)
    let list = try await world.call(
      "GET", "/v1/evaluations", query: [("run", "\(run)"), ("limit", "2")]
    ).object()
    let data = try #require(list["data"]?.arrayValue).compactMap(\.objectValue)
    #expect(data.map { $0["id"]?.stringValue } == [ids[2], ids[1]])
    #expect(data.allSatisfy { $0["state"] == "queued" } && list["has_more"] == true)
    let rest = try await world.call("GET", "/v1/evaluations", query: [("after", ids[1])]).object()
    #expect(rest["data"]?.arrayValue?.count == 1)

    world.evaluations.processes[0].leave(EvaluationMessage(failed: "The pack is altered."))
    let failed = try await reached(ids[0]) { $0["state"] == "failed" }
    #expect(failed["reason"] == "The pack is altered.")
    _ = try await reached(ids[1]) { $0["state"] == "running" }
    #expect(world.evaluations.processes.count == 2)
  }

  @Test
  func `what waits is cancelled at once, what runs is asked to leave, what is over is removed`()
    async throws
  {
    let (first, second) = (try await created(), try await created())
    let waiting = try await world.call("DELETE", "/v1/evaluations/\(second)")
    #expect(waiting.status == 202)
    #expect(try waiting.object()["state"] == "cancelled")
    let running = try await world.call("DELETE", "/v1/evaluations/\(first)")
    #expect(running.status == 202)
    #expect(try running.object()["state"] == "stopping")
    let cancelled = try await reached(first) { $0["state"] == "cancelled" }
    #expect(cancelled["reason"] == .null)
    #expect(world.evaluations.processes.count == 1)
    #expect(try await world.call("DELETE", "/v1/evaluations/\(first)").status == 204)
    #expect(try await get(first).status == 404)
    #expect(try await world.call("DELETE", "/v1/evaluations/\(first)").status == 404)
  }

  @Test func `a process that crashes is told with its last words`() async throws {
    let id = try await created()
    world.evaluations.processes[0].leave()
    let failed = try await reached(id) { $0["state"] == "failed" }
    #expect(failed["reason"] == "It crashed.")
  }

  @Test func `too many that wait are refused`() async throws {
    for _ in 0..<17 { _ = try await created() }
    let refused = try await create(["model": .string("\(run)")])
    #expect(refused.status == 429 && refused.headers["Retry-After"] == "120")
  }

  @Test(arguments: [
    (#"{}"#, 422, ["model"]),
    (#"{"model":7}"#, 422, ["model"]),
    (#"{"model":"RUN","protocols":[]}"#, 422, ["protocols"]),
    (#"{"model":"RUN","protocols":["linear","knn-0",4]}"#, 422, ["protocols.1", "protocols.2"]),
    (#"{"model":"RUN","protocols":["sgd","SGD","sgd-80"]}"#, 422, ["protocols.1", "protocols.2"]),
    (#"{"model":"RUN","protocols":["a","a","a","a","a","a","a","a","a"]}"#, 422, ["protocols"]),
    (#"{"model":"RUN","quick":"yes","speed":1}"#, 422, ["quick", "speed"]),
    (#"{"model":"RUN@4"}"#, 404, []),
    (#"{"model":"RUN","dataset":"none"}"#, 404, []),
    (#"[]"#, 400, []),
  ])
  func `a request at fault is refused with its fields`(
    body: String, status: Int, fields: [String]
  ) async throws {
    let text = body.replacing("RUN", with: run.description)
    let response = try await world.call(
      "POST", "/v1/evaluations", headers: ["Content-Type": "application/json"],
      body: Array(text.utf8))
    #expect(response.status == status)
    #expect(try response.problemFields() == fields)
    #expect(world.evaluations.processes.isEmpty)
  }

  @Test(arguments: [("run", "x"), ("limit", "0"), ("after", "x"), ("state", "failed")])
  func `a list takes only what it knows`(name: String, value: String) async throws {
    let response = try await world.call("GET", "/v1/evaluations", query: [(name, value)])
    #expect(response.status == 400)
  }

  @Test func `a dataset that an evaluation reads stays until it is over`() async throws {
    let other = try await world.dataset("another")
    let body: JSONValue = ["model": .string("\(run)"), "dataset": .string(other)]
    let id = try #require(try await create(body).object()["id"]?.stringValue)
    let refused = try await world.call("DELETE", "/v1/datasets/\(other)")
    #expect(refused.status == 409)
    #expect(try refused.problemCode() == "dataset_in_use")
    world.evaluations.processes[0].leave()
    _ = try await reached(id) { $0["state"] == "failed" }
    #expect(try await world.call("DELETE", "/v1/datasets/\(other)").status == 204)
  }

  @Test func `the evaluations of a run go with it`() async throws {
    let id = try await created()
    try FileManager.default.removeItem(atPath: world.runs.directory(of: run))
    #expect(try await get(id).status == 404)
    let list = try await world.call("GET", "/v1/evaluations").object()
    #expect(list["data"] == [])
  }

  // MARK: Steps

  private func create(_ body: JSONValue) async throws -> Response {
    try await world.call("POST", "/v1/evaluations", json: body)
  }

  private func created() async throws -> String {
    try #require(try await create(["model": .string("\(run)")]).object()["id"]?.stringValue)
  }

  private func get(_ id: String) async throws -> Response {
    try await world.call("GET", "/v1/evaluations/\(id)")
  }

  /// The evaluation as soon as it is as asked; the test's time limit ends the wait.
  private func reached(_ id: String, _ isThere: (JSONObject) -> Bool) async throws -> JSONObject {
    while true {
      let object = try await get(id).object()
      if isThere(object) { return object }
      try await Task.sleep(for: .milliseconds(1))
    }
  }

  private func report() throws -> EvaluationReport {
    let split = try #require(
      EvaluationSplit(train: [1, 2, 3], validation: [], test: [4], seed: 0))
    let figures = EvaluationReport.LabelFreeFigures(
      rankMe: 3, lidar: 2, viewRecall: 0.5, meanCosine: 0.1)
    return EvaluationReport(
      pictures: .init(
        split, available: 4, classes: 2, viewed: 1, viewsPerPicture: 4, isQuick: true, seed: 0),
      rows: [
        .init(
          .model, dimension: 8,
          accuracies: [
            .init(.neighbours(20), top1: 0.5), .init(.linear, top1: 0.6, regularisation: 0.1),
            .init(.sgd, top1: 0.625, learningRate: 0.2, crops: 8),
          ],
          labelFree: figures),
        .init(.imageStatistics, dimension: 8, accuracies: [.init(.neighbours(20), top1: 0.7)]),
      ], networkSeed: 7, seconds: 1.5)
  }
}

extension Sequence {
  /// One after the other.
  fileprivate func asyncMap<Result>(_ body: (Element) async throws -> Result) async rethrows
    -> [Result]
  {
    var results: [Result] = []
    for element in self { results.append(try await body(element)) }
    return results
  }
}
