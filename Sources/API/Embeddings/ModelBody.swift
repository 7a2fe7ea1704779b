import Identifiers
import JSONTree
import NeuralNetworks
import Recipes
import Runs

extension ModelCatalog.Entry {
  /// The model as the API shows it.
  func json(isDefault: Bool, fingerprint: String?) -> JSONValue {
    let recipe = record.run.recipe
    return [
      "id": .string(name), "object": "model",
      "created": .integer((record.status.checkpointAt ?? record.run.createdAt).milliseconds / 1000),
      "owned_by": "byol", "run": .string(record.run.id.description),
      "run_name": .string(record.run.shownName), "step": .integer(Int64(step)),
      "dimension": .integer(Int64(recipe.embeddingDimension)),
      "input_size": .integer(Int64(recipe.imageSize)),
      "architecture": .string(recipe.encoder.architecture.rawValue), "default": .bool(isDefault),
      "pinned": .bool(isPinned), "fingerprint": fingerprint.map(JSONValue.string) ?? .null,
    ]
  }
}
