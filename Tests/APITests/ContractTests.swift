import API
import Foundation
import HTTP
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
