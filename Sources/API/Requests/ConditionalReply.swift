import Checkpoints
import Durability
import HTTP
import JSONTree

extension Request {
  /// Whether `If-None-Match` holds the tag (weak comparison, RFC 9110 §13.1.2).
  func alreadyHas(_ etag: String) -> Bool {
    headers.all("If-None-Match").contains { field in
      field.split(separator: ",").contains { candidate in
        let tag = candidate.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
        let text = String(tag)
        return text == "*" || text == etag || text == "W/" + etag
      }
    }
  }

  /// JSON with its tag, or 304 where the client has it already. The tag is a digest of the bytes if none is given.
  func conditionalJSON(_ value: JSONValue, etag given: String? = nil) -> Response {
    let bytes = value.encoded
    let etag = given ?? "\"\(SHA256.hexDigest(of: bytes).prefix(24))\""
    let headers: Headers = ["ETag": etag, "Cache-Control": "no-cache"]
    if alreadyHas(etag) { return Response(status: 304, headers: headers) }
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
