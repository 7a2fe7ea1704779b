/// The stable names of everything that can go wrong, each with its one status.
///
/// `openapi.yaml` lists the same names; a test compares the two.
public enum ProblemCode: String, Sendable, CaseIterable {
  case malformedRequest = "malformed_request"
  case invalidJSON = "invalid_json"
  case invalidParameter = "invalid_parameter"
  case urlInputDisabled = "url_input_disabled"
  case missingKey = "missing_key"
  case invalidKey = "invalid_key"
  case roleMissing = "role_missing"
  case quotaExceeded = "quota_exceeded"
  case keysUnreadable = "keys_unreadable"
  case hostNotAllowed = "host_not_allowed"
  case crossOrigin = "cross_origin"
  case pathNotAllowed = "path_not_allowed"
  case notFound = "not_found"
  case methodNotAllowed = "method_not_allowed"
  case notAcceptable = "not_acceptable"
  case requestTimeout = "request_timeout"
  case datasetInUse = "dataset_in_use"
  case datasetNotReady = "dataset_not_ready"
  case runActive = "run_active"
  case runNotStartable = "run_not_startable"
  case runNotStoppable = "run_not_stoppable"
  case lengthRequired = "length_required"
  case preconditionFailed = "precondition_failed"
  case fingerprintConflict = "fingerprint_conflict"
  case datasetConflict = "dataset_conflict"
  case modelInUse = "model_in_use"
  case modelOfRun = "model_of_run"
  case indexNotReady = "index_not_ready"
  case indexTooLarge = "index_too_large"
  case fingerprintMismatch = "fingerprint_mismatch"
  case payloadTooLarge = "payload_too_large"
  case uriTooLong = "uri_too_long"
  case unsupportedMediaType = "unsupported_media_type"
  case rangeNotSatisfiable = "range_not_satisfiable"
  case expectationFailed = "expectation_failed"
  case invalidField = "invalid_field"
  case imageNotDecodable = "image_not_decodable"
  case datasetRejected = "dataset_rejected"
  case modelRejected = "model_rejected"
  case datasetTooSmall = "dataset_too_small"
  case memoryInsufficient = "memory_insufficient"
  case idempotencyConflict = "idempotency_conflict"
  case tooManyRequests = "too_many_requests"
  case headersTooLarge = "headers_too_large"
  case internalError = "internal_error"
  case modelNotLoadable = "model_not_loadable"
  case notImplemented = "not_implemented"
  case busy
  case draining
  case httpVersionNotSupported = "http_version_not_supported"
  case diskFull = "disk_full"
  case storageNotWritable = "storage_not_writable"

  /// The response status.
  public var status: Int {
    switch self {
    case .malformedRequest, .invalidJSON, .invalidParameter, .urlInputDisabled: 400
    case .missingKey, .invalidKey: 401
    case .crossOrigin, .pathNotAllowed, .roleMissing, .quotaExceeded: 403
    case .notFound: 404
    case .methodNotAllowed: 405
    case .notAcceptable: 406
    case .requestTimeout: 408
    case .datasetInUse, .datasetNotReady, .runActive, .runNotStartable, .runNotStoppable,
      .fingerprintConflict, .datasetConflict, .indexNotReady, .modelInUse, .modelOfRun:
      409
    case .lengthRequired: 411
    case .preconditionFailed, .fingerprintMismatch: 412
    case .payloadTooLarge: 413
    case .uriTooLong: 414
    case .unsupportedMediaType: 415
    case .rangeNotSatisfiable: 416
    case .expectationFailed: 417
    case .invalidField, .imageNotDecodable, .datasetRejected, .modelRejected, .datasetTooSmall,
      .memoryInsufficient, .idempotencyConflict, .indexTooLarge:
      422
    case .hostNotAllowed: 421
    case .tooManyRequests: 429
    case .headersTooLarge: 431
    case .internalError, .modelNotLoadable: 500
    case .notImplemented: 501
    case .busy, .draining, .keysUnreadable: 503
    case .httpVersionNotSupported: 505
    case .diskFull, .storageNotWritable: 507
    }
  }

  /// A few words for people, the same for every occurrence.
  public var title: String {
    let words = rawValue.split(separator: "_").joined(separator: " ")
    return words.prefix(1).uppercased() + words.dropFirst()
  }

  /// The code of an error that only has a status, such as the server's own.
  static func of(status: Int) -> ProblemCode {
    switch status {
    case 400: .malformedRequest
    case 401: .missingKey
    case 403: .crossOrigin
    case 404: .notFound
    case 405: .methodNotAllowed
    case 406: .notAcceptable
    case 408: .requestTimeout
    case 411: .lengthRequired
    case 412: .preconditionFailed
    case 413: .payloadTooLarge
    case 414: .uriTooLong
    case 415: .unsupportedMediaType
    case 416: .rangeNotSatisfiable
    case 417: .expectationFailed
    case 421: .hostNotAllowed
    case 429: .tooManyRequests
    case 431: .headersTooLarge
    case 501: .notImplemented
    case 503: .busy
    case 505: .httpVersionNotSupported
    case 507: .diskFull
    default: status < 500 ? .malformedRequest : .internalError
    }
  }
}
