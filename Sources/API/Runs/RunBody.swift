import Evaluation
import Identifiers
import JSONTree
import Metrics
import NeuralNetworks
import Recipes
import Runs
import Training

extension RunRecord {
  /// The tag of the run's status within one start of the service.
  func etag(_ serviceInstance: String) -> String {
    let start = status.estimatedStart.map { $0.milliseconds / 60_000 } ?? 0
    return "\"\(serviceInstance)/\(status.version)/\(status.queuePosition ?? -1).\(start)\""
  }

  /// The run as the API shows it.
  func json() -> JSONValue {
    var object: JSONObject = [
      "object": "run", "id": .string(run.id.description), "name": .string(run.shownName),
      "metadata": metadata, "dataset": .string(run.dataset),
      "created_at": .string(run.createdAt.description), "state": .string(status.state.rawValue),
      "since": .string(status.since.description), "reason": reason, "progress": progress,
      "metrics": values, "declared_metrics": .array(metrics.map(\.json)), "health": health,
    ]
    object["restarts"] = .integer(Int64(status.restarts))
    object["resumed_from"] = whole(status.resumedFrom)
    object["checkpoint"] = checkpoint
    object["best_step"] = whole(status.bestStep)
    object["queue_position"] = whole(status.queuePosition)
    object["estimated_start"] = status.estimatedStart.map { .string($0.description) } ?? .null
    object["resources"] = run.resources.json
    object["init_from"] = run.initialModel.map { .string($0) } ?? .null
    object["created_by"] = run.owner.map { .string($0) } ?? .null
    object["dimension"] = .integer(Int64(run.recipe.embeddingDimension))
    object["recipe"] = run.recipe.json
    return .object(object)
  }

  private var metadata: JSONValue {
    var object = JSONObject()
    for key in run.metadata.keys.sorted() { object[key] = run.metadata[key].map(JSONValue.string) }
    return .object(object)
  }

  private var reason: JSONValue {
    guard let reason = status.reason else { return .null }
    return ["code": .string(reason.code), "detail": .string(reason.detail)]
  }

  private var progress: JSONValue {
    let progress = status.progress
    return [
      "step": .integer(Int64(progress.step)), "steps": .integer(Int64(progress.steps)),
      "epoch": .integer(Int64(progress.epoch)), "epochs": .integer(Int64(progress.epochs)),
      "images_per_second": number(progress.imagesPerSecond),
      "view_wait_share": number(progress.viewWaitShare),
      "eta_seconds": number(progress.etaSeconds),
    ]
  }

  private var values: JSONValue {
    guard let values = status.metrics else { return .null }
    var object = JSONObject()
    for metric in metrics { object[metric.name] = number(values[metric]) }
    return .object(object)
  }

  private var health: JSONValue {
    guard let health = status.health else { return .null }
    return [
      "verdict": .string(health.verdict.rawValue), "evidence": .string(health.evidence),
      "advice": .string(health.advice),
    ]
  }

  private var checkpoint: JSONValue {
    guard let step = status.checkpointStep else { return .null }
    let time = status.checkpointAt.map { JSONValue.string($0.description) } ?? .null
    return ["step": .integer(Int64(step)), "time": time]
  }
}

extension RunResources {
  /// What a worker may use, as the API shows it.
  var json: JSONValue {
    [
      "threads": whole(threads), "memory_bytes": whole(memoryBytes), "niceness": whole(niceness),
    ]
  }
}

extension Run {
  /// The name, or one made of the encoder and the end of the id.
  var shownName: String {
    name.isEmpty ? "\(recipe.encoder.architecture.rawValue) \(id.description.suffix(6))" : name
  }
}

extension Recipe {
  /// The recipe as the API shows it.
  var json: JSONValue {
    do throws(JSONError) {
      return try JSONValue(parsing: encoded)
    } catch {
      preconditionFailure("A recipe was encoded as what is no JSON: \(error)")
    }
  }
}

extension RunEvent {
  /// The event as the API shows it.
  var json: JSONValue {
    [
      "id": .integer(sequence), "time": .string(at.description), "kind": .string(kind),
      "state": .string(state.rawValue), "code": reason.map { .string($0.code) } ?? .null,
      "detail": .string(reason?.detail ?? ""), "step": whole(step),
    ]
  }
}
