/// Parses a request's head from bytes as they come, in linear time and bounded memory.
///
/// The verdict is the same however the bytes are cut: lines are judged whole and in order, and a line's
/// length is judged before its content.
struct HeadParser {
  private let limits: Limits
  private var lines = LineReader()
  private var head = RequestHead()
  private var state = State.beginning
  private var sectionBytes = 0

  private enum State {
    case beginning  // one empty line may precede the request line
    case requestLine
    case fields
    case finished
  }

  init(limits: Limits) { self.limits = limits }

  /// Whether any byte of a head has been seen.
  private(set) var hasBegun = false

  /// Takes bytes from `position` on, which moves past what belongs to the head.
  ///
  /// - Returns: the head when it is complete, nil when more bytes are needed.
  /// - Throws: the refusal; the parser cannot be used afterwards.
  mutating func parse(_ bytes: Span<UInt8>, at position: inout Int) throws(HTTPError)
    -> RequestHead?
  {
    if position < bytes.count { hasBegun = true }
    while position < bytes.count, state != .finished {
      let start = position
      switch lines.next(in: bytes, at: &position, limit: lineLimit) {
      case .incomplete: return nil
      case .whole(let range): try take(bytes.extracting(range))
      case .joined(let line): try take(line.span)
      case .tooLong: throw tooLong(bytes, from: start)
      }
    }
    guard state == .finished else { return nil }
    try head.finish()
    return head
  }

  /// Most bytes before the next LF, its CR included.
  private var lineLimit: Int {
    switch state {
    case .beginning, .requestLine: limits.startLineBytes + 1
    default: min(limits.fieldLineBytes + 1, limits.headerSectionBytes - sectionBytes)
    }
  }

  private func tooLong(_ bytes: Span<UInt8>, from start: Int) -> HTTPError {
    guard state != .fields else {
      return HTTPError(
        status: 431, code: "header_too_large",
        detail: "A field line or the whole header section is longer than allowed.", closes: true)
    }
    var beginning = Array(lines.beginning)
    for index in start..<min(start + 64, bytes.count) { beginning.append(bytes[index]) }
    guard beginning.prefix(limits.methodBytes + 1).contains(0x20) else {
      return .malformed("invalid_method", "The method is longer than allowed.")
    }
    return HTTPError(
      status: 414, code: "target_too_long", detail: "The request line is longer than allowed.",
      closes: true)
  }

  private mutating func take(_ line: Span<UInt8>) throws(HTTPError) {
    switch state {
    case .beginning:
      state = .requestLine
      if line.count == 1, line[0] == 0x0D { return }
      try takeRequestLine(line)
    case .requestLine:
      try takeRequestLine(line)
    default:
      try takeField(line)
    }
  }

  private mutating func takeField(_ line: Span<UInt8>) throws(HTTPError) {
    if line.count == 1, line[0] == 0x0D {
      state = .finished
      return
    }
    sectionBytes += line.count + 1
    guard head.headers.fields.count < limits.fieldCount else {
      throw HTTPError(
        status: 431, code: "too_many_fields", detail: "There are more header fields than allowed.",
        closes: true)
    }
    guard line.count > 0 else {
      throw .malformed("bare_line_feed", "A line ends with LF instead of CR LF.")
    }
    try parseFieldLine(line, into: &head.headers)
  }

  private mutating func takeRequestLine(_ line: Span<UInt8>) throws(HTTPError) {
    let content = try withoutReturn(line)
    var index = 0
    while index < content.upperBound, isTokenByte(line[index]) { index += 1 }
    guard index > 0, index <= limits.methodBytes, index < content.upperBound, line[index] == 0x20
    else {
      throw .malformed("invalid_method", "The request line does not begin with a method.")
    }
    head.method = asciiText(line, 0..<index)
    let targetStart = index + 1
    index = targetStart
    while index < content.upperBound, isTargetByte(line[index]) { index += 1 }
    guard index > targetStart, index < content.upperBound, line[index] == 0x20 else {
      throw .malformed("invalid_target", "The request target is empty or holds a forbidden byte.")
    }
    head.target = asciiText(line, targetStart..<index)
    head.minorVersion = try parseVersion(line, index + 1..<content.upperBound)
    state = .fields
    head.headers.reserve(8)
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
      throw .malformed("invalid_version", "The request line does not end with HTTP/1.1.")
    }
    guard bytes[5] == 0x31, bytes[7] <= 0x31 else {
      throw HTTPError(
        status: 505, code: "version_not_supported",
        detail: "This server speaks HTTP/1.1 and HTTP/1.0.",
        closes: true)
    }
    return Int(bytes[7] - 0x30)
  }
}
