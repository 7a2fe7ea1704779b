import EmbeddingService
import Identifiers
import Images
import JSONTree
import ModelLibrary
import NeuralNetworks
import Recipes
import Runs
import TensorGraph

extension ModelCatalog.Entry {
  /// What people know it by, besides its name: the run's, or that of what was uploaded.
  var shownName: String {
    switch origin {
    case .run(let record, _): record.run.shownName
    case .library(let model, _): model.name
    }
  }

  /// The model as the API shows it. What its file says is told where it was opened, or is known without.
  func json(isDefault: Bool, opened: OpenedModel?) -> JSONValue {
    let facts = facts
    return [
      "id": .string(name), "object": "model",
      "created": .integer(facts.created.milliseconds / 1000), "owned_by": "byol",
      "source": .string(source), "checkpoint": .string(file.name), "name": .string(shownName),
      "run": checkpoint.map { .string($0.run.description) } ?? .null,
      "run_name": checkpoint.map { .string($0.runName) } ?? .null,
      "step": checkpoint.map { .integer(Int64($0.step)) } ?? .null,
      "dimension": .integer(Int64(opened?.dimension ?? facts.dimension)),
      "input_size": .integer(Int64(opened?.inputSize ?? facts.inputSize)),
      "architecture": .string(facts.architecture.rawValue), "default": .bool(isDefault),
      "pinned": .bool(isPinned),
      "fingerprint": (opened?.fingerprint ?? facts.fingerprint).map { .string($0) } ?? .null,
      "precision": opened.map { .string($0.precision.rawValue) } ?? .null,
      "preprocessing": opened.map { $0.preprocessing.json } ?? .null,
    ]
  }

  private var source: String {
    switch origin {
    case .run: "run"
    case .library(_, let alias): alias == nil ? "upload" : "alias"
    }
  }

  private struct Facts {
    var created: Timestamp
    var dimension: Int
    var inputSize: Int
    var architecture: EncoderConfiguration.Architecture
    var fingerprint: String?
  }

  /// What is known without opening the file.
  private var facts: Facts {
    switch origin {
    case .run(let record, _):
      let recipe = record.run.recipe
      return Facts(
        created: record.status.checkpointAt ?? record.run.createdAt,
        dimension: recipe.embeddingDimension, inputSize: recipe.embeddingSize,
        architecture: recipe.encoder.architecture)
    case .library(let model, let alias):
      return Facts(
        created: alias?.since ?? model.createdAt, dimension: model.dimension,
        inputSize: model.inputSize, architecture: model.architecture,
        fingerprint: model.fingerprint)
    }
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
