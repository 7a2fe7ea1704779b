import Checkpoints
import DatasetLibrary
import Datasets
import Durability
import HTTP
import Images
import JSONTree
import Retrieval
import Runs

/// `/v1/datasets`
struct DatasetHandlers: Sendable {
  let library: DatasetLibrary
  let runs: any RunControl
  let evaluations: any EvaluationControl
  let indexes: IndexLibrary
  let log: ServiceLog
  let quota: DiskQuota

  func list(_ request: Request) async throws -> Response {
    try request.allowQuery("limit", "after")
    let page = library.listing(limit: try request.pageLimit(), after: try request.cursor())
    return request.conditionalJSON(
      API.list(
        page.items.map(\.json), first: page.items.first?.id, last: page.items.last?.id,
        hasMore: page.hasMore))
  }

  func create(_ request: Request) async throws -> Response {
    try request.allowQuery("name")
    let record = try await admit(request)
    let report = try library.report(of: record.id)
    log.writeAdmission(
      record.id, name: record.name, pictures: record.pictures,
      rejected: report.objectValue?["rejected_count"]?.integerValue.map(Int.init))
    return json(
      record.json(report: report), status: 201,
      location: "/v1/datasets/\(record.id)")
  }

  /// Takes JSON for a path and everything else for an archive; a short body whose type tells nothing is looked at.
  private func admit(_ request: Request) async throws -> DatasetRecord {
    let key = try request.idempotencyKey()
    let claim = try await quota.claim(of: request.caller)
    if request.mediaType == "application/json" {
      return try await admitPath(
        try await request.body.collect(limit: Self.pathByteCount), key, claim)
    }
    let name = try request.query("name").map(Self.checkedName)
    if !request.hasTelling, let length = request.body.contentLength, length <= Self.pathByteCount {
      let bytes = try await request.body.collect(limit: Self.pathByteCount)
      if request.looksLikeJSON(bytes) { return try await admitPath(bytes, key, claim) }
      return try await library.admit(
        body: RequestBody(bytes), byteCount: bytes.count, name: name, key: key,
        claim: claim)
    }
    return try await library.admit(
      body: request.body, byteCount: request.body.contentLength, name: name, key: key,
      claim: claim)
  }

  private static let pathByteCount = 64 << 10

  private static func checkedName(_ name: String) throws(APIError) -> String {
    guard (1...200).contains(name.unicodeScalars.count) else {
      throw .parameter("name", "It must have 1…200 characters.")
    }
    return String(
      String.UnicodeScalarView(
        name.unicodeScalars.filter { $0.properties.generalCategory != .control }))
  }

  private func admitPath(
    _ bytes: [UInt8], _ key: String?, _ claim: DatasetClaim
  ) async throws -> DatasetRecord {
    var fields = FieldReader(try Request.jsonObject(bytes))
    let path = fields.string("path", limit: 4096)
    let name = fields.string("name", limit: 200)
    if path == nil, fields.faults.isEmpty {
      fields.fault("path", "missing", "It names the folder or archive.")
    }
    try fields.finish()
    let mark = key.map { IdempotencyMark(key: $0, bodyDigest: SHA256.hexDigest(of: bytes)) }
    return try await library.admit(path: path ?? "", name: name, mark: mark, claim: claim)
  }

  func get(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let id = try request.datasetID()
    if let admitting = library.admitting(id) { return request.conditionalJSON(admitting.json) }
    let record = try library.record(id)
    return request.conditionalJSON(record.json(report: try library.report(of: record.id)))
  }

  func patch(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let id = try request.datasetID()
    var fields = FieldReader(try await request.jsonObject(limit: Self.pathByteCount))
    let name = fields.string("name", limit: 200)
    if name?.isEmpty ?? true, fields.faults.isEmpty {
      fields.fault("name", "missing", "It must have 1…200 characters.")
    }
    try fields.finish()
    return API.json(try library.rename(id, to: name ?? "").json())
  }

  /// Pictures by number, name, label and part; `after` is the number of the last one that the client has.
  func images(_ request: Request) async throws -> Response {
    try request.allowQuery("label", "split", "limit", "after")
    let id = try request.datasetID()
    var filter = DatasetFilter(label: request.query("label"))
    if let text = request.query("split") {
      guard let split = Split.allCases.first(where: { $0.name == text }) else {
        let words = Split.allCases.map(\.name).joined(separator: ", ")
        throw APIError.parameter("split", "\(clipped(text)) is not one of \(words).")
      }
      filter.split = split
    }
    let limit = try request.pageLimit()
    let first = try request.integer("after", in: 0...(1 << 40)).map { $0 + 1 } ?? 0
    let found = try library.pictures(of: id, filter, from: first, limit: limit + 1)
    let shown = found.prefix(limit)
    return request.conditionalJSON([
      "object": "list", "data": .array(shown.map { $0.json(dataset: id) }),
      "first_id": shown.first.map { .integer(Int64($0.number)) } ?? .null,
      "last_id": shown.last.map { .integer(Int64($0.number)) } ?? .null,
      "has_more": .bool(found.count > limit),
    ])
  }

  func delete(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let id = try request.datasetID()
    try await library.remove(id) {
      if try await runs.isInUse(dataset: id) { return true }
      if await evaluations.isInUse(dataset: id) { return true }
      return await indexes.isInUse(dataset: id)
    }
    return Response(status: 204)
  }

  func image(_ request: Request) async throws -> Response {
    try request.allowQuery("size")
    let id = try request.datasetID()
    let text = request.pathParameters["n"] ?? ""
    guard let index = Int(text), index >= 0 else { throw APIError.notFound("picture", text) }
    let size = try request.integer("size", in: 8...512)
    let etag = "\"\(id)-\(index)-\(size ?? 0)\""
    var headers: Headers = ["ETag": etag, "Cache-Control": "private, max-age=86400"]
    _ = try library.record(id)
    if let answer = request.conditionalAnswer(etag: etag, headers: headers) { return answer }
    let picture = try library.picture(index, of: id)
    if let label = picture.label.map(percentEncoded) { headers.set("X-Image-Label", label) }
    headers.set("Content-Type", "image/png")
    let shown = picture.image.shown
    let image = size.map { thumbnail(of: shown, side: $0) } ?? shown
    return Response(headers: headers, body: .bytes(try image.png()))
  }
}

/// The picture's central square, resampled to a side.
private func thumbnail(of image: Raster, side: Int) -> Raster {
  EvaluationTransform(side: side).square(of: image)
}

/// The text with everything but letters, digits, `-`, `_` and `.` as `%XX`, for a header.
func percentEncoded(_ text: String) -> String {
  var result = ""
  for byte in text.utf8 {
    let scalar = Unicode.Scalar(byte)
    let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || (0x30...0x39).contains(byte))
    if isPlain || "-_.".unicodeScalars.contains(scalar) {
      result.unicodeScalars.append(scalar)
    } else {
      result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }
  }
  return result
}
