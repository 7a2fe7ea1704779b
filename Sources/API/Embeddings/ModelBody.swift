import EmbeddingService
import Identifiers
import Images
import JSONTree
import NeuralNetworks
import Recipes
import Runs
import TensorGraph

extension ModelCatalog.Entry {
  /// The model as the API shows it. What its file says is told where it was opened.
  func json(isDefault: Bool, opened: OpenedModel?) -> JSONValue {
    let recipe = record.run.recipe
    let side = opened?.inputSize ?? recipe.embeddingSize
    return [
      "id": .string(name), "object": "model",
      "created": .integer((record.status.checkpointAt ?? record.run.createdAt).milliseconds / 1000),
      "owned_by": "byol", "run": .string(record.run.id.description),
      "run_name": .string(record.run.shownName), "step": .integer(Int64(step)),
      "dimension": .integer(Int64(opened?.dimension ?? recipe.embeddingDimension)),
      "input_size": .integer(Int64(side)),
      "architecture": .string(recipe.encoder.architecture.rawValue), "default": .bool(isDefault),
      "pinned": .bool(isPinned),
      "fingerprint": opened.map { .string($0.fingerprint) } ?? .null,
      "precision": opened.map { .string($0.precision.rawValue) } ?? .null,
      "preprocessing": opened.map { $0.preprocessing.json } ?? .null,
    ]
  }
}

extension EvaluationTransform {
  /// The preprocessing in words, and as the numbers that reproduce it.
  fileprivate var json: JSONValue {
    // As short as float32 reads back.
    func numbers(_ values: [Float]) -> JSONValue {
      .array(values.map { .number(Double($0.description) ?? Double($0)) })
    }
    return [
      "rule": .string(rule), "channels": .integer(Int64(channels)),
      "resized_short_side": .integer(Int64(resizedSide)), "crop_side": .integer(Int64(side)),
      "resampling": "bicubic", "mean": numbers(normalization.mean),
      "deviation": numbers(normalization.deviation),
    ]
  }
}
