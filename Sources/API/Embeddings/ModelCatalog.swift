import Checkpoints
import EmbeddingService
import Identifiers
import JSONTree
import NeuralNetworks
import Recipes
import Runs

/// One model: a checkpoint of a run.
struct CatalogModel: Sendable {
  var record: RunRecord
  var step: Int
  /// The run's id, or `id@step` where one checkpoint was asked for.
  var name: String
  var modelFile: String

  /// What the embedding service opens; the same checkpoint under either name is the same source.
  var source: EncoderSource {
    EncoderSource(name: "\(record.run.id)@\(step)", modelFile: modelFile)
  }
}

/// Finds models among the runs' checkpoints.
struct ModelCatalog: Sendable {
  let runs: any RunControl

  /// The latest checkpoint of each run that has one, newest run first; the first is the default.
  func all() async throws -> [CatalogModel] {
    var models: [CatalogModel] = []
    var cursor: Identifier?
    repeat {
      let page = try await runs.page(state: nil, limit: 100, after: cursor)
      models += page.records.compactMap(latest)
      cursor = page.hasMore ? page.records.last?.run.id : nil
    } while cursor != nil
    return models
  }

  /// The model of a name; the newest run's with a checkpoint where the name is nil.
  ///
  /// - Throws: `APIError` 404.
  func model(_ name: String?) async throws -> CatalogModel {
    guard let name else { return try await newest() }
    let parts = name.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    guard let id = Identifier(String(parts[0])) else { throw APIError.notFound("model", name) }
    let record: RunRecord
    do {
      record = try await runs.record(id)
    } catch RunControlError.notFound {
      throw APIError.notFound("model", name)
    }
    guard parts.count == 2 else {
      guard let model = latest(record) else {
        throw APIError(.notFound, "The run \(id) has no checkpoint yet.")
      }
      return model
    }
    guard let step = Int(parts[1]), try runs.checkpoints(of: id).steps().contains(step) else {
      throw APIError.notFound("model", name)
    }
    return model(record, step: step, name: name)
  }

  private func newest() async throws -> CatalogModel {
    var cursor: Identifier?
    repeat {
      let page = try await runs.page(state: nil, limit: 20, after: cursor)
      for record in page.records {
        if let model = latest(record) { return model }
      }
      cursor = page.hasMore ? page.records.last?.run.id : nil
    } while cursor != nil
    throw APIError(.notFound, "There is no model yet: no run has written a checkpoint.")
  }

  private func latest(_ record: RunRecord) -> CatalogModel? {
    let steps = try? runs.checkpoints(of: record.run.id).steps()
    guard let step = steps?.last else { return nil }
    return model(record, step: step, name: record.run.id.description)
  }

  private func model(_ record: RunRecord, step: Int, name: String) -> CatalogModel {
    let folder = runs.checkpoints(of: record.run.id).path(step: step)
    return CatalogModel(
      record: record, step: step, name: name,
      modelFile: folder + "/" + CheckpointFolder.modelFileName)
  }
}

extension CatalogModel {
  /// The model as the API shows it.
  func json(isDefault: Bool, fingerprint: String?) -> JSONValue {
    let recipe = record.run.recipe
    return [
      "id": .string(name), "object": "model",
      "created": .integer((record.status.checkpointAt ?? record.run.createdAt).milliseconds / 1000),
      "owned_by": "byol", "run": .string(record.run.id.description),
      "run_name": .string(record.run.shownName), "step": .integer(Int64(step)),
      "dimension": .integer(Int64(recipe.encoder.representationDimension)),
      "input_size": .integer(Int64(recipe.imageSize)),
      "architecture": .string(recipe.encoder.architecture.rawValue), "default": .bool(isDefault),
      "fingerprint": fingerprint.map(JSONValue.string) ?? .null,
    ]
  }
}
