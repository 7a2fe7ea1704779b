import BYOL
import Checkpoints
import HTTP
import JSONTree
import NeuralNetworks
import Runs

/// What `POST /v1/runs` asks for, resolved.
private struct RunOrder {
  var submission: RunSubmission
  var dataset: DatasetRecord
  var warnings: [String]
  var validateOnly: Bool
}

extension RunHandlers {
  /// Members of the request that are not the recipe's.
  private static let ownFields: Set<String> = ["dataset", "name", "metadata", "validate_only"]

  func create(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let object = try await request.jsonObject(limit: 256 << 10)
    var order = try self.order(object)
    if order.validateOnly { return json(plan(order)) }
    if let key = request.headers["Idempotency-Key"] {
      guard (1...200).contains(key.utf8.count) else {
        throw APIError.parameter("Idempotency-Key", "It must have 1…200 bytes.")
      }
      let digest = SHA256.hexDigest(of: JSONValue.object(object).encoded)
      order.submission.idempotency = (key, digest)
    }
    let (record, isNew) = try await runs.create(order.submission)
    let location = "/v1/runs/\(record.run.id)"
    return json(record.json(), status: isNew ? 201 : 200, location: location)
  }

  private func order(_ object: JSONObject) throws -> RunOrder {
    var fields = FieldReader(object)
    let dataset = dataset(&fields)
    let name = fields.string("name", limit: 200)
    let metadata = fields.metadata("metadata")
    let validateOnly = fields.boolean("validate_only") ?? false
    let request = try recipeRequest(object, &fields)
    guard let dataset, let request else { throw APIError.invalid(fields.faults) }
    let resolved = try request.resolve(dataset: dataset.size, machine: machine)
    let submission = RunSubmission(
      name: name ?? "", metadata: metadata ?? [:], dataset: dataset.id, recipe: resolved.recipe)
    return RunOrder(
      submission: submission, dataset: dataset, warnings: resolved.warnings,
      validateOnly: validateOnly)
  }

  private func dataset(_ fields: inout FieldReader) -> DatasetRecord? {
    guard let id = fields.string("dataset", limit: 100) else {
      if !fields.faults.contains(where: { $0.field == "dataset" }) {
        fields.fault("dataset", "missing", "It must be the id of a dataset.")
      }
      return nil
    }
    guard let record = try? library.record(id) else {
      fields.fault("dataset", "unknown_value", "There is no dataset \(clipped(id)).")
      return nil
    }
    return record
  }

  /// The recipe's part; its problems join those of the other fields.
  private func recipeRequest(
    _ object: JSONObject, _ fields: inout FieldReader
  ) throws(APIError) -> RecipeRequest? {
    do throws(RecipeProblems) {
      let request = try RecipeRequest(reading: object, besides: Self.ownFields)
      return fields.faults.isEmpty ? request : nil
    } catch {
      for fault in faults(of: error) { fields.add(fault) }
      return nil
    }
  }

  private func plan(_ order: RunOrder) -> JSONValue {
    let recipe = order.submission.recipe
    return [
      "object": "run_plan", "dataset": .string(order.dataset.id), "recipe": recipe.json,
      "pictures": .integer(Int64(recipe.pictures)), "steps": .integer(Int64(recipe.totalSteps)),
      "steps_per_epoch": .integer(Int64(recipe.stepsPerEpoch)),
      "dimension": .integer(Int64(recipe.encoder.representationDimension)),
      "warnings": .array(order.warnings.map(JSONValue.string)),
    ]
  }
}
