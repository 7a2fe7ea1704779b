/// A request's head after all checks that need nothing but its bytes.
struct RequestHead: Equatable {
  /// How the body's end is found.
  enum Framing: Equatable {
    case none
    case length(Int)
    case chunked
  }

  var method = ""
  var target = ""
  /// 0 or 1.
  var minorVersion = 1
  var headers = Headers()
  var framing = Framing.none
  /// Whether the client lets the connection go on after the response.
  var persists = true
  /// Whether the client waits for `100 Continue` before it sends the body.
  var expectsContinue = false
  /// `host[:port]` of the target or the Host field; empty only for HTTP/1.0.
  var authority = ""
  /// The target as path and query, `*` for the asterisk form.
  var pathAndQuery = ""
}

extension RequestHead {
  /// Judges host, framing, persistence and expectation once all fields are in.
  ///
  /// - Throws: 400 and the like; afterwards no byte of the connection can be trusted.
  mutating func finish() throws(HTTPError) {
    try judgeTarget()
    try judgeFraming()
    judgePersistence()
    try judgeExpectation()
  }

  private mutating func judgeTarget() throws(HTTPError) {
    let host = headers.first("Host")
    if let host {
      guard host.isOnly else {
        throw .malformed(.duplicateHost, "There is more than one Host field.")
      }
      guard isValidAuthority(host.value) else {
        throw .malformed(.invalidHost, "The Host field is no host with an optional port.")
      }
    } else if minorVersion == 1 {
      throw .malformed(.missingHost, "An HTTP/1.1 request needs a Host field.")
    }
    let form = try TargetForm(target, method: method)
    pathAndQuery = form.pathAndQuery
    authority = host?.value ?? form.authority ?? ""
    if let named = form.authority, let host, !equalIgnoringCase(named, host.value) {
      throw .malformed(.contradictingHost, "The target and the Host field name different hosts.")
    }
  }

  private mutating func judgeFraming() throws(HTTPError) {
    let length = headers.first("Content-Length")
    if let (coding, isOnly) = headers.first("Transfer-Encoding") {
      guard isOnly, length == nil, minorVersion == 1 else {
        throw .malformed(.ambiguousFraming, "The body's end is described in more than one way.")
      }
      if equalIgnoringCase(coding, "chunked") {
        framing = .chunked
        return
      }
      let isToken = !coding.isEmpty && coding.utf8.allSatisfy(isTokenByte)
      if isToken, !equalIgnoringCase(coding, "identity") {
        throw .refusal(
          .unknownTransferCoding, "The only transfer coding understood is chunked.")
      }
      throw .malformed(.invalidTransferEncoding, "Transfer-Encoding is not exactly chunked.")
    }
    guard let length else { return }
    guard length.isOnly, let value = decimal(length.value.utf8) else {
      throw .malformed(.invalidContentLength, "Content-Length is not one decimal number.")
    }
    framing = value == 0 ? .none : .length(value)
  }

  private mutating func judgePersistence() {
    guard headers.contains("Connection") else {
      persists = minorVersion == 1
      return
    }
    let options = listMembers(headers, "Connection").map(String.init)
    let closes = options.contains { equalIgnoringCase($0, "close") }
    let keeps = minorVersion == 1 || options.contains { equalIgnoringCase($0, "keep-alive") }
    persists = keeps && !closes
  }

  private mutating func judgeExpectation() throws(HTTPError) {
    guard minorVersion == 1, let expectation = headers["Expect"] else { return }
    guard equalIgnoringCase(expectation, "100-continue") else {
      throw .refusal(.unknownExpectation, "The only expectation met is 100-continue.")
    }
    expectsContinue = framing != .none
  }
}
