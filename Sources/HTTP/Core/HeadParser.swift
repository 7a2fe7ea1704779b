/// Parses a request's head from bytes as they come, in linear time and bounded memory.
///
/// The verdict is the same however the bytes are cut: lines are judged whole and in order, and a line's
/// length is judged before its content.
struct HeadParser {
  private let limits: Limits
  private var lines = LineReader()
  private var head = RequestHead()
  private var fields: FieldSection
  private var sawEmptyLine = false  // one may precede the request line
  private var sawRequestLine = false

  init(limits: Limits) {
    self.limits = limits
    fields = FieldSection(
      .headerTooLarge, line: limits.fieldLineBytes, section: limits.headerSectionBytes,
      count: limits.fieldCount)
  }

  /// Whether any byte of a head has been seen.
  private(set) var hasBegun = false

  /// Takes bytes from `position` on, which moves past what belongs to the head.
  ///
  /// - Returns: the head when it is complete, nil when more bytes are needed.
  /// - Throws: the refusal; the parser cannot be used afterwards.
  mutating func parse(_ bytes: Span<UInt8>, at position: inout Int) throws(HTTPError)
    -> RequestHead?
  {
    if position < bytes.count, !hasBegun {
      hasBegun = true
      // The first byte of a TLS handshake record can begin no request line. Without this the client would wait
      // in vain for a line end that its handshake may not hold.
      if bytes[position] == 0x16 {
        throw .malformed(
          .tlsOnPlainPort, "This port speaks plain HTTP: use http:// instead of https://.")
      }
    }
    while position < bytes.count, !sawRequestLine {
      let start = position
      switch lines.next(in: bytes, at: &position, limit: limits.startLineBytes + 1) {
      case .incomplete: return nil
      case .whole(let range): try take(bytes.extracting(range))
      case .joined(let line): try take(line.span)
      case .tooLong: throw tooLong(bytes, from: start)
      }
    }
    guard sawRequestLine, try fields.take(bytes, at: &position) else { return nil }
    head.headers = fields.headers
    try head.finish()
    return head
  }

  private func tooLong(_ bytes: Span<UInt8>, from start: Int) -> HTTPError {
    var beginning = Array(lines.beginning)
    for index in start..<min(start + 64, bytes.count) { beginning.append(bytes[index]) }
    guard beginning.prefix(limits.methodBytes + 1).contains(0x20) else {
      return .malformed(.invalidMethod, "The method is longer than allowed.")
    }
    return .refusal(.targetTooLong, "The request line is longer than allowed.")
  }

  private mutating func take(_ line: Span<UInt8>) throws(HTTPError) {
    if !sawEmptyLine, line.count == 1, line[0] == 0x0D {
      sawEmptyLine = true
      return
    }
    let content = try withoutReturn(line)
    var index = 0
    while index < content.upperBound, isTokenByte(line[index]) { index += 1 }
    guard index > 0, index <= limits.methodBytes, index < content.upperBound, line[index] == 0x20
    else {
      throw .malformed(.invalidMethod, "The request line does not begin with a method.")
    }
    head.method = asciiText(line, 0..<index)
    let targetStart = index + 1
    index = targetStart
    while index < content.upperBound, isTargetByte(line[index]) { index += 1 }
    guard index > targetStart, index < content.upperBound, line[index] == 0x20 else {
      throw .malformed(.invalidTarget, "The request target is empty or holds a forbidden byte.")
    }
    head.target = asciiText(line, targetStart..<index)
    head.minorVersion = try parseVersion(line, index + 1..<content.upperBound)
    sawRequestLine = true
  }

  private func isTargetByte(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7F && byte != 0x23 }

  private func parseVersion(_ line: Span<UInt8>, _ range: Range<Int>) throws(HTTPError) -> Int {
    let text: StaticString = "HTTP/"
    let bytes = line.extracting(range)
    var matches = bytes.count == 8
    if matches {
      for index in 0..<5 where unsafe bytes[index] != text.utf8Start[index] { matches = false }
    }
    guard matches, isDigit(bytes[5]), bytes[6] == 0x2E, isDigit(bytes[7]), bytes[5] != 0x30 else {
      throw .malformed(.invalidVersion, "The request line does not end with HTTP/1.1.")
    }
    guard bytes[5] == 0x31, bytes[7] <= 0x31 else {
      throw .refusal(.versionNotSupported, "This server speaks HTTP/1.1 and HTTP/1.0.")
    }
    return Int(bytes[7] - 0x30)
  }
}
