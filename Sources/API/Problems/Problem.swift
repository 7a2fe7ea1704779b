public import HTTP
import JSONTree

extension APIError {
  /// The answer: `application/problem+json` with the `error` member of OpenAI's clients. Its status is the code's unless
  /// another is given, and stands in the body too.
  func response(
    requestID: String, headers: Headers = Headers(), status: Int? = nil
  ) -> Response {
    let status = status ?? code.status
    var fields = headers
    fields.set("Content-Type", "application/problem+json")
    fields.set("Cache-Control", "no-store")
    if let retryAfter { fields.set("Retry-After", String(min(120, max(1, retryAfter)))) }
    return Response(
      status: status, headers: fields,
      body: .bytes(body(requestID: requestID, status: status).encoded))
  }

  private func body(requestID: String, status: Int) -> JSONValue {
    var problem: JSONObject = [
      "type": "about:blank", "title": .string(code.title), "status": .integer(Int64(status)),
      "detail": .string(detail), "instance": .string("urn:request:\(requestID)"),
      "code": .string(code.rawValue),
    ]
    if !faults.isEmpty { problem["errors"] = .array(faults.map(\.json)) }
    problem["error"] = .object([
      "message": .string(detail),
      "type": .string(status < 500 ? "invalid_request_error" : "server_error"),
      "param": faults.first?.field.map(JSONValue.string) ?? .null, "code": .string(code.rawValue),
    ])
    return .object(problem)
  }
}

extension APIError.Fault {
  fileprivate var json: JSONValue {
    var object = JSONObject()
    if let field { object["field"] = .string(field) }
    if let index { object["index"] = .integer(Int64(index)) }
    object["code"] = .string(code)
    object["detail"] = .string(detail)
    return .object(object)
  }
}

/// The answer to an error of the HTTP server itself or of a handler that threw an `HTTPError`.
///
/// The status keeps its one code; headers such as `Allow` are kept.
public func problemResponse(_ error: HTTPError, requestID: String) -> Response {
  let known = ProblemCode(rawValue: error.code)
  let code = known?.status == error.status ? known : nil
  let problem = APIError(code ?? .of(status: error.status), error.detail)
  return problem.response(requestID: requestID, headers: error.headers, status: error.status)
}
