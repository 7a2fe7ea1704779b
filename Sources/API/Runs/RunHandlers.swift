import Checkpoints
import DatasetLibrary
import HTTP
import Identifiers
import JSONTree
import Recipes
import Runs

/// `/v1/runs`
struct RunHandlers: Sendable {
  let runs: any RunControl
  let library: DatasetLibrary
  let catalog: ModelCatalog
  let machine: MachineSize
  let cache: ReplyCache
  let quota: DiskQuota

  func list(_ request: Request) async throws -> Response {
    try request.allowQuery("state", "limit", "after")
    let (state, limit) = (try state(request), try request.pageLimit())
    let after = try request.cursor()
    let etag = "\"\(runs.serviceInstance)/\(runs.revision)\""
    return try await request.polled(etag: etag, by: cache) {
      let page = try await runs.page(state: state, limit: limit, after: after)
      return API.list(
        page.records.map { $0.json() }, first: page.records.first?.run.id.description,
        last: page.records.last?.run.id.description, hasMore: page.hasMore
      ).encoded
    }
  }

  private func state(_ request: Request) throws(APIError) -> RunState? {
    guard let text = request.query("state") else { return nil }
    guard let state = RunState(rawValue: text) else {
      let words = RunState.allCases.map(\.rawValue).joined(separator: ", ")
      throw .parameter("state", "\(clipped(text)) is not one of \(words).")
    }
    return state
  }

  func get(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let record = try await runs.record(try request.runID())
    return await request.polled(etag: record.etag(runs.serviceInstance), by: cache) {
      record.json().encoded
    }
  }

  func patch(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let id = try request.runID()
    var fields = FieldReader(try await request.jsonObject(limit: 64 << 10))
    let name = fields.string("name", limit: 200)
    let metadata = fields.metadata("metadata")
    try fields.finish()
    let record = try await runs.rename(
      id, name: name, metadata: metadata, ifVersion: try await version(request, of: id))
    return request.conditionalJSON(record.json(), etag: record.etag(runs.serviceInstance))
  }

  /// The version that `If-Match` asks for; nil for none or `*`.
  ///
  /// - Throws: `APIError` 412 where none of its tags is the run's, 404 where there is no such run.
  private func version(_ request: Request, of id: Identifier) async throws -> Int? {
    let fields = request.headers.all("If-Match")
    guard !fields.isEmpty else { return nil }
    let tags = fields.flatMap { $0.split(separator: ",") }
      .map { tag in String(tag.filter { $0 != " " && $0 != "\t" }) }
    let current = try await runs.record(id).status.version
    // A weak tag never matches: the comparison is strong (RFC 9110 §13.1.1).
    let isCurrent = tags.contains { $0.hasPrefix("\"\(runs.serviceInstance)/\(current)/") }
    if isCurrent { return current }
    guard tags.contains("*") else {
      throw APIError(
        .preconditionFailed, "The run has changed since the ETag in If-Match; read it again.")
    }
    return nil
  }

  func stop(_ request: Request) async throws -> Response {
    try request.allowQuery("now")
    let id = try request.runID()
    let now = try request.boolean("now") ?? false
    _ = try await version(request, of: id)
    return try await change(.runNotStoppable) { try await runs.stop(id, now: now) }
  }

  func start(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let id = try request.runID()
    _ = try await version(request, of: id)
    let record = try await runs.record(id)
    guard (try? library.record(record.run.dataset)) != nil else {
      throw APIError(.runNotStartable, "Its dataset \(record.run.dataset) was removed.")
    }
    return try await change(.runNotStartable) { try await runs.start(id) }
  }

  /// 202 where something changed, 200 where not; a conflict under the name of what was asked.
  private func change(
    _ conflict: ProblemCode, _ act: () async throws -> (record: RunRecord, changed: Bool)
  ) async throws -> Response {
    do {
      let (record, changed) = try await act()
      return json(record.json(), status: changed ? 202 : 200)
    } catch RunControlError.conflict(_, _, let detail) {
      throw APIError(conflict, detail)
    }
  }

  func delete(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let id = try request.runID()
    _ = try await version(request, of: id)
    do {
      try await runs.delete(id)
    } catch RunControlError.conflict(_, _, let detail) {
      throw APIError(.runActive, detail)
    }
    return Response(status: 204)
  }
}
