import EmbeddingService
import HTTP
import JSONTree

/// `/v1/models`
struct ModelHandlers: Sendable {
  let catalog: ModelCatalog
  let service: EmbeddingService

  func list(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let standard = try await catalog.standard()
    var data: [JSONValue] = []
    for model in try await catalog.all() {
      // A list opens no file: what the file says is told where the model is in memory already.
      let isLoaded = service.isLoaded(model.file)
      let opened = isLoaded ? try? await service.model(of: model.file) : nil
      let isDefault = model.file == standard?.file
      data.append(model.json(isDefault: isDefault, opened: opened))
    }
    return request.conditionalJSON(["object": "list", "data": .array(data)])
  }

  func get(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let model = try await catalog.model(request.pathParameters["name"] ?? "")
    return request.conditionalJSON(try await shown(model))
  }

  func pin(_ request: Request) async throws -> Response {
    try request.allowQuery()
    var fields = FieldReader(try await request.jsonObject(limit: 64 << 10))
    let name = fields.string("checkpoint", limit: EmbeddingLimits.modelNameLength)
    if name == nil && fields.faults.isEmpty {
      fields.fault("checkpoint", "missing", "It must be a model's name, such as RUN@STEP.")
    }
    try fields.finish()
    return API.json(try await shown(try await catalog.pin(name ?? "")))
  }

  func unpin(_ request: Request) async throws -> Response {
    try request.allowQuery()
    try await catalog.unpin()
    return Response(status: 204)
  }

  private func shown(_ model: ModelCatalog.Entry) async throws -> JSONValue {
    let isDefault = model.file == (try await catalog.standard())?.file
    return model.json(isDefault: isDefault, opened: try await service.model(of: model.file))
  }
}
