import API
import EmbeddingService
import Foundation
import HTTP
import Identifiers
import Images
import JSONTree
import ModelLibrary
import Testing

/// Aliases: names that people give to models, and give to others later.
@Suite struct ModelAliasTests {
  private func put(
    _ world: World, _ alias: String, _ checkpoint: String, headers: Headers = Headers()
  ) async throws -> Response {
    var headers = headers
    headers.set("Content-Type", "application/json")
    let body: JSONValue = ["checkpoint": .string(checkpoint)]
    return try await world.call(
      "PUT", "/v1/models/\(alias)", headers: headers, body: body.encoded)
  }

  /// The checkpoint that answers for a model, or the problem's code.
  private func answer(_ world: World, _ model: String) async throws -> String? {
    let response = try await world.call(
      "POST", "/v1/embeddings", query: [("model", model)], body: try plain(red: 1).png())
    return response.status == 200 ? response.headers["X-Model"] : try response.problemCode()
  }

  @Test
  func `an alias means a checkpoint until it is given to another, whatever becomes of the run`()
    async throws
  {
    let world = try World()
    let run = try await world.run()
    try world.checkpoint(run, step: 1)
    let made = try await put(world, "production", "\(run)@1")
    #expect(made.status == 201 && made.headers["Location"] == "/v1/models/production")
    #expect(try made.object()["source"] == "alias")
    #expect(try made.object()["checkpoint"] == .string("\(run)@1"))
    try world.checkpoint(run, step: 2)
    #expect(try await answer(world, "production") == "\(run)@1")
    #expect(try await put(world, "production", "\(run)").status == 200)
    #expect(try await answer(world, "production") == "\(run)@2")
    // The file has a second name.
    try FileManager.default.removeItem(atPath: world.runs.directory(of: run) + "/checkpoints")
    #expect(try await answer(world, "production") == "\(run)@2")
    let list = try await world.call("GET", "/v1/models").object()["data"]?.arrayValue ?? []
    #expect(list.first?.objectValue?["id"] == "production")
    #expect(try world.keptModels.count == 1)
    let reopened = try ModelLibrary(directory: world.folder + "/models", loader: fakeLoader)
    #expect(await reopened.model(alias: "production")?.name == "\(run)@2")
    #expect(try await world.call("DELETE", "/v1/models/production").status == 204)
    #expect(try await answer(world, "production") == "not_found")
    #expect(try world.keptModels.isEmpty)
  }

  @Test func `a switch under load fails no request`() async throws {
    let world = try World()
    let run = try await world.run()
    for step in 1...2 { try world.checkpoint(run, step: step) }
    _ = try await put(world, "production", "\(run)@1")
    try await withThrowingTaskGroup(of: Set<String?>.self) { group in
      for _ in 0..<4 {
        group.addTask {
          var seen: Set<String?> = []
          for _ in 0..<40 { seen.insert(try await answer(world, "production")) }
          return seen
        }
      }
      for turn in 0..<20 {
        #expect(try await put(world, "production", "\(run)@\(1 + turn % 2)").status == 200)
      }
      for try await seen in group {
        #expect(seen.isSubset(of: ["\(run)@1", "\(run)@2"]), "\(seen)")
      }
    }
    #expect(try world.keptModels.count == 1)
  }

  @Test func `a model that does not load leaves the alias as it was`() async throws {
    let loader = EncoderLoader(
      load: { _ in FakeEncoder() },
      fingerprint: { path in
        let text = String(
          decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
        if text == "model of 2" { throw NotAModel() }
        return text
      })
    let world = try World(loader: loader)
    let run = try await world.run()
    for step in 1...2 { try world.checkpoint(run, step: step) }
    _ = try await put(world, "production", "\(run)@1")
    let refused = try await put(world, "production", "\(run)@2")
    #expect(refused.status == 500)
    #expect(try refused.problemCode() == "model_not_loadable")
    #expect(try await answer(world, "production") == "\(run)@1")
    #expect(try world.keptModels.count == 1)
  }

  @Test(arguments: [
    "latest", "default", "best", ".hidden", "a@b", "a b", "ä", "",
    String(repeating: "x", count: 65),
    "01a223d3-fecb-7000-b0c6-91b2173207ae",
  ])
  func `what cannot be told from another name is no alias`(_ name: String) throws {
    #expect(!ModelAlias.isName(name))
  }

  @Test(arguments: ["production", "v1.2", "A_b-3", "0", String(repeating: "x", count: 64)])
  func `letters, digits, dots, dashes and underscores are an alias`(_ name: String) {
    #expect(ModelAlias.isName(name))
  }

  @Test func `a name that is none, a model that is none and a full shelf are told`() async throws {
    let world = try World()
    let run = try await world.run()
    try world.checkpoint(run, step: 1)
    #expect(try await put(world, "a@b", "\(run)").problemFields() == ["name"])
    #expect(try await put(world, "production", "nobody").status == 404)
    #expect(
      try await world.call("PUT", "/v1/models/production", json: [:]).problemFields() == [
        "checkpoint"
      ])
    for number in 0..<100 {
      #expect(try await put(world, "a\(number)", "\(run)").status == 201)
    }
    #expect(try await put(world, "one-more", "\(run)").problemCode() == "model_rejected")
    #expect(try world.keptModels.count == 100)
    #expect(try await world.call("DELETE", "/v1/models/\(run)").problemCode() == "model_of_run")
    #expect(try await world.call("DELETE", "/v1/models/nobody").status == 404)
  }

  @Test func `If-Match and If-None-Match hold an alias against what the caller saw`() async throws {
    let world = try World()
    let run = try await world.run()
    for step in 1...2 { try world.checkpoint(run, step: step) }
    func status(_ step: Int, _ headers: Headers) async throws -> Int {
      try await put(world, "production", "\(run)@\(step)", headers: headers).status
    }
    #expect(try await status(1, ["If-Match": "*"]) == 412)
    #expect(try await status(1, ["If-None-Match": "*"]) == 201)
    #expect(try await status(2, ["If-None-Match": "*"]) == 412)
    #expect(try await status(2, ["If-Match": "\"print-2\""]) == 412)
    #expect(try await status(2, ["If-Match": "\"print-1\""]) == 200)
    #expect(try await status(2, ["If-None-Match": "\"print-1\""]) == 400)
    #expect(try world.keptModels.count == 1)
  }

  @Test func `aliases that do not read back remove nothing and are told`() async throws {
    let world = try World()
    let run = try await world.run()
    try world.checkpoint(run, step: 1)
    _ = try await put(world, "production", "\(run)")
    let path = world.folder + "/models/aliases.json"
    try Data("[{".utf8).write(to: URL(fileURLWithPath: path))
    #expect(throws: ModelLibraryError.damaged(path)) {
      try ModelLibrary(directory: world.folder + "/models", loader: fakeLoader)
    }
    #expect(try world.keptModels.count == 1)
  }
}

extension World {
  /// The folders of models that are kept beside the runs.
  var keptModels: [String] {
    get throws {
      try FileManager.default.contentsOfDirectory(atPath: folder + "/models")
        .filter { $0 != "aliases.json" }
    }
  }
}
