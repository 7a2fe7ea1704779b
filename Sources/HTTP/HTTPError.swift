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
  /// Who is refused, for the observer of exchanges; never sent.
  public var caller: String?

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

  /// A refusal of the server's own, with the status that its table gives to the code.
  init(_ code: Code, _ detail: String, headers: Headers = Headers(), closes: Bool = false) {
    self.init(
      status: code.status, code: code.rawValue, detail: detail, headers: headers, closes: closes)
  }

  /// A message that is not understood or not taken, after which the connection ends.
  static func refusal(_ code: Code, _ detail: String) -> HTTPError {
    HTTPError(code, detail, closes: true)
  }

  /// A body longer than its route allows: 413.
  public static func bodyTooLarge(limit: Int) -> HTTPError {
    .refusal(.bodyTooLarge, "The body is longer than the \(limit) bytes allowed here.")
  }

  /// A condition of the request does not hold: 412.
  static var preconditionFailed: HTTPError {
    HTTPError(
      .preconditionFailed, "It has changed since the ETag or the date that the request names.")
  }

  /// No route has this path: 404.
  public static var notFound: HTTPError {
    HTTPError(.notFound, "Nothing is served at this path.")
  }
}

extension HTTPError {
  /// Every refusal that the server makes by itself: the one table of its codes and their statuses.
  public enum Code: String, Sendable, CaseIterable {
    case ambiguousFraming = "ambiguous_framing"
    case bareLineFeed = "bare_line_feed"
    case chunkExtensions = "chunk_extensions"
    case chunkOverhead = "chunk_overhead"
    case contradictingHost = "contradicting_host"
    case duplicateHost = "duplicate_host"
    case foldedField = "folded_field"
    case forbiddenTrailer = "forbidden_trailer"
    case incompleteBody = "incomplete_body"
    case invalidChunk = "invalid_chunk"
    case invalidContentCoding = "invalid_content_coding"
    case invalidContentLength = "invalid_content_length"
    case invalidFieldName = "invalid_field_name"
    case invalidFieldValue = "invalid_field_value"
    case invalidHost = "invalid_host"
    case invalidMethod = "invalid_method"
    case invalidMultipart = "invalid_multipart"
    case invalidPath = "invalid_path"
    case invalidProxyHeader = "invalid_proxy_header"
    case invalidTarget = "invalid_target"
    case invalidTransferEncoding = "invalid_transfer_encoding"
    case invalidVersion = "invalid_version"
    case missingHost = "missing_host"
    case plainOnTLSPort = "plain_on_tls_port"
    case tlsOnPlainPort = "tls_on_plain_port"
    case crossSite = "cross_site"
    case notFound = "not_found"
    case methodNotAllowed = "method_not_allowed"
    case bodyTimeout = "body_timeout"
    case headTimeout = "head_timeout"
    case preconditionFailed = "precondition_failed"
    case bodyTooLarge = "body_too_large"
    case tooManyParts = "too_many_parts"
    case targetTooLong = "target_too_long"
    case unsupportedContentCoding = "unsupported_content_coding"
    case unsupportedMediaType = "unsupported_media_type"
    case rangeNotSatisfiable = "range_not_satisfiable"
    case unknownExpectation = "unknown_expectation"
    case hostNotAllowed = "host_not_allowed"
    case headerTooLarge = "header_too_large"
    case partHeaderTooLarge = "part_header_too_large"
    case tooManyFields = "too_many_fields"
    case trailersTooLarge = "trailers_too_large"
    case bodyOutOfTurn = "body_out_of_turn"
    case cannotListen = "cannot_listen"
    case internalError = "internal"
    case noDescriptors = "no_descriptors"
    case outOfMemory = "out_of_memory"
    case readFailed = "read_failed"
    case tlsConfiguration = "tls_configuration"
    case methodNotImplemented = "method_not_implemented"
    case unknownTransferCoding = "unknown_transfer_coding"
    case busy
    case draining
    case memoryShort = "memory_short"
    case versionNotSupported = "version_not_supported"

    /// The status of every answer with this code.
    public var status: Int {
      switch self {
      case .ambiguousFraming, .bareLineFeed, .chunkExtensions, .chunkOverhead, .contradictingHost,
        .duplicateHost, .foldedField, .forbiddenTrailer, .incompleteBody, .invalidChunk,
        .invalidContentCoding, .invalidContentLength, .invalidFieldName, .invalidFieldValue,
        .invalidHost, .invalidMethod, .invalidMultipart, .invalidPath, .invalidProxyHeader,
        .invalidTarget, .invalidTransferEncoding, .invalidVersion, .missingHost, .plainOnTLSPort,
        .tlsOnPlainPort:
        400
      case .crossSite: 403
      case .notFound: 404
      case .methodNotAllowed: 405
      case .bodyTimeout, .headTimeout: 408
      case .preconditionFailed: 412
      case .bodyTooLarge, .tooManyParts: 413
      case .targetTooLong: 414
      case .unsupportedContentCoding, .unsupportedMediaType: 415
      case .rangeNotSatisfiable: 416
      case .unknownExpectation: 417
      case .hostNotAllowed: 421
      case .headerTooLarge, .partHeaderTooLarge, .tooManyFields, .trailersTooLarge: 431
      case .bodyOutOfTurn, .cannotListen, .internalError, .noDescriptors, .outOfMemory, .readFailed,
        .tlsConfiguration:
        500
      case .methodNotImplemented, .unknownTransferCoding: 501
      case .busy, .draining, .memoryShort: 503
      case .versionNotSupported: 505
      }
    }
  }

  /// A malformed message: 400, and the connection ends.
  static func malformed(_ code: Code, _ detail: String) -> HTTPError { refusal(code, detail) }
}
