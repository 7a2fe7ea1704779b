/// Writes the head of a response and decides how its body is framed.
struct ResponseEncoder {
  /// How the body's end is told to the client.
  enum Framing: Equatable {
    case none
    case length(Int)
    case chunked
    case untilClose
  }

  /// The end of every head, encoded once: fields that all responses have, and the empty line.
  private let end: [UInt8]
  /// The same for a response without a policy of its own.
  private let endWithPolicy: [UInt8]
  private let basePath: BasePath

  init(
    contentSecurityPolicy policy: String, strictTransportSeconds: Int? = nil,
    basePath: BasePath = .root
  ) {
    self.basePath = basePath
    var common = "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
    if let strictTransportSeconds {
      common += "Strict-Transport-Security: max-age=\(strictTransportSeconds)\r\n"
    }
    end = Array("\(common)\r\n".utf8)
    endWithPolicy =
      policy.isEmpty ? end : Array("\(common)Content-Security-Policy: \(policy)\r\n\r\n".utf8)
  }

  /// The framing of a response whose body has that length, if it is known beforehand.
  static func framing(_ length: Int?, status: Int, minorVersion: Int) -> Framing {
    if status < 200 || status == 204 || status == 304 { return .none }
    if let length { return .length(length) }
    return minorVersion == 0 ? .untilClose : .chunked
  }

  /// Appends status line, fields and the empty line.
  func encode(
    status: Int, headers: Headers, framing: Framing, persists: Bool, minorVersion: Int,
    date: [UInt8], requestID: String, into out: inout [UInt8]
  ) {
    if status == 200 {
      out.append("HTTP/1.1 200 OK\r\nDate: ")
    } else {
      out.append("HTTP/1.1 \(status) \(reasonPhrases[status] ?? "Status")\r\nDate: ")
    }
    out.append(date.span)
    out.append("\r\n")
    var namesPolicy = false
    for index in headers.fields.indices where !isFramingField(headers.fields[index].name) {
      let name = headers.fields[index].name
      if name.utf8.count == 23, equalIgnoringCase(name, "Content-Security-Policy") {
        namesPolicy = true
      }
      if name.utf8.count == 8, !basePath.text.isEmpty, equalIgnoringCase(name, "Location"),
        headers.fields[index].value.hasPrefix("/")
      {
        appendField(name, basePath.text + headers.fields[index].value, to: &out)
      } else {
        appendField(name, headers.fields[index].value, to: &out)
      }
    }
    switch framing {
    case .none, .untilClose: break
    case .length(let count):
      out.append("Content-Length: ")
      appendDecimal(count, to: &out)
      out.append("\r\n")
    case .chunked: out.append("Transfer-Encoding: chunked\r\n")
    }
    if !persists || framing == .untilClose {
      out.append("Connection: close\r\n")
    } else if minorVersion == 0 {
      out.append("Connection: keep-alive\r\n")
    }
    if !requestID.isEmpty { appendField("X-Request-Id", requestID, to: &out) }
    out.append(namesPolicy ? end.span : endWithPolicy.span)
  }

  /// Bytes as one chunk of the chunked coding. `bytes` is not empty: an empty chunk would end the body.
  static func chunk(_ bytes: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count + 20)
    out.append(contentsOf: String(bytes.count, radix: 16).utf8)
    out.append(contentsOf: "\r\n".utf8)
    out.append(contentsOf: bytes)
    out.append(contentsOf: "\r\n".utf8)
    return out
  }

  /// The chunk that ends a body.
  static let lastChunk = Array("0\r\n\r\n".utf8)
  /// The interim response that asks for the body.
  /// Says that the answer is still being worked on.
  static let processingHead = Array("HTTP/1.1 102 Processing\r\n\r\n".utf8)

  static let continueHead = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

  private func appendField(_ name: String, _ value: String, to out: inout [UInt8]) {
    out.append(name.utf8.span)
    out.append(": ")
    out.append(value.utf8.span)
    out.append("\r\n")
  }
}

extension [UInt8] {
  /// Appends text in UTF-8.
  @inline(__always)
  fileprivate mutating func append(_ text: String) { append(text.utf8.span) }
}

/// Fields that the encoder alone writes.
private func isFramingField(_ name: String) -> Bool {
  switch name.utf8.count {
  case 4: equalIgnoringCase(name, "Date")
  case 10: equalIgnoringCase(name, "Connection") || equalIgnoringCase(name, "Keep-Alive")
  case 12: equalIgnoringCase(name, "X-Request-Id")
  case 14: equalIgnoringCase(name, "Content-Length")
  case 17: equalIgnoringCase(name, "Transfer-Encoding")
  default: false
  }
}

private func appendDecimal(_ value: Int, to out: inout [UInt8]) {
  if value >= 10 { appendDecimal(value / 10, to: &out) }
  out.append(0x30 + UInt8(value % 10))
}

/// The reasons of RFC 9110 section 15 and its relatives, by status.
private let reasonPhrases: [Int: String] = [
  200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content",
  301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified",
  307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
  403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
  408: "Request Timeout", 409: "Conflict", 410: "Gone", 412: "Precondition Failed",
  413: "Content Too Large", 414: "URI Too Long", 415: "Unsupported Media Type",
  416: "Range Not Satisfiable", 417: "Expectation Failed", 421: "Misdirected Request",
  422: "Unprocessable Content", 428: "Precondition Required", 429: "Too Many Requests",
  431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
  502: "Bad Gateway", 503: "Site Unavailable", 504: "Gateway Timeout",
  505: "HTTP Version Not Supported", 507: "Insufficient Storage",
]
