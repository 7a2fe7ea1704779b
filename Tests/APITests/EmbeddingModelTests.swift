import API
import Evaluation
import Foundation
import HTTP
import Identifiers
import Images
import JSONTree
import Runs
import Synchronization
import Testing
import Training

/// Which models there are, and what they are called.
@Suite struct EmbeddingModelTests {
  private let world: World

  init() throws { world = try World() }

  /// The fingerprint of the model that embeds a picture, or the problem's detail.
  private func model(_ name: String?) async throws -> String? {
    let response = try await world.call(
      "POST", "/v1/embeddings", query: name.map { [("model", $0)] } ?? [],
      body: try plain(red: 1).png())
    if response.status == 200 { return response.headers["X-Model-Fingerprint"] }
    #expect(response.status == 404)
    return try response.object()["detail"]?.stringValue
  }

  private func run(_ step: Int, _ state: RunState, at time: Int64 = 0) async throws -> Identifier {
    let run = try await world.run()
    try world.checkpoint(run, step: step)
    try world.runs.set(run, state, at: Timestamp(milliseconds: time))
    return run
  }

  @Test func `a reply tells which checkpoint answered`() async throws {
    let run = try await run(3, .running)
    let response = try await world.call(
      "POST", "/v1/embeddings", query: [("model", "\(run)")], body: try plain(red: 1).png())
    #expect(response.headers["X-Model"] == "\(run)@3")
    #expect(try response.object()["checkpoint"] == .string("\(run)@3"))
    #expect(try response.object()["model"] == .string("\(run)"))
  }

  @Test func `there is no model before the first update`() async throws {
    let run = try await run(0, .stopped)
    #expect(try await model(nil)?.contains("no model yet") == true)
    #expect(try await model("latest")?.contains("no model yet") == true)
    #expect(try await model(run.description)?.contains("first update") == true)
    #expect(try await model("\(run)@0")?.contains("random") == true)
    #expect(try await list().isEmpty)
    try world.checkpoint(run, step: 1)
    #expect(try await model(nil) == "print-1")
  }

  @Test(arguments: RunState.allCases)
  func `the default is of a run that has ended well`(_ state: RunState) async throws {
    let run = try await run(7, state)
    let answer = try await model(nil)
    if state == .succeeded || state == .stopped {
      #expect(answer == "print-7")
    } else if state == .failed {
      #expect(answer?.contains("no model yet") == true)
    } else {
      #expect(answer?.contains("no run that has a model has ended") == true)
      #expect(answer?.contains(run.description) == true)
      #expect(try await model("latest") == "print-7")
    }
    #expect(try await model(run.description) == "print-7")
  }

  @Test func `the default changes only when a run ends`() async throws {
    let first = try await run(1, .stopped, at: 100)
    let second = try await run(2, .running, at: 200)
    #expect(try await model(nil) == "print-1")
    try world.checkpoint(second, step: 3)
    #expect(try await model(nil) == "print-1")
    #expect(try await model("latest") == "print-3")
    try world.runs.set(second, .failed, at: Timestamp(milliseconds: 300))
    #expect(try await model(nil) == "print-1")
    try world.runs.set(second, .stopped, at: Timestamp(milliseconds: 400))
    #expect(try await model(nil) == "print-3")
    try world.runs.set(first, .succeeded, at: Timestamp(milliseconds: 500))
    #expect(try await model(nil) == "print-1")
    try world.runs.set(
      first, .succeeded, at: Timestamp(milliseconds: 500), health: CollapseVerdict.Health.collapsed)
    #expect(try await model(nil) == "print-3")
  }

  @Test func `a pin outlasts everything until a person says otherwise`() async throws {
    let run = try await run(1, .running)
    try world.checkpoint(run, step: 2)
    let pinned = try await world.call(
      "PUT", "/v1/models/default", json: ["checkpoint": .string("\(run)@1")])
    #expect(pinned.status == 200)
    let object = try pinned.object()
    #expect(object["default"] == true && object["pinned"] == true && object["step"] == 1)
    #expect(try await model(nil) == "print-1")
    let other = try await self.run(5, .succeeded, at: 900)
    #expect(try await model("default") == "print-1")
    #expect(try await list().map { $0["id"]?.stringValue } == ["\(other)", "\(run)", "\(run)@1"])
    #expect(try await list().map { $0["default"] } == [false, false, true])
    // Another pin takes its place, and the first checkpoint is left to retention again.
    _ = try await world.call("PUT", "/v1/models/default", json: ["checkpoint": .string("\(run)")])
    #expect(try await model(nil) == "print-2")
    #expect(try await list().map { $0["pinned"] } == [false, true])
    #expect(try await world.call("DELETE", "/v1/models/default").status == 204)
    #expect(try await world.call("DELETE", "/v1/models/default").status == 204)
    #expect(try await model(nil) == "print-5")
  }

  @Test(
    arguments: [
      (["checkpoint": "nothing"], 404), ([:], 422), (["checkpoint": 3], 422), (["model": "x"], 422),
    ] as [(JSONValue, Int)])
  func `a pin of what is not there is refused`(body: JSONValue, status: Int) async throws {
    #expect(try await world.call("PUT", "/v1/models/default", json: body).status == status)
  }

  @Test func `a run's name is a model's name, of several the newest`() async throws {
    let runs = [try await run(1, .stopped), try await run(2, .running), try await run(3, .failed)]
    for (run, name) in zip(runs, ["birds@home", "birds@home", "Käfer"]) {
      _ = try await world.runs.rename(run, name: name, metadata: nil, ifVersion: nil)
    }
    // A name is no change of a checkpoint: it is seen at once all the same.
    try world.checkpoint(runs[1], step: 4)
    #expect(try await model("birds@home") == "print-4")
    #expect(try await model("birds@home@2") == "print-2")
    #expect(try await model("Käfer") == "print-3")
    #expect(try await model("default") == "print-1")
    let unknown = try #require(try await model("clip"))
    #expect(unknown.contains("default, latest") && unknown.contains("Käfer"))
    #expect(unknown.contains(runs[0].description))
    for name in ["default", "latest", "Käfer"] {
      let path = try await world.call("GET", "/v1/models/\(name)")
      #expect(path.status == 200)
    }
  }

  @Test func `the best checkpoint has a name of its own`() async throws {
    let run = try await run(2, .running)
    try world.checkpoint(run, step: 4)
    let none = try #require(try await model("\(run)@best"))
    #expect(none.contains("no best checkpoint") && none.contains("evaluate_every"))
    try world.runs.wrote(run, step: 4, best: 2)
    #expect(try await model("\(run)@best") == "print-2")
    #expect(try await model("nothing@best")?.contains("There is no model") == true)
    let shown = try await world.call("GET", "/v1/runs/\(run)").object()
    #expect(shown["best_step"]?.integerValue == 2)
  }

  @Test func `a checkpoint that retention removed is said to be so`() async throws {
    let run = try await run(2, .running)
    try world.checkpoint(run, step: 4)
    try FileManager.default.removeItem(
      atPath: world.runs.directory(of: run) + "/checkpoints/2")
    try world.checkpoint(run, step: 6)
    let removed = try #require(try await model("\(run)@2"))
    #expect(removed.contains("was removed") && removed.contains("step 4, 6"))
    let never = try #require(try await model("\(run)@3"))
    #expect(!never.contains("removed") && never.contains("step 4, 6"))
  }

  @Test func `a model whose file went away meanwhile is looked for again`() async throws {
    let run = try await run(2, .stopped)
    try world.checkpoint(run, step: 4)
    #expect(try await model(nil) == "print-4")
    // Removed behind the index's back, before it was ever opened.
    try world.checkpoint(run, step: 6)
    _ = try await list()
    try FileManager.default.removeItem(
      atPath: world.runs.directory(of: run) + "/checkpoints/6")
    #expect(try await model(nil) == "print-4")
  }

  @Test func `runs are listed again only when one has changed`() async throws {
    let run = try await run(2, .stopped)
    #expect(try await model(nil) == "print-2")
    let pages = world.runs.state.withLock { $0.pages }
    for _ in 0..<5 { #expect(try await model(nil) == "print-2") }
    #expect(world.runs.state.withLock { $0.pages } == pages)
    try world.checkpoint(run, step: 3)
    #expect(try await model(nil) == "print-3")
    #expect(world.runs.state.withLock { $0.pages } == pages + 1)
  }

  @Test func `one model is shown with its fingerprint`() async throws {
    let run = try await run(2, .stopped)
    try world.checkpoint(run, step: 3)
    #expect(try await list().map { $0["fingerprint"] } == [.null])
    let one = try await world.call("GET", "/v1/models/\(run)@2").object()
    #expect(one["fingerprint"] == "print-2" && one["id"]?.stringValue == "\(run)@2")
    let rule = try #require(one["preprocessing"]?.objectValue)
    #expect(rule["crop_side"] == 8 && rule["resized_short_side"] == 8 && rule["channels"] == 3)
    #expect(rule["mean"] == [0.485, 0.456, 0.406] && rule["deviation"] == [0.229, 0.224, 0.225])
    #expect(one["input_size"] == 8 && one["precision"] == "float32")
    #expect(one["dimension"] == 4)  // of the file, which a list does not open
    #expect(one["default"] == false && one["pinned"] == false)
    #expect(try await world.call("GET", "/v1/models/nothing").status == 404)
    #expect(try await world.call("GET", "/v1/models/default").object()["step"] == 3)
  }

  private func list() async throws -> [JSONObject] {
    let list = try await world.call("GET", "/v1/models").object()
    return (list["data"]?.arrayValue ?? []).compactMap(\.objectValue)
  }
}
