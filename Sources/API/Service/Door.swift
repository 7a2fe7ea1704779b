import Access
import HTTP
import Identifiers

/// Who may call a route.
enum Audience: Sendable {
  /// Everybody, with a key or without: what tells nothing of anybody's pictures, and what has to be there before a key
  /// can be asked for.
  case everybody
  /// Holders of a key with this role, where the service has keys.
  case holders(of: AccessRole)

  static let readers = Audience.holders(of: .read)
  static let embedders = Audience.holders(of: .embed)
  static let trainers = Audience.holders(of: .train)
  static let admins = Audience.holders(of: .admin)
}

extension Service {
  /// Lets a request in, or says why not.
  ///
  /// - Returns: the pass that the request is counted under; nil where everybody is let in.
  /// - Throws: `AccessRefusal`.
  func pass(_ request: Request, _ audience: Audience) throws(AccessRefusal) -> AccessPass? {
    guard let access, case .holders(let role) = audience else { return nil }
    let certificate = request.clientCertificate.flatMap {
      ShownCertificate(
        fingerprint: $0.fingerprint, endsAt: Timestamp(milliseconds: $0.endSecond * 1000))
    }
    return try access.admit(
      authorization: request.headers.all("Authorization"), certificate: certificate, needs: role)
  }
}

extension AccessRefusal {
  /// The answer, with the challenge of RFC 6750 section 3. Nothing of what the request showed is in it.
  func response(requestID: String) -> Response {
    var headers = Headers()
    if let challenge { headers.set("WWW-Authenticate", challenge) }
    var response = problem.response(requestID: requestID, headers: headers)
    response.caller = key
    return response
  }

  /// nil where another key would not help.
  private var challenge: String? {
    switch self {
    case .missing: #"Bearer realm="byol""#
    case .ambiguous: #"Bearer realm="byol", error="invalid_request""#
    case .unknownCertificate: #"Bearer realm="byol""#
    case .unknown, .certificateEnded: #"Bearer realm="byol", error="invalid_token""#
    case .expired:
      #"Bearer realm="byol", error="invalid_token", error_description="The key has expired.""#
    case .forbidden(_, let role, _):
      #"Bearer realm="byol", error="insufficient_scope", scope="\#(role.rawValue)""#
    case .tooFast, .tooMany, .unreadable: nil
    }
  }

  private var problem: APIError {
    switch self {
    case .missing:
      APIError(
        .missingKey,
        "This service answers holders of a key: send it as \"Authorization: Bearer byol_…\".")
    case .ambiguous:
      APIError(.malformedRequest, "There are several Authorization fields; send one.")
    case .unknown:
      APIError(
        .invalidKey, "That is not a key of this service, or not any more; ask its operator for one."
      )
    case .unknownCertificate:
      APIError(
        .invalidKey,
        "The client's certificate is not a key of this service: its operator makes it one with `byol keys add --certificate`."
      )
    case .certificateEnded(let key):
      APIError(.invalidKey, "The certificate of the key \(key) has ended; show a newer one.")
    case .expired(let key):
      APIError(.invalidKey, "The key \(key) has expired; ask the operator for another.")
    case .forbidden(let key, let role, let has):
      APIError(
        .roleMissing,
        "The key \(key) lacks the role \(role.rawValue); it has \(has.map(\.rawValue).joined(separator: ", "))."
      )
    case .tooFast(let key, let rate, let wait):
      APIError(
        .tooManyRequests, "The key \(key) may make \(rate) requests per second.",
        retryAfter: Int(min(wait, 120).rounded(.up)))
    case .tooMany(let key, let limit):
      APIError(
        .tooManyRequests, "The key \(key) has \(limit) requests under way, as many as it may.",
        retryAfter: 1)
    case .unreadable:
      APIError(
        .keysUnreadable, "The service cannot read its keys, and lets nobody in; its log says why.",
        retryAfter: 30)
    }
  }
}

extension Response {
  /// The response as it goes to whoever has a pass: what is written over time ends when the pass holds no longer, and
  /// counts as under way until then.
  func held(by pass: AccessPass?) -> Response {
    guard let pass else { return self }
    var response = self
    response.caller = pass.caller
    switch body {
    case .empty, .bytes, .file: break
    case .stream(let write): response.body = .stream { try await write($0.while(pass)) }
    case .events(let write): response.body = .events { try await write($0.while(pass)) }
    }
    return response
  }
}

extension ResponseWriter {
  /// A writer that writes as long as a pass holds.
  fileprivate func `while`(_ pass: AccessPass) -> ResponseWriter {
    ResponseWriter { bytes in
      guard pass.holds else { throw CancellationError() }
      try await write(bytes)
    }
  }
}

extension AccessControl {
  /// What keys were used for, by their names.
  func write(to page: inout PrometheusPage) {
    guard isClosed else { return }
    page.family(
      "byol_key_requests_total", "counter", "Requests by key and what the door said to them.")
    let counts = counts
    for case (let key?, let outcome, let count) in counts {
      page.sample(
        "byol_key_requests_total", Double(count), [("key", key), ("outcome", outcome)])
    }
    page.family(
      "byol_unknown_key_requests_total", "counter", "Requests refused whose key is not known.")
    for case (nil, let reason, let count) in counts {
      page.sample("byol_unknown_key_requests_total", Double(count), [("reason", reason)])
    }
    page.family("byol_key_requests_in_flight", "gauge", "Requests under way by key.")
    for (key, count) in inFlight {
      page.sample("byol_key_requests_in_flight", Double(count), [("key", key)])
    }
  }
}
