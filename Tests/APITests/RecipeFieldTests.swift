import JSONTree
import Recipes
import Testing

@testable import HTTP

/// `GET /v1/recipe-fields`, from which the dashboard makes its form.
@Suite struct RecipeFieldRouteTests {
  @Test func `every field is listed with its limits, its choices and its default`() async throws {
    let response = try await World().call("GET", "/v1/recipe-fields")
    #expect(response.status == 200)
    let fields = try #require(JSONValue(parsing: response.bytes).objectValue?["data"]?.arrayValue)
      .compactMap(\.objectValue)
    #expect(fields.map { $0["name"] } == RecipeField.all.map { .string($0.name) })
    func field(_ name: JSONValue) throws -> JSONObject {
      try #require(fields.first { $0["name"] == name })
    }
    let batch = try field("batch_size")
    #expect(batch["kind"] == "integer" && batch["minimum"] == 2 && batch["maximum"] == 4096)
    #expect(batch["unit"] == "pictures" && batch["common"] == true && batch["choices"] == nil)
    #expect(try field("optimizer")["choices"] == ["lars", "sgd", "adamw"])
    #expect(try field("optimizer")["minimum"] == nil)
    let crop = try field("augmentations.first.crop_area")
    #expect(crop["kind"] == "numbers" && crop["min_items"] == 2 && crop["max_items"] == 2)
  }

  @Test func `parameters are refused, as everywhere`() async throws {
    let response = try await World().call("GET", "/v1/recipe-fields", query: [("limit", "3")])
    #expect(response.status == 400)
  }
}
