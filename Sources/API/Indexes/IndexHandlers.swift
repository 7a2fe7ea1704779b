import DatasetLibrary
import EmbeddingService
import HTTP
import Identifiers
import Images
import JSONTree
import Retrieval

/// `/v1/indexes`
struct IndexHandlers: Sendable {
  let indexes: IndexLibrary
  let desk: SearchDesk
  let sprites: SpriteDesk
  let catalog: ModelCatalog
  let library: DatasetLibrary
  let embeddings: EmbeddingService
  let limits: EmbeddingLimits
  let basePath: String

  func create(_ request: Request) async throws -> Response {
    try request.allowQuery()
    var fields = FieldReader(try await request.jsonObject(limit: 64 << 10))
    let dataset = fields.string("dataset", limit: 64)
    let model = fields.string("model", limit: EmbeddingLimits.modelNameLength)
    let name = fields.string("name", limit: 200)
    let storage = storage(&fields)
    if dataset == nil, fields.faults.isEmpty {
      fields.fault("dataset", "missing", "It must be the id of a dataset.")
    }
    try fields.finish()
    // 404 for a dataset that is none, 409 for one that is still being admitted.
    let pictures = try library.record(dataset ?? "")
    let entry = try await catalog.model(model)
    let record = try await indexes.create(
      IndexSubmission(
        dataset: pictures.id, model: entry.file.name, modelFile: entry.file.path,
        name: name ?? pictures.name, storage: storage))
    return API.json(record.json, status: 201, location: "/v1/indexes/\(record.id)")
  }

  private func storage(_ fields: inout FieldReader) -> VectorStorage {
    guard let value = fields.take("storage") else { return .float32 }
    guard let known = value.stringValue.flatMap(VectorStorage.init(rawValue:)) else {
      let names = VectorStorage.allCases.map(\.rawValue).joined(separator: ", ")
      fields.fault("storage", "unknown_value", "\(clippedJSON(value)) is none of \(names).")
      return .float32
    }
    return known
  }

  func list(_ request: Request) async throws -> Response {
    try request.allowQuery("dataset", "limit", "after")
    let page = await indexes.page(
      dataset: request.query("dataset"), limit: try request.pageLimit(),
      after: try request.cursor())
    return request.conditionalJSON(
      API.list(page.records, hasMore: page.hasMore))
  }

  func get(_ request: Request) async throws -> Response {
    try request.allowQuery()
    return request.conditionalJSON(
      try await indexes.record(try request.identifier(of: "index")).json)
  }

  func cancel(_ request: Request) async throws -> Response {
    try request.allowQuery()
    guard let cancelled = try await indexes.cancel(try request.identifier(of: "index")) else {
      return Response(status: 204)
    }
    return API.json(cancelled.json, status: 202)
  }

  // MARK: Questions

  func search(_ request: Request) async throws -> Response {
    let (record, index) = try await indexes.index(try request.identifier(of: "index"))
    let order = try await SearchOrder(request, limits: limits, index: index)
    if let given = order.fingerprint, given != index.manifest.fingerprint {
      throw APIError(
        .fingerprintConflict,
        "The vector is of the model \(clipped(given)); those of the index are of \(index.manifest.fingerprint). "
          + "Scores between two models mean nothing.")
    }
    var timing = ""
    let vector: [Float]
    var without: Set<Int> = []
    switch order.query {
    case .vector(let given): vector = given
    case .item(let row):
      vector = index.vector(row)
      if !order.includesItself { without = [row] }
    case .picture(let bytes):
      let reply = try await embeddings.embed(
        [bytes], limits: limits.image, with: await indexes.modelFile(of: record))
      vector = reply.vectors[0]
      timing =
        "decode;dur=\(milliseconds(reply.decoded)), queue;dur=\(milliseconds(reply.queued)), "
        + "infer;dur=\(milliseconds(reply.computed)), "
    }
    let began = ContinuousClock.now
    let found = try await desk.nearest(
      in: index, to: vector, count: order.count, filter: order.filter, without: without)
    let body: JSONValue = [
      "object": "list",
      "data": neighbours(found, index, dataset: record.dataset, base: basePath),
      "index": .string(record.id.description), "model": .string(record.model),
      "fingerprint": .string(index.manifest.fingerprint),
      "searched": .integer(Int64(index.count)),
    ]
    var response = API.json(body)
    response.headers.set("Cache-Control", "no-store")
    response.headers.set(
      "Server-Timing",
      timing + "search;dur=\(milliseconds(began.duration(to: ContinuousClock.now)))")
    return response
  }

  func duplicates(_ request: Request) async throws -> Response {
    try request.allowQuery("threshold", "limit")
    let (record, index) = try await indexes.index(try request.identifier(of: "index"))
    let threshold = try request.query("threshold").map { (text) throws(APIError) in
      guard let value = Float(text), (0.5...1).contains(value) else {
        throw APIError.parameter("threshold", "\(clipped(text)) is not a number within 0.5…1.")
      }
      return value
    }
    let limit = try request.integer("limit", in: 1...1000) ?? 100
    guard index.count <= SearchLimits.itemsInPairs else {
      throw APIError(
        .indexTooLarge,
        "All pairs are compared, which is done for up to \(SearchLimits.itemsInPairs) items; the index has \(index.count). "
          + "Export it, and look for them with FAISS or a database of vectors.")
    }
    let groups = await desk.groups(in: index, above: threshold ?? 0.97)
    return API.json([
      "object": "list", "index": .string(record.id.description),
      "threshold": .number(Double((threshold ?? 0.97).description) ?? 0),
      "groups": .integer(Int64(groups.count)),
      "items": .integer(Int64(groups.reduce(0) { $0 + $1.count })),
      "data": .array(
        groups.prefix(limit).map { rows in
          [
            "object": "group", "size": .integer(Int64(rows.count)),
            "items": .array(
              rows.prefix(100).map { hit($0, score: nil, index, record.dataset, basePath) }),
          ]
        }),
    ])
  }

  func compare(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let (record, index) = try await indexes.index(try request.identifier(of: "index"))
    var fields = FieldReader(try await request.jsonObject(limit: 64 << 10))
    let with = fields.string("with", limit: 64)
    let count = fields.integer("k", in: 1...100) ?? 10
    let queries = fields.integer("queries", in: 1...1000) ?? 100
    let shown = fields.integer("shown", in: 0...100) ?? 10
    if with == nil, fields.faults.isEmpty {
      fields.fault("with", "missing", "It must be the id of another index of the same dataset.")
    }
    try fields.finish()
    guard let other = with.flatMap(Identifier.init) else {
      throw APIError.notFound("index", with ?? "")
    }
    let (second, secondIndex) = try await indexes.index(other)
    guard second.dataset == record.dataset else {
      throw APIError(
        .datasetConflict,
        "The index \(second.id) is of the dataset \(second.dataset), this one of \(record.dataset): they have no pictures in common."
      )
    }
    // Pictures from all over the dataset, the same ones each time.
    let asked = min(queries, index.count)
    let pictures = (0..<asked).map { index.item($0 * index.count / asked).picture }
    let result = try await desk.compare(index, secondIndex, pictures: pictures, count: count)
    func side(_ record: IndexRecord, _ precision: Double?) -> JSONValue {
      [
        "index": .string(record.id.description), "model": .string(record.model),
        "fingerprint": .string(record.manifest?.fingerprint ?? ""),
        "precision": precision.map(JSONValue.number) ?? .null,
      ]
    }
    return API.json([
      "object": "comparison", "dataset": .string(record.dataset), "k": .integer(Int64(count)),
      "queries": .integer(Int64(result.questions.count)), "overlap": .number(result.overlap),
      "first": side(record, result.precision?.first),
      "second": side(second, result.precision?.second),
      "data": .array(
        result.questions.prefix(shown).map { question in
          [
            "query": hit(question.rows.first, score: nil, index, record.dataset, basePath),
            "first": neighbours(question.first, index, dataset: record.dataset, base: basePath),
            "second": neighbours(
              question.second, secondIndex, dataset: record.dataset, base: basePath),
          ]
        }),
    ])
  }

  /// What the export of thumbnails is called; it needs the dataset, so the command line has no such form.
  private static let spriteForm = "projector-sprite"

  private func sprite(_ record: IndexRecord, _ index: VectorIndex) async throws -> Response {
    guard let sprite = ProjectorSprite(count: index.count) else {
      throw APIError(
        .indexTooLarge,
        "A sprite has room for \(ProjectorSprite.capacity) pictures; the index has \(index.count).")
    }
    let bytes = try await sprites.png(sprite, of: index, in: library, dataset: record.dataset)
    var response = Response(contentType: "image/png", bytes: bytes)
    response.headers.set(
      "Content-Disposition", "attachment; filename=\"\(record.id)-sprite.png\"")
    response.headers.set("X-Sprite-Side", "\(sprite.side)")
    return response
  }

  func export(_ request: Request) async throws -> Response {
    try request.allowQuery("format")
    let (record, index) = try await indexes.index(try request.identifier(of: "index"))
    let text = request.query("format") ?? IndexExport.npy.rawValue
    if text == Self.spriteForm { return try await sprite(record, index) }
    guard let form = IndexExport(rawValue: text) else {
      throw APIError.parameter(
        "format",
        "\(clipped(text)) is not one of \((IndexExport.allCases.map(\.rawValue) + [Self.spriteForm]).joined(separator: ", "))."
      )
    }
    let headers: Headers = [
      "Content-Type": form.mediaType,
      "Content-Disposition": "attachment; filename=\"\(record.id)-\(form.fileName)\"",
      "X-Model-Fingerprint": index.manifest.fingerprint,
    ]
    return Response(
      headers: headers,
      body: .stream { writer in
        for piece in index.pieces(form) { try await writer.write(piece) }
      })
  }
}

/// A duration in milliseconds with three digits, for `Server-Timing`.
func milliseconds(_ duration: Duration) -> String {
  let value = (duration / .milliseconds(1) * 1000).rounded() / 1000
  return "\(value)"
}
