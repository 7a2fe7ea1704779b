/// A request that is refused, in the words that the client reads.
struct APIError: Error, Sendable, Equatable {
  /// One field or one picture that is at fault.
  struct Fault: Sendable, Equatable {
    /// The field as a dotted path.
    var field: String?
    /// The picture's place in the request, from 0.
    var index: Int?
    /// A word for programs.
    var code: String
    /// What was given and what is allowed.
    var detail: String

    /// A fault of a field.
    static func field(_ field: String, _ code: String, _ detail: String) -> Fault {
      Fault(field: field, index: nil, code: code, detail: detail)
    }
  }

  var code: ProblemCode
  var detail: String
  var faults: [Fault] = []
  /// Seconds for `Retry-After`, 1…120.
  var retryAfter: Int?

  init(_ code: ProblemCode, _ detail: String, faults: [Fault] = [], retryAfter: Int? = nil) {
    self.code = code
    self.detail = detail
    self.faults = faults
    self.retryAfter = retryAfter
  }

  /// 422 for some fields.
  static func invalid(_ faults: [Fault]) -> APIError {
    let first = faults.first.map { "\($0.field.map { "\($0): " } ?? "")\($0.detail)" } ?? ""
    let more = faults.count > 1 ? " And \(faults.count - 1) more." : ""
    return APIError(.invalidField, first + more, faults: faults)
  }

  /// 400 for one query parameter or header.
  static func parameter(_ name: String, _ detail: String) -> APIError {
    APIError(
      .invalidParameter, "\(name): \(detail)",
      faults: [.field(name, ProblemCode.invalidParameter.rawValue, detail)])
  }

  /// 404 for a kind of thing.
  static func notFound(_ kind: String, _ id: String) -> APIError {
    APIError(.notFound, "There is no \(kind) \(clipped(id)).")
  }
}

/// A client's text for a message: at most 80 characters, in quotes.
func clipped(_ text: String) -> String {
  let short = text.prefix(80)
  return "\"\(short)\(short.count < text.count ? "…" : "")\""
}
