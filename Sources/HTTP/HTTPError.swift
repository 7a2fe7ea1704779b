/// A refusal with the status that tells the client why.
///
/// Thrown by the server's own checks and by handlers; the server's `errorResponse` closure turns it into a body.
public struct HTTPError: Error, Sendable, Equatable {
  /// The response status, 400 … 599.
  public var status: Int
  /// A stable machine-readable code such as `body_too_large`.
  public var code: String
  /// One sentence for a person; never contains bytes of the request.
  public var detail: String
  /// Further response fields, such as `Allow` or `Retry-After`.
  public var headers: Headers
  /// Whether the connection cannot be used after this answer.
  public var closes: Bool

  /// Creates an error; `closes` is for refusals after which the next byte cannot be trusted.
  public init(
    status: Int, code: String, detail: String, headers: Headers = Headers(), closes: Bool = false
  ) {
    self.status = status
    self.code = code
    self.detail = detail
    self.headers = headers
    self.closes = closes
  }

  /// A message that is not understood or not taken, after which the connection ends.
  static func refusal(_ status: Int, _ code: String, _ detail: String) -> HTTPError {
    HTTPError(status: status, code: code, detail: detail, closes: true)
  }

  /// A malformed message: 400, and the connection ends.
  static func malformed(_ code: String, _ detail: String) -> HTTPError {
    refusal(400, code, detail)
  }

  /// A body longer than its route allows: 413.
  public static func bodyTooLarge(limit: Int) -> HTTPError {
    HTTPError(
      status: 413, code: "body_too_large",
      detail: "The body is longer than the \(limit) bytes allowed here.", closes: true)
  }

  /// No route has this path: 404.
  public static var notFound: HTTPError {
    HTTPError(status: 404, code: "not_found", detail: "Nothing is served at this path.")
  }
}
