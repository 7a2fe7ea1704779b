import API
import Foundation
import HTTP
import Runs
import Testing
import Yams

/// `openapi.yaml` and the program say the same.
@Suite struct ContractTests {
  private let document: [String: Any]

  init() throws {
    let text = String(decoding: try repositoryFile("openapi.yaml"), as: UTF8.self)
    document = try #require(try Yams.load(yaml: text) as? [String: Any])
  }

  private var operations: Set<String> {
    let methods: Set = ["get", "post", "put", "patch", "delete"]
    var result: Set<String> = []
    for (path, item) in document["paths"] as? [String: [String: Any]] ?? [:] {
      for method in item.keys where methods.contains(method) {
        result.insert("\(method.uppercased()) \(path)")
      }
    }
    return result
  }

  private func differences(_ routes: [Route]) -> Set<String> {
    operations.symmetricDifference(routes.map { "\($0.method) \($0.pattern)" })
  }

  @Test func `every operation has a route and every route an operation`() throws {
    #expect(try differences(World().service.routes) == [])
  }

  @Test func `a missing route and an undocumented one are both found`() throws {
    let routes = try World().service.routes
    let extra = Route("GET", "/v1/secret") { _ in Response() }
    #expect(differences(Array(routes.dropFirst()) + [extra]).count == 2)
  }

  @Test func `whatever has a tag answers 304 to who has it`() async throws {
    let world = try World()
    let id = try await world.run()
    try world.checkpoint(id, step: 5)
    let dataset = try await world.runs.record(id).run.dataset
    let paths = [
      "/v1/datasets", "/v1/datasets/\(dataset)", "/v1/datasets/\(dataset)/images/0", "/v1/runs",
      "/v1/runs/\(id)", "/v1/runs/\(id)/metrics", "/v1/runs/\(id)/events",
      "/v1/runs/\(id)/checkpoints", "/v1/runs/\(id)/checkpoints/5",
      "/v1/runs/\(id)/checkpoints/5/model.safetensors", "/v1/models", "/v1/models/\(id)",
      "/v1/info", "/v1/recipe-fields",
    ]
    for path in paths {
      let first = try await world.call("GET", path)
      let etag = try #require(first.headers["ETag"], "\(path)")
      let again = try await world.call("GET", path, headers: ["If-None-Match": etag])
      #expect(again.status == 304 && again.headers["ETag"] == etag, "\(path)")
      let other = try await world.call("GET", path, headers: ["If-Match": "\"other\""])
      #expect(other.status == 412, "\(path)")
      let same = try await world.call("GET", path, headers: ["If-Match": etag])
      #expect(same.status == 200, "\(path)")
    }
  }

  @Test func `the judge of answers finds what is not promised`() throws {
    let contract = try Contract.current.get()
    func breaches(_ status: Int, _ text: String, type: String = "application/json") -> [String] {
      contract.breaches(
        "GET", "/v1/info",
        Response(status: status, contentType: type, bytes: Array(text.utf8)))
    }
    let limits = #""limits":{"a_bytes":1}"#
    #expect(breaches(200, #"{"name":"byol","version":"1",\#(limits)}"#).isEmpty)
    #expect(breaches(202, #"{"name":"byol","version":"1",\#(limits)}"#).count == 1)
    #expect(breaches(200, "ok", type: "text/plain").count == 1)
    #expect(breaches(200, #"{"name":"loyb","version":1,\#(limits),"more":2}"#).count == 3)
    #expect(breaches(200, #"{"name":"byol","limits":{"a_bytes":"1"}}"#).count == 2)
    #expect(breaches(404, "{}", type: "application/problem+json").count == 6)
    #expect(contract.breaches("GET", "/v1/secret", Response()).count == 1)
  }

  @Test func `the problem codes are the same`() throws {
    let components = try #require(document["components"] as? [String: Any])
    let schemas = try #require(components["schemas"] as? [String: [String: Any]])
    let documented = try #require(schemas["ProblemCode"]?["enum"] as? [String])
    #expect(Set(documented) == Set(ProblemCode.allCases.map(\.rawValue)))
    #expect(documented.count == ProblemCode.allCases.count)
  }

  @Test func `every reference leads somewhere`() {
    let references = collect("$ref", in: document)
    #expect(references.count > 50)
    for reference in references {
      #expect(resolves(reference), "\(reference)")
    }
    #expect(!resolves("#/components/schemas/Nowhere"))
  }

  @Test func `operation ids are unique and each operation has a default answer`() {
    let ids = collect("operationId", in: document["paths"] ?? [:])
    #expect(ids.count == operations.count)
    #expect(Set(ids).count == ids.count)
    for (path, item) in document["paths"] as? [String: [String: Any]] ?? [:] {
      for case (let method, let operation as [String: Any]) in item where method != "parameters" {
        let responses = operation["responses"] as? [String: Any] ?? [:]
        #expect(responses["default"] != nil, "\(method) \(path)")
      }
    }
  }

  private func resolves(_ reference: String) -> Bool {
    var node: Any = document
    for part in reference.dropFirst(2).split(separator: "/") {
      guard let next = (node as? [String: Any])?[String(part)] else { return false }
      node = next
    }
    return true
  }

  private func collect(_ key: String, in node: Any) -> [String] {
    if let object = node as? [String: Any] {
      return object.flatMap { name, value in
        name == key ? [value as? String].compactMap { $0 } : collect(key, in: value)
      }
    }
    return (node as? [Any] ?? []).flatMap { collect(key, in: $0) }
  }
}
