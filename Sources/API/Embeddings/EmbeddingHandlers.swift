import EmbeddingService
import HTTP
import Images
import JSONTree
import Retrieval
import TensorGraph

/// `/v1/embeddings`
struct EmbeddingHandlers: Sendable {
  let catalog: ModelCatalog
  let service: EmbeddingService
  let metrics: ServiceMetrics
  let limits: EmbeddingLimits

  static let offers = ["application/json", "application/octet-stream", "application/x-npy"]

  func create(_ request: Request) async throws -> Response {
    let type = try request.negotiated(Self.offers)
    let order = try await EmbeddingOrder(request, limits: limits)
    let model = try await catalog.model(order.model)
    let reply = try await counted { try await embed(order, with: model) }
    metrics.embedded(
      order.pictures.count, decoding: reply.decoded, queued: reply.queued,
      computed: reply.computed)
    var response = body(reply, model.name, type, order.format)
    response.headers.set("Cache-Control", "no-store")
    response.headers.set("X-Model-Fingerprint", reply.fingerprint)
    response.headers.set("X-Model-Precision", reply.precision.rawValue)
    response.headers.set(
      "Server-Timing",
      "decode;dur=\(milliseconds(reply.decoded)), queue;dur=\(milliseconds(reply.queued)), "
        + "infer;dur=\(milliseconds(reply.computed))")
    return response
  }

  /// Asks the model. Where its file went away while it was being opened, the folder is listed again: the name may mean
  /// the run's next checkpoint by now, or one that retention has removed.
  private func embed(
    _ order: EmbeddingOrder, with model: ModelCatalog.Entry
  ) async throws -> EmbeddingReply {
    func reply(_ file: ModelFile) async throws -> EmbeddingReply {
      try await service.embed(
        order.pictures, limits: limits.image, with: file, options: order.options)
    }
    do {
      return try await reply(model.file)
    } catch EmbeddingServiceError.modelNotLoadable(let name, let reason) {
      await catalog.forget(model.run)
      let now = try await catalog.model(order.model)
      guard now.file != model.file else {
        throw EmbeddingServiceError.modelNotLoadable(name: name, reason: reason)
      }
      return try await reply(now.file)
    }
  }

  /// Counts the pictures that do not decode.
  private func counted(
    _ embed: () async throws -> EmbeddingReply
  ) async throws -> EmbeddingReply {
    do {
      return try await embed()
    } catch EmbeddingServiceError.notDecodable(let failures) {
      for error in failures.values { metrics.notDecoded(error.code.rawValue) }
      throw EmbeddingServiceError.notDecodable(failures)
    }
  }

  private func body(
    _ reply: EmbeddingReply, _ model: String, _ type: String, _ format: EncodingFormat
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
    default:
      return .json(openAI(reply, model, format))
    }
  }
}
