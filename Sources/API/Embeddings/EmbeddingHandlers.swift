import EmbeddingService
import HTTP
import Images
import JSONTree
import Retrieval
import Runs
import TensorGraph

/// `/v1/embeddings`
struct EmbeddingHandlers: Sendable {
  let catalog: ModelCatalog
  let service: EmbeddingService
  let metrics: ServiceMetrics
  let limits: EmbeddingLimits

  static let offers = [
    "application/json", "application/octet-stream", "application/x-npy", "application/x-ndjson",
  ]
  /// The types that can tell which pictures failed.
  private static let telling = [offers[0], offers[3]]

  func create(_ request: Request) async throws -> Response {
    let type = try request.negotiated(Self.offers)
    let order = try await EmbeddingOrder(request, limits: limits)
    guard Self.telling.contains(type) || !order.options.keepsWhatDecodes else {
      throw APIError.parameter(
        "on_error",
        "partial is answered as \(Self.telling.joined(separator: " or ")), which can tell what failed; not as \(type)."
      )
    }
    let asked = try await catalog.model(order.model)
    let (reply, model) = try await counted(order, asked) {
      try await embed(order, with: asked)
    }
    for error in reply.failures.values { metrics.notDecoded(error.code.rawValue) }
    metrics.embedded(
      order.pictures.count - reply.failures.count, failed: reply.failures.count,
      model: model.file.name, decoding: reply.decoded, queued: reply.queued,
      computed: reply.computed)
    var response = body(reply, model, type, order)
    // Which checkpoint it was: a run's name means another one when the next is written.
    response.headers.set("X-Model", model.file.name)
    response.headers.set("Cache-Control", "no-store")
    response.headers.set("X-Model-Fingerprint", reply.fingerprint)
    response.headers.set("X-Model-Precision", reply.precision.rawValue)
    response.headers.set(
      "Server-Timing",
      "decode;dur=\(milliseconds(reply.decoded)), queue;dur=\(milliseconds(reply.queued)), "
        + "infer;dur=\(milliseconds(reply.computed))")
    return response
  }

  /// Asks the model, and tells which one answered. Where its file went away while it was being opened, the folder is listed again: the name may mean
  /// the run's next checkpoint by now, or one that retention has removed.
  private func embed(
    _ order: EmbeddingOrder, with model: ModelCatalog.Entry
  ) async throws -> (EmbeddingReply, ModelCatalog.Entry) {
    func reply(_ file: ModelFile) async throws -> EmbeddingReply {
      try await service.embed(
        order.pictures, limits: limits.image, with: file, options: order.options)
    }
    do {
      return (try await reply(model.file), model)
    } catch EmbeddingServiceError.modelNotLoadable(let name, let reason) {
      if case .run(let record, _) = model.origin { await catalog.forget(record.run.id) }
      let now = try await catalog.model(order.model)
      guard now.file != model.file else {
        throw EmbeddingServiceError.modelNotLoadable(name: name, reason: reason)
      }
      return (try await reply(now.file), now)
    }
  }

  /// Counts the pictures that do not decode.
  private func counted<Reply>(
    _ order: EmbeddingOrder, _ model: ModelCatalog.Entry, _ embed: () async throws -> Reply
  ) async throws -> Reply {
    do {
      return try await embed()
    } catch EmbeddingServiceError.notDecodable(let failures) {
      for error in failures.values { metrics.notDecoded(error.code.rawValue) }
      metrics.refused(order.pictures.count, model: model.file.name)
      throw EmbeddingServiceError.notDecodable(failures)
    }
  }

  private func body(
    _ reply: EmbeddingReply, _ model: ModelCatalog.Entry, _ type: String,
    _ order: EmbeddingOrder
  ) -> Response {
    let shape = (reply.vectors.count, reply.vectors.first?.count ?? 0)
    switch type {
    case "application/octet-stream", "application/x-npy":
      var bytes = type == "application/x-npy" ? NPY.header(rows: shape.0, columns: shape.1) : []
      for vector in reply.vectors { bytes += littleEndian(vector) }
      var response = Response(contentType: type, bytes: bytes)
      response.headers.set("X-Embedding-Shape", "\(shape.0),\(shape.1)")
      response.headers.set("X-Embedding-Dtype", "float32")
      return response
    case "application/x-ndjson":
      return Response(contentType: type, bytes: lines(reply, order.format))
    default:
      return .json(openAI(reply, model, order.format))
    }
  }
}
