public import JSONTree

extension RecipeRequest {
  /// Reads a request from the members of a JSON object.
  ///
  /// `null`, `"auto"` and absent mean the same. Every member must be known: a misspelt name is a
  /// problem, never ignored.
  ///
  /// - Parameters:
  ///   - object: The members.
  ///   - others: Names that belong to somebody else, such as `dataset`; they are skipped.
  /// - Throws: `RecipeProblems` with every problem of every field.
  public init(reading object: JSONObject, besides others: Set<String> = [])
    throws(RecipeProblems)
  {
    self.init()
    var reader = RecipeReader()
    reader.read(object, RecipeReader.tree, prefix: "", besides: others)
    guard reader.problems.isEmpty else { throw RecipeProblems(problems: reader.problems) }
    self = reader.request
  }
}

/// Takes the fields of the table out of nested JSON objects and gathers what is wrong with them.
private struct RecipeReader {
  /// The table as the nested objects that requests are.
  indirect enum Node {
    case field(RecipeField)
    case object([(name: String, node: Node)])
  }

  var request = RecipeRequest()
  var problems: [FieldProblem] = []

  static let tree = level(RecipeField.all.map { ($0.name.split(separator: ".")[...], $0) })

  private static func level(
    _ fields: [(path: ArraySlice<Substring>, field: RecipeField)]
  ) -> [(name: String, node: Node)] {
    var names: [Substring] = []
    for case let name? in fields.map(\.path.first) where !names.contains(name) {
      names.append(name)
    }
    return names.map { name in
      let inside = fields.filter { $0.path.first == name }.map { ($0.path.dropFirst(), $0.field) }
      if let (path, field) = inside.first, path.isEmpty { return (String(name), .field(field)) }
      return (String(name), .object(level(inside)))
    }
  }

  mutating func read(
    _ object: JSONObject, _ nodes: [(name: String, node: Node)], prefix: String,
    besides others: Set<String> = []
  ) {
    refuseUnknown(object, nodes.map(\.name), prefix, others)
    for (name, node) in nodes {
      guard let value = object[name], value != .null, value != .string("auto") else { continue }
      switch node {
      case .field(let field):
        if let problem = field.problem(with: value) { problems.append(problem) }
        request[field.name] = value
      case .object(let inner):
        guard let members = value.objectValue else {
          let names = inner.map(\.name).joined(separator: ", ")
          report(prefix + name, value, "auto, or an object of the fields \(names)", .wrongType)
          continue
        }
        read(members, inner, prefix: prefix + name + ".")
      }
    }
  }

  /// Reports members that nobody knows. Each report lists all names, so their number is bounded: a body of nothing but
  /// unknown members would otherwise be answered by one many times as long.
  private mutating func refuseUnknown(
    _ object: JSONObject, _ names: [String], _ prefix: String, _ others: Set<String>
  ) {
    let unknown = object.members.filter { !names.contains($0.name) && !others.contains($0.name) }
    let known = others.sorted() + names
    let all = "one of the fields " + known.joined(separator: ", ")
    for member in unknown.prefix(RecipeLimits.listedUnknownFields) {
      let meant = nearestName(to: member.name, among: known).map { "\($0), if that was meant, or " }
      report(prefix + member.name, member.value, (meant ?? "") + all, .unknownField)
    }
    let more = unknown.count - RecipeLimits.listedUnknownFields
    if more > 0, let last = unknown.last {
      report(
        prefix + last.name, last.value, "\(all); \(more) members are unknown besides those listed",
        .unknownField)
    }
  }

  private mutating func report(
    _ name: String, _ value: JSONValue, _ allowed: String, _ code: FieldProblem.Code
  ) {
    problems.append(FieldProblem(field: name, value: value, allowed: allowed, code: code))
  }
}
