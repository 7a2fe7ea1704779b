import Checkpoints
import Durability
import HTTP
import Identifiers
import JSONTree

extension Request {
  /// The answer without a representation that the conditions ask for: 304 with `headers` where the client has it already,
  /// 412 where `If-Match` names other tags only; nil where the whole is to be sent.
  func conditionalAnswer(etag: String, headers: Headers) -> Response? {
    do throws(HTTPError) {
      return try has(etag: etag) ? Response(status: 304, headers: headers) : nil
    } catch {
      return problemResponse(error, requestID: id)
    }
  }

  /// JSON with its tag, or what the conditions ask for. The tag is a digest of the bytes if none is given.
  func conditionalJSON(_ value: JSONValue, etag given: String? = nil) -> Response {
    let bytes = value.encoded
    let etag = given ?? "\"\(SHA256.hexDigest(of: bytes).prefix(24))\""
    let headers: Headers = ["ETag": etag, "Cache-Control": "no-cache"]
    if let answer = conditionalAnswer(etag: etag, headers: headers) { return answer }
    var response = Response.json(bytes)
    for field in headers.fields { response.headers.set(field.name, field.value) }
    return response
  }
}

/// JSON that no cache may keep.
func json(_ value: JSONValue, status: Int = 200, location: String? = nil) -> Response {
  var response = Response.json(value.encoded, status: status)
  response.headers.set("Cache-Control", "no-store")
  if let location { response.headers.set("Location", location) }
  return response
}

/// OpenAI's list with cursors.
func list(_ data: [JSONValue], first: String?, last: String?, hasMore: Bool) -> JSONValue {
  [
    "object": "list", "data": .array(data), "first_id": first.map(JSONValue.string) ?? .null,
    "last_id": last.map(JSONValue.string) ?? .null, "has_more": .bool(hasMore),
  ]
}

/// A number, or `null` where there is none or it is not finite.
func number(_ value: Double?) -> JSONValue {
  value.flatMap { $0.isFinite ? .number($0) : nil } ?? .null
}

/// A whole number, or `null`.
func whole(_ value: Int?) -> JSONValue { value.map { .integer(Int64($0)) } ?? .null }

/// Something that is listed in pages by its identifier.
protocol ListedRecord {
  /// Its name, ascending with time.
  var id: Identifier { get }
  /// It as the API shows it.
  var json: JSONValue { get }
}

/// One page of records, in the shape that all lists have.
func list(_ records: [some ListedRecord], hasMore: Bool) -> JSONValue {
  list(
    records.map(\.json), first: records.first?.id.description, last: records.last?.id.description,
    hasMore: hasMore)
}
