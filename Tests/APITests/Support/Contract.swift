import Foundation
import HTTP
import JSONTree
import Yams

/// `openapi.yaml` as the judge of answers: every status, content type and body that the tests see is held to it.
struct Contract: @unchecked Sendable {
  /// The document. Unchecked: read once, never changed.
  private let document: [String: Any]

  /// The contract of this checkout.
  static let current: Result<Contract, any Error> = Result {
    let text = String(decoding: try repositoryFile("openapi.yaml"), as: UTF8.self)
    guard let document = try Yams.load(yaml: text) as? [String: Any] else {
      throw NotADocument()
    }
    return Contract(document: document)
  }

  struct NotADocument: Error {}

  /// What of an answer to an operation is not in the contract, in sentences.
  func breaches(_ method: String, _ pattern: String, _ response: Response) -> [String] {
    let name = "\(method) \(pattern) \(response.status)"
    guard let operation = node(["paths", pattern, method.lowercased(), "responses"]) else {
      return ["\(name): the operation is not in the contract."]
    }
    // What every operation may answer is one entry; success and what is its own are listed.
    let fallback = response.status >= 400 ? operation["default"] : nil
    guard let entry = resolved(operation["\(response.status)"] ?? fallback) else {
      return ["\(name): the status is not in the contract."]
    }
    let content = entry["content"] as? [String: Any] ?? [:]
    guard case .bytes(let bytes) = response.body else { return [] }
    let type = response.headers["Content-Type"].map { String($0.prefix { $0 != ";" }) } ?? ""
    if content.isEmpty { return bytes.isEmpty ? [] : ["\(name): a body, where none is promised."] }
    guard let media = content[type] as? [String: Any] else {
      return ["\(name): the content type \(type) is not in the contract."]
    }
    guard type == "application/json" || type.hasSuffix("+json"), let schema = media["schema"] else {
      return []
    }
    guard let value = try? JSONValue(parsing: bytes) else {
      return ["\(name): the body is no JSON."]
    }
    return faults(value, schema, at: "").map { "\(name): \($0)" }
  }

  private func node(_ path: [String]) -> [String: Any]? {
    path.reduce(document) { node, name in node?[name] as? [String: Any] }
  }

  /// The object itself, or what its `$ref` names.
  private func resolved(_ node: Any?) -> [String: Any]? {
    guard let object = node as? [String: Any] else { return nil }
    guard let reference = object["$ref"] as? String else { return object }
    return self.node(reference.dropFirst(2).split(separator: "/").map(String.init))
  }
}

// MARK: - Schemas

extension Contract {
  /// How a value breaks a schema: the part of JSON Schema that the contract uses. A member that an object's schema
  /// does not name is a fault, unless it says `additionalProperties` or names none at all.
  private func faults(_ value: JSONValue, _ node: Any, at path: String) -> [String] {
    guard let schema = resolved(node) else { return ["\(path): the schema leads nowhere."] }
    var found: [String] = []
    if let constant = schema["const"], !equals(value, constant) {
      found.append("\(path) is \(value), not \(constant).")
    }
    if let words = schema["enum"] as? [Any], !words.contains(where: { equals(value, $0) }) {
      found.append("\(path) is \(value), not one of \(words).")
    }
    if let type = schema["type"] {
      let types = type as? [String] ?? [type as? String ?? ""]
      if !types.contains(where: { has(value, type: $0) }) {
        found.append("\(path) is \(value), not \(types.joined(separator: " or ")).")
      }
    }
    if let choices = schema["oneOf"] as? [Any],
      choices.filter({ faults(value, $0, at: path).isEmpty }).count != 1
    {
      found.append("\(path) is \(value), which is not exactly one of \(choices.count) forms.")
    }
    found += textFaults(value, schema, at: path)
    for (index, element) in (value.arrayValue ?? []).enumerated() {
      if let items = schema["items"] { found += faults(element, items, at: "\(path)[\(index)]") }
    }
    return found + objectFaults(value, schema, at: path)
  }

  private func textFaults(_ value: JSONValue, _ schema: [String: Any], at path: String) -> [String]
  {
    guard let text = value.stringValue, let pattern = schema["pattern"] as? String else {
      return []
    }
    let isMatch = text.range(of: pattern, options: .regularExpression) != nil
    return isMatch ? [] : ["\(path) is \(text), which \(pattern) does not match."]
  }

  private func objectFaults(
    _ value: JSONValue, _ schema: [String: Any], at path: String
  ) -> [String] {
    guard let object = value.objectValue else { return [] }
    let (required, properties) = members(of: schema)
    var found = required.filter { object[$0] == nil }.map { "\(path).\($0) is missing." }
    for member in object.members {
      let place = "\(path).\(member.name)"
      if let property = properties[member.name] {
        found += faults(member.value, property, at: place)
      } else if let rest = schema["additionalProperties"] as? [String: Any] {
        found += faults(member.value, rest, at: place)
      } else if !properties.isEmpty, schema["additionalProperties"] as? Bool != true {
        found.append("\(place) is not in the contract.")
      }
    }
    return found
  }

  /// Names and schemas of an object's members, those of `allOf` with them; the later one holds.
  private func members(of schema: [String: Any]) -> ([String], [String: Any]) {
    var required = schema["required"] as? [String] ?? []
    var properties: [String: Any] = [:]
    for part in schema["allOf"] as? [Any] ?? [] {
      let (names, schemas) = members(of: resolved(part) ?? [:])
      required += names
      properties.merge(schemas) { $1 }
    }
    properties.merge(schema["properties"] as? [String: Any] ?? [:]) { $1 }
    return (required, properties)
  }

  private func has(_ value: JSONValue, type: String) -> Bool {
    switch type {
    case "object": value.objectValue != nil
    case "array": value.arrayValue != nil
    case "string": value.stringValue != nil
    case "boolean": value.boolValue != nil
    case "integer": value.integerValue != nil
    case "number": value.doubleValue != nil
    case "null": value == .null
    default: false
    }
  }

  private func equals(_ value: JSONValue, _ constant: Any) -> Bool {
    switch constant {
    case let text as String: value.stringValue == text
    case let truth as Bool: value.boolValue == truth
    case let number as Int: value.integerValue == Int64(number)
    default: false
    }
  }
}
