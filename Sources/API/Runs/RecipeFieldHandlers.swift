import HTTP
import JSONTree
import Recipes

/// `/v1/recipe-fields`
struct RecipeFieldHandlers: Sendable {
  func list(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let fields = RecipeField.all.map(\.json)
    return request.conditionalJSON(
      API.list(
        fields, first: RecipeField.all.first?.name, last: RecipeField.all.last?.name, hasMore: false
      ))
  }
}

extension RecipeField {
  /// The field as a form needs it; members that do not apply are left out.
  fileprivate var json: JSONValue {
    var object: JSONObject = [
      "object": "recipe_field", "name": .string(name), "label": .string(description.label),
      "description": .string(description.sentence), "automatic": .string(description.automatic),
      "common": .bool(description.isCommon),
    ]
    if !description.unit.isEmpty { object["unit"] = .string(description.unit) }
    object["minimum"] = limits?.least
    object["maximum"] = limits?.greatest
    switch kind {
    case .integer: object["kind"] = "integer"
    case .number: object["kind"] = "number"
    case .choice(let words):
      object["kind"] = "choice"
      object["choices"] = .array(words.map(JSONValue.string))
    case .numbers(let count, _):
      object["kind"] = "numbers"
      object["min_items"] = whole(count.lowerBound)
      object["max_items"] = whole(count.upperBound)
    }
    return .object(object)
  }
}
