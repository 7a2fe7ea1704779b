import Checkpoints
import Encoders
import Evaluation
import Foundation
import HTTP
import Identifiers
import JSONTree
import NeuralNetworks
import Runs
import Testing

@Suite("Evaluations of models that belong to no run", .timeLimit(.minutes(1)))
struct StoredModelEvaluationTests {
  private let world: World
  private let model: String
  private let dataset: String

  init() async throws {
    world = try World()
    dataset = try await world.dataset()
    let encoder = EncoderConfiguration(architecture: .resnet18, width: 0.25, stem: .cifar)
    let path = world.folder + "/sent"
    try EncoderModel(random: encoder, imageSize: 32, seed: 1).safetensors.write(to: path)
    let made = try await world.call(
      "POST", "/v1/models", query: [("name", "theirs")],
      headers: ["Content-Type": "application/octet-stream"],
      body: Array(try Data(contentsOf: URL(fileURLWithPath: path))))
    model = try #require(try made.object()["id"]?.stringValue)
  }

  @Test(arguments: ["its name", "its id", "an alias"])
  func `an uploaded model is judged on a dataset, and the result is kept with it`(
    name: String
  ) async throws {
    let body: JSONValue = ["checkpoint": .string(model)]
    #expect(try await world.call("PUT", "/v1/models/first", json: body).status == 201)
    let asked = name == "its name" ? "theirs" : name == "its id" ? model : "first"
    let id = try await created(asked)
    let object = try await get(id).object()
    #expect(object["model"] == .string(model) && object["run"] == .null)
    #expect(object["dataset"] == .string(dataset) && object["state"] == "running")
    let process = try #require(world.evaluations.processes.first)
    #expect(process.submission.modelFile == world.folder + "/models/\(model)/model.safetensors")
    process.leave(EvaluationMessage(failed: "Three channels, and one is wanted."))
    let ended = try await reached(id) { $0["state"] == "failed" }
    let kept = "\(world.folder)/models/\(model)/evaluations/\(id).json"
    #expect(FileManager.default.fileExists(atPath: kept))

    let restarted = world.evaluations.queue(dataFolder: world.folder)
    let again = try await restarted.record(try #require(Identifier(id)))
    #expect(again.reason == ended["reason"]?.stringValue && again.modelName == model)
    #expect(try await listed([("model", model)]) == [id])
    #expect(try await listed([("model", "other")]).isEmpty)

    #expect(try await world.call("DELETE", "/v1/models/first").status == 204)
    #expect(try await world.call("DELETE", "/v1/models/\(model)").status == 204)
    #expect(try await get(id).status == 404)
    #expect(try await listed([]).isEmpty)
  }

  @Test func `a dataset has to be named, and a model has to be there`() async throws {
    let unnamed = try await world.call("POST", "/v1/evaluations", json: ["model": "theirs"])
    #expect(unnamed.status == 422)
    #expect(try unnamed.problemFields() == ["dataset"])
    let unknown = try await create("nobody's")
    #expect(unknown.status == 404)
    #expect(try await world.call("DELETE", "/v1/models/theirs").status == 204)
    #expect(try await create("theirs").status == 404)
    #expect(world.evaluations.processes.isEmpty)
  }

  @Test func `a model that is removed takes the evaluation under way with it`() async throws {
    let first = try await created("theirs")
    let run = try await world.run()
    try world.checkpoint(run, step: 5)
    let second = try await created("\(run)@5")
    #expect(try await world.call("DELETE", "/v1/models/theirs").status == 204)
    // Nobody asks: the queue itself sees that the model is gone, and the next one's turn comes.
    let process = try #require(world.evaluations.processes.first)
    process.say(EvaluationMessage(EvaluationProgress(.model, done: 1, total: 9)))
    while world.evaluations.processes.count < 2 { try await Task.sleep(for: .milliseconds(1)) }
    #expect(try await get(first).status == 404)
    #expect(try await get(second).object()["state"] == "running")
    let folder = world.folder + "/models/\(model)"
    #expect(!FileManager.default.fileExists(atPath: folder))
    world.evaluations.processes[1].leave()
    _ = try await reached(second) { $0["state"] == "failed" }
    #expect(try await world.call("DELETE", "/v1/datasets/\(dataset)").status == 204)
  }

  @Test func `the copy of a checkpoint is the run's while the run is there, and its own after it`()
    async throws
  {
    let run = try await world.run()
    try world.checkpoint(run, step: 5)
    let body: JSONValue = ["checkpoint": .string("\(run)@5")]
    #expect(try await world.call("PUT", "/v1/models/production", json: body).status == 201)
    let first = try await get(try await created("production")).object()
    #expect(first["run"] == .string("\(run)") && first["model"] == .string("\(run)@5"))
    world.evaluations.processes[0].leave()
    _ = try await reached(first["id"]?.stringValue ?? "") { $0["state"] == "failed" }

    try world.runs.set(run, .stopped)
    try await world.runs.delete(run)
    try FileManager.default.removeItem(atPath: world.runs.directory(of: run))
    let second = try await get(try await created("production")).object()
    #expect(second["run"] == .null)
    let id = try #require(second["model"]?.stringValue)
    #expect(FileManager.default.fileExists(atPath: "\(world.folder)/models/\(id)/evaluations"))
    #expect(try await world.call("DELETE", "/v1/models/production").status == 204)
    #expect(try await get(second["id"]?.stringValue ?? "").status == 404)
  }

  // MARK: Steps

  private func create(_ model: String) async throws -> Response {
    let body: JSONValue = ["model": .string(model), "dataset": .string(dataset)]
    return try await world.call("POST", "/v1/evaluations", json: body)
  }

  private func created(_ model: String) async throws -> String {
    let response = try await create(model)
    #expect(response.status == 201)
    return try #require(try response.object()["id"]?.stringValue)
  }

  private func get(_ id: String) async throws -> Response {
    try await world.call("GET", "/v1/evaluations/\(id)")
  }

  private func listed(_ query: [(name: String, value: String)]) async throws -> [String] {
    let list = try await world.call("GET", "/v1/evaluations", query: query).object()
    return (list["data"]?.arrayValue ?? []).compactMap { $0.objectValue?["id"]?.stringValue }
  }

  /// The evaluation as soon as it is as asked; the time limit ends the wait.
  private func reached(_ id: String, _ isThere: (JSONObject) -> Bool) async throws -> JSONObject {
    while true {
      let object = try await get(id).object()
      if isThere(object) { return object }
      try await Task.sleep(for: .milliseconds(1))
    }
  }
}
