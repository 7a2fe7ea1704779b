import EmbeddingService
import HTTP
import Identifiers
import Images
import JSONTree
import ModelLibrary
import NeuralNetworks
import Recipes
import Runs

/// `/v1/models`
struct ModelHandlers: Sendable {
  let catalog: ModelCatalog
  let library: ModelLibrary
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
    let name = try await checkpointName(request)
    return API.json(try await shown(try await catalog.pin(name)))
  }

  /// The model that a body `{"checkpoint": …}` names.
  private func checkpointName(_ request: Request) async throws -> String {
    var fields = FieldReader(try await request.jsonObject(limit: 64 << 10))
    let name = fields.string("checkpoint", limit: EmbeddingLimits.modelNameLength)
    if name == nil && fields.faults.isEmpty {
      fields.fault("checkpoint", "missing", "It must be a model's name, such as RUN@STEP.")
    }
    try fields.finish()
    return name ?? ""
  }

  func unpin(_ request: Request) async throws -> Response {
    try request.allowQuery()
    try await catalog.unpin()
    return Response(status: 204)
  }

  // MARK: Aliases and uploads

  /// Gives an alias to a model. `If-None-Match: *` asks that there is none of that name yet, `If-Match` for a fingerprint that it means.
  func name(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let alias = request.pathParameters["name"] ?? ""
    let expectations = try expectations(request)
    let target = try await target(of: try await checkpointName(request))
    let isNew = try await library.name(alias, target, if: expectations).isNew
    let body = try await shown(try await catalog.model(alias))
    return API.json(
      body, status: isNew ? 201 : 200,
      location: isNew ? "/v1/models/\(percentEncoded(alias))" : nil)
  }

  /// Takes an alias away, or removes an uploaded model.
  func delete(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let name = request.pathParameters["name"] ?? ""
    let expectations = try expectations(request)
    guard await library.model(alias: name) == nil else {
      try await library.removeAlias(name, if: expectations)
      return Response(status: 204)
    }
    guard let model = await library.uploaded(name) else {
      // 404 for what is no model at all.
      _ = try await catalog.model(name)
      throw APIError(
        .modelOfRun, "\(clipped(name)) is a run's model: it goes when the run is deleted.")
    }
    try await library.remove(model)
    return Response(status: 204)
  }

  /// Keeps a model file that is sent: one of this product, or a ResNet under torchvision's names.
  func upload(_ request: Request) async throws -> Response {
    try request.allowQuery("name", "image_size", "mean", "deviation")
    guard !request.hasTelling || request.mediaType == "application/octet-stream" else {
      throw APIError(
        .unsupportedMediaType,
        "The body must be a safetensors file's bytes, sent as Content-Type: application/octet-stream."
      )
    }
    guard let name = request.query("name"), (1...200).contains(name.unicodeScalars.count),
      !name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }),
      Identifier(name) == nil
    else {
      throw APIError.parameter("name", "It must have 1…200 characters and be no id.")
    }
    var description = ModelDescription(name: name)
    description.imageSize = try request.integer("image_size", in: RecipeLimits.imageSize)
    description.mean = try numbers("mean", in: 0...1, request)
    description.deviation = try numbers("deviation", in: 0.001...1, request)
    guard description.mean?.count == description.deviation?.count else {
      throw APIError.parameter(
        "deviation", "mean and deviation are given together, a number for each channel.")
    }
    let model = try await library.upload(request.body, description)
    return API.json(
      try await shown(try await catalog.model(model.id.description)), status: 201,
      location: "/v1/models/\(model.id)")
  }

  private func numbers(
    _ name: String, in range: ClosedRange<Float>, _ request: Request
  ) throws(APIError) -> [Float]? {
    guard let text = request.query(name) else { return nil }
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { Float($0) }.filter(range.contains)
    guard numbers.count == parts.count, Raster.channelCounts.contains(numbers.count) else {
      throw .parameter(
        name,
        "\(clipped(text)) is not a number within \(range) for each channel, with commas between.")
    }
    return numbers
  }

  private func target(of name: String) async throws -> ModelLibrary.Target {
    let entry = try await catalog.model(name)
    switch entry.origin {
    case .library(let model, _): return .stored(model)
    case .run(let record, let step):
      return .checkpoint(
        file: entry.file, record.run.recipe.encoder.architecture, run: record.run.id,
        runName: record.run.shownName, step: step)
    }
  }

  private func expectations(_ request: Request) throws(APIError) -> [ModelLibrary.Expectation] {
    var all: [ModelLibrary.Expectation] = []
    if let field = request.headers["If-None-Match"] {
      guard field == "*" else {
        throw .parameter("If-None-Match", "Only * is possible here: that there is no such alias.")
      }
      all.append(.absent)
    }
    if let field = request.headers["If-Match"] {
      all.append(field == "*" ? .present : .fingerprint(field.filter { $0 != "\"" }))
    }
    return all
  }

  private func shown(_ model: ModelCatalog.Entry) async throws -> JSONValue {
    let isDefault = model.file == (try await catalog.standard())?.file
    return model.json(isDefault: isDefault, opened: try await service.model(of: model.file))
  }
}
