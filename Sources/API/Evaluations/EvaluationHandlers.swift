import DatasetLibrary
import EmbeddingService
import Evaluation
import HTTP
import Identifiers
import JSONTree
import ModelLibrary
import Runs

/// `/v1/evaluations`
struct EvaluationHandlers: Sendable {
  let evaluations: any EvaluationControl
  let catalog: ModelCatalog
  let runs: any RunControl
  let library: DatasetLibrary

  func create(_ request: Request) async throws -> Response {
    try request.allowQuery()
    var fields = FieldReader(try await request.jsonObject(limit: 64 << 10))
    let name = fields.string("model", limit: EmbeddingLimits.modelNameLength)
    let dataset = fields.string("dataset", limit: 64)
    let protocols = protocols(&fields)
    let isQuick = fields.boolean("quick") ?? false
    if name == nil, fields.faults.isEmpty {
      fields.fault("model", "missing", "It must be a run's id, or a model's name such as RUN@STEP.")
    }
    try fields.finish()
    let model = try await catalog.model(name ?? "")
    let (judged, own) = await evaluated(model)
    guard let chosen = dataset ?? own else {
      throw APIError.invalid([
        .field(
          "dataset", "missing",
          "It must be a dataset's id: the model belongs to no run that is there, whose dataset would be taken."
        )
      ])
    }
    // 404 for a dataset that is none, 409 for one that is still being admitted.
    _ = try library.record(chosen)
    let evaluation = try await evaluations.create(
      EvaluationSubmission(
        model: judged, modelFile: model.file.path, dataset: chosen, protocols: protocols,
        isQuick: isQuick))
    return API.json(
      evaluation.json, status: 201, location: "/v1/evaluations/\(evaluation.id)")
  }

  /// With what the result will be stored, and the dataset of its run where it has one.
  ///
  /// The copy of a checkpoint that an alias keeps is the run's as long as the run is there.
  private func evaluated(_ model: ModelCatalog.Entry) async -> (EvaluatedModel, dataset: String?) {
    switch model.origin {
    case .run(let record, let step):
      return (.checkpoint(run: record.run.id, step: step), record.run.dataset)
    case .library(let stored, _):
      guard let checkpoint = model.checkpoint, let record = try? await runs.record(checkpoint.run)
      else { return (.stored(stored.id), nil) }
      return (.checkpoint(run: checkpoint.run, step: checkpoint.step), record.run.dataset)
    }
  }

  private func protocols(_ fields: inout FieldReader) -> [EvaluationProtocol] {
    guard let value = fields.take("protocols") else { return EvaluationProtocol.usual }
    let limit = EvaluationLimits.protocols
    guard let names = value.arrayValue, (1...limit).contains(names.count) else {
      fields.fault("protocols", "wrong_type", "It must be an array of 1…\(limit) names.")
      return []
    }
    var known: [EvaluationProtocol] = []
    for (index, name) in names.enumerated() {
      guard let found = name.stringValue.flatMap(EvaluationProtocol.init(name:)) else {
        fields.fault(
          "protocols.\(index)", "unknown_value",
          "\(clippedJSON(name)) is none of \(EvaluationProtocol.names).")
        continue
      }
      // Asked for twice, it would be judged twice.
      if !known.contains(found) { known.append(found) }
    }
    return known
  }

  func list(_ request: Request) async throws -> Response {
    try request.allowQuery("run", "model", "limit", "after")
    let run = try request.query("run").map { (text) throws(APIError) in
      guard let id = Identifier(text) else {
        throw APIError.parameter("run", "\(clipped(text)) is no run's id.")
      }
      return id
    }
    let model = request.query("model")
    guard model?.count ?? 0 <= EmbeddingLimits.modelNameLength else {
      throw APIError.parameter(
        "model", "It must have at most \(EmbeddingLimits.modelNameLength) characters.")
    }
    let page = await evaluations.page(
      run: run, model: model, limit: try request.pageLimit(), after: try request.cursor())
    return request.conditionalJSON(
      API.list(page.records, hasMore: page.hasMore))
  }

  func get(_ request: Request) async throws -> Response {
    try request.allowQuery()
    return request.conditionalJSON(
      try await evaluations.record(try request.identifier(of: "evaluation")).json)
  }

  func cancel(_ request: Request) async throws -> Response {
    try request.allowQuery()
    guard let cancelled = try await evaluations.cancel(try request.identifier(of: "evaluation"))
    else {
      return Response(status: 204)
    }
    return API.json(cancelled.json, status: 202)
  }
}

extension EvaluationRecord: ListedRecord {
  /// The evaluation as the API shows it.
  var json: JSONValue {
    func time(_ time: Timestamp?) -> JSONValue { time.map { .string($0.description) } ?? .null }
    return [
      "object": "evaluation", "id": .string(id.description),
      "run": run.map { .string($0.description) } ?? .null,
      "model": .string(modelName), "dataset": .string(dataset),
      "protocols": .array(protocols.map { .string($0.name) }), "quick": .bool(isQuick),
      "created_at": time(createdAt), "started_at": time(startedAt), "ended_at": time(endedAt),
      "state": .string(state.rawValue), "reason": reason.map(JSONValue.string) ?? .null,
      "progress": progress.map(tree) ?? .null, "report": report.map(tree) ?? .null,
    ]
  }
}

/// A value as `JSONCoding` writes it.
private func tree(_ value: some Encodable) -> JSONValue {
  guard let bytes = try? JSONCoding.encode(value), let tree = try? JSONValue(parsing: bytes) else {
    return .null
  }
  return tree
}
