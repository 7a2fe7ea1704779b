import Foundation
import JSONTree
import Recipes
import Testing

/// The parts of documents that the table of fields writes.
enum RecipeDocuments {
  private static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// A document with a part between two lines that hold `Recipe fields: begin` and `Recipe fields: end`.
  struct Document: Sendable, CustomTestStringConvertible {
    let path: String
    let part: String

    var testDescription: String { path }
    private var url: URL { root.appending(path: path) }

    /// The document with the part that the table writes.
    func rewritten(_ text: String) throws -> String {
      let pieces = text.split(separator: "\n", omittingEmptySubsequences: false)
      guard let begin = pieces.firstIndex(where: { $0.contains("Recipe fields: begin") }),
        let end = pieces.firstIndex(where: { $0.contains("Recipe fields: end") }), begin < end
      else { throw CocoaError(.fileReadCorruptFile) }
      return (pieces[...begin] + part.split(separator: "\n") + pieces[end...])
        .joined(separator: "\n")
    }

    func text() throws -> String { try String(contentsOf: url, encoding: .utf8) }

    func write(_ text: String) throws {
      try text.write(to: url, atomically: true, encoding: .utf8)
    }
  }

  static let all = [
    Document(path: "docs/limits.md", part: limitsTable),
    Document(path: "openapi.yaml", part: schema(RecipeField.all.map { (path($0), $0) }, margin: 8)),
  ]

  private static func path(_ field: RecipeField) -> ArraySlice<String> {
    field.name.split(separator: ".").map(String.init)[...]
  }
}

// MARK: docs/limits.md

extension RecipeDocuments {
  private static var limitsTable: String {
    let rows = RecipeField.all.map { field in
      "| `\(field.name)` | \(values(field)) | \(field.description.sentence) | \(field.description.automatic) |"
    }
    return (["| field | allowed | meaning | `auto` |", "|---|---|---|---|"] + rows)
      .joined(separator: "\n")
  }

  private static func values(_ field: RecipeField) -> String {
    let range = (field.limits.map { "\(grouped($0.least)) … \(grouped($0.greatest))" } ?? "")
    let unit = field.description.unit.isEmpty ? "" : " \(field.description.unit)"
    switch field.kind {
    case .choice(let words): return words.joined(separator: ", ")
    case .integer, .number: return range + unit
    case .numbers(let count, let isAscending):
      let counts =
        count.count == 1 ? "\(count.lowerBound)" : "\(count.lowerBound) to \(count.upperBound)"
      return "\(counts) numbers, each \(range)\(unit)" + (isAscending ? ", the least first" : "")
    }
  }

  /// A number with a comma at every third digit.
  private static func grouped(_ value: JSONValue) -> String {
    guard let whole = value.integerValue else { return decimal(value) }
    let digits = String(whole.magnitude)
    let groups = digits.enumerated().map { place, digit in
      place > 0 && (digits.count - place) % 3 == 0 ? ",\(digit)" : "\(digit)"
    }
    return (whole < 0 ? "-" : "") + groups.joined()
  }

  /// A number without an exponent, which some YAML readers take for text.
  private static func decimal(_ value: JSONValue) -> String {
    if let whole = value.integerValue { return "\(whole)" }
    let text = value.description
    guard text.contains("e") else { return text }
    let digits = String(format: "%.12f", value.doubleValue ?? 0)
    return String(digits.reversed().drop { $0 == "0" }.reversed())
  }
}

// MARK: openapi.yaml

extension RecipeDocuments {
  private typealias Entry = (path: ArraySlice<String>, field: RecipeField)

  /// The schemas of fields as properties of an object, those of one parent together.
  private static func schema(_ entries: [Entry], margin: Int) -> String {
    var names: [String] = []
    for case let name? in entries.map(\.path.first) where !names.contains(name) {
      names.append(name)
    }
    return names.map { name in
      let inside = entries.filter { $0.path.first == name }.map { ($0.path.dropFirst(), $0.field) }
      let indent = String(repeating: " ", count: margin)
      if let (path, field) = inside.first, path.isEmpty {
        return leaf(field, name: name, indent: indent)
      }
      return """
        \(indent)\(name):
        \(indent)  oneOf:
        \(indent)    - { const: auto }
        \(indent)    - { type: "null" }
        \(indent)    - type: object
        \(indent)      additionalProperties: false
        \(indent)      properties:
        \(schema(inside, margin: margin + 8))
        """
    }.joined(separator: "\n")
  }

  private static func leaf(_ field: RecipeField, name: String, indent: String) -> String {
    let text = JSONValue.string(
      "\(field.description.sentence) `auto`: \(field.description.automatic).")
    return """
      \(indent)\(name):
      \(indent)  description: \(text)
      \(indent)  oneOf: [{ \(type(field)) }, { const: auto }, { type: "null" }]
      """
  }

  private static func type(_ field: RecipeField) -> String {
    let range = field.limits.map {
      ", minimum: \(decimal($0.least)), maximum: \(decimal($0.greatest))"
    }
    switch field.kind {
    case .choice(let words): return "enum: [\(words.joined(separator: ", "))]"
    case .integer: return "type: integer\(range ?? "")"
    case .number: return "type: number\(range ?? "")"
    case .numbers(let count, _):
      return "type: array, minItems: \(count.lowerBound), maxItems: \(count.upperBound), "
        + "items: { type: number\(range ?? "") }"
    }
  }
}
