import EmbeddingService
import HTTP
import JSONTree

/// `/v1/models`
struct ModelHandlers: Sendable {
  let catalog: ModelCatalog
  let service: EmbeddingService

  func list(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let models = try await catalog.all()
    var data: [JSONValue] = []
    for (index, model) in models.enumerated() {
      // A list opens no file: the fingerprint is told where the model is in memory already.
      let isLoaded = service.isLoaded(model.source)
      let fingerprint = isLoaded ? try? await service.facts(of: model.source).fingerprint : nil
      data.append(model.json(isDefault: index == 0, fingerprint: fingerprint))
    }
    return request.conditionalJSON(["object": "list", "data": .array(data)])
  }

  func get(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let model = try await catalog.model(request.pathParameters["name"] ?? "")
    let newest = try await catalog.model(nil)
    let facts = try await service.facts(of: model.source)
    let isDefault = model.source == newest.source
    return request.conditionalJSON(
      model.json(isDefault: isDefault, fingerprint: facts.fingerprint))
  }
}
