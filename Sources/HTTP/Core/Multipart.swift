/// Takes a `multipart/form-data` body apart as its bytes come, in linear time and bounded memory.
struct MultipartParser {
  private enum State {
    case preamble
    case afterDelimiter
    case headers
    case data
    case epilogue
  }

  private let delimiter: [UInt8]  // CR LF -- boundary
  private let limits: MultipartLimits
  private var state = State.preamble
  private var matched = 2  // the first delimiter needs no line end before it,
  private var virtual = 2  // so that those two bytes were never there
  private var tail: [UInt8] = []
  private var header: FieldSection
  private var parts = 0

  init(boundary: String, limits: MultipartLimits) {
    delimiter = Array("\r\n--\(boundary)".utf8)
    self.limits = limits
    header = MultipartParser.header(limits)
  }

  private static func header(_ limits: MultipartLimits) -> FieldSection {
    FieldSection(.partHeaderTooLarge, line: limits.partHeaderBytes, section: limits.partHeaderBytes)
  }

  /// Whether the closing delimiter has been seen.
  var isFinished: Bool { if case .epilogue = state { true } else { false } }

  private var isInPart: Bool { if case .data = state { true } else { false } }

  /// Takes bytes and appends what they mean to `events`.
  ///
  /// - Throws: 400 for a malformed part, 413 and 431 past the limits.
  mutating func parse(_ bytes: Span<UInt8>, into events: inout [MultipartEvent]) throws(HTTPError) {
    var position = 0
    while position < bytes.count {
      switch state {
      case .preamble, .data:
        var content: [UInt8] = []
        let isData = isInPart
        scan(bytes, &position, &content)
        if isData, !content.isEmpty { events.append(.data(content)) }
      case .afterDelimiter:
        tail.append(bytes[position])
        position += 1
        try judgeTail()
      case .headers:
        guard try header.take(bytes, at: &position) else { return }
        events.append(.part(try MultipartPart(header.headers)))
        // An empty part's delimiter follows at once: its CR LF is the one that ended the header.
        matched = 2
        virtual = 2
        state = .data
      case .epilogue: return
      }
    }
  }

  /// Copies content up to the next delimiter; `matched` bytes of a possible one are held back.
  private mutating func scan(
    _ bytes: Span<UInt8>, _ position: inout Int, _ content: inout [UInt8]
  ) {
    let start = position
    while position < bytes.count {
      let byte = bytes[position]
      if byte == delimiter[matched] {
        matched += 1
        position += 1
        if matched == delimiter.count {
          content.append(bytes.extracting(start..<max(start, position - matched)))
          matched = 0
          virtual = 0
          tail = []
          state = .afterDelimiter
          return
        }
      } else if matched > 0 {
        // What was held back is content after all. A delimiter has one CR only, so a new one can begin here alone.
        if position - matched < start {
          let held = matched - (position - start)
          content.append(contentsOf: delimiter[min(virtual, held)..<held])
        }
        matched = 0
        virtual = 0
      } else {
        position += 1
      }
    }
    let end = max(start, position - matched)
    content.append(bytes.extracting(start..<end))
  }

  /// After a delimiter comes `--` for the end, or blanks and a line end for a part.
  private mutating func judgeTail() throws(HTTPError) {
    if tail == [0x2D, 0x2D] {
      state = .epilogue
      return
    }
    guard let last = tail.last else { return }
    if tail.count >= 2, last == 0x0A, tail[tail.count - 2] == 0x0D {
      parts += 1
      guard parts <= limits.parts else {
        throw .refusal(.tooManyParts, "There are more parts than allowed.")
      }
      header = MultipartParser.header(limits)
      state = .headers
      return
    }
    let isBlank = last == 0x20 || last == 0x09 || last == 0x0D || tail == [0x2D]
    guard isBlank, tail.count <= 64 else {
      throw MultipartParser.malformed
    }
  }

  static var malformed: HTTPError {
    .malformed(.invalidMultipart, "The multipart body is not well formed.")
  }
}

/// What a multipart body may cost.
public struct MultipartLimits: Sendable {
  /// Most parts. More: 413.
  public var parts = 1000
  /// Longest header of a part, in bytes. Longer: 431.
  public var partHeaderBytes = 8 * 1024

  /// Creates the default limits.
  public init() {}
}

/// One thing after another of a multipart body.
public enum MultipartEvent: Sendable, Equatable {
  /// A part begins.
  case part(MultipartPart)
  /// Bytes of the part that began last.
  case data([UInt8])
}

/// What a part's header says. Names are labels for people; they are never paths.
public struct MultipartPart: Sendable, Equatable {
  /// The form field.
  public var name: String
  /// The file's name as the client calls it, or nil for a plain field.
  public var filename: String?
  /// The part's media type, or nil.
  public var contentType: String?

  init(_ headers: Headers) throws(HTTPError) {
    guard headers.all("Content-Disposition").count == 1, let value = headers["Content-Disposition"],
      let (kind, parameters) = parseParameters(value), equalIgnoringCase(kind, "form-data"),
      let name = parameters.first(where: { equalIgnoringCase($0.name, "name") })?.value
    else { throw MultipartParser.malformed }
    self.name = name
    filename = parameters.first { equalIgnoringCase($0.name, "filename") }?.value
    contentType = headers["Content-Type"]
  }
}

/// Reads the parts of a `multipart/form-data` body in order, in constant memory.
public struct MultipartReader {
  private var parser: MultipartParser
  private var body: RequestBody.AsyncIterator
  private var events: [MultipartEvent] = []
  private var index = 0

  /// Creates a reader.
  ///
  /// - Throws: `HTTPError` 415 when the request carries no `multipart/form-data` with a boundary.
  public init(_ request: Request, limits: MultipartLimits = MultipartLimits()) throws(HTTPError) {
    guard let type = request.headers["Content-Type"],
      let (kind, parameters) = parseParameters(type),
      equalIgnoringCase(kind, "multipart/form-data"),
      let boundary = parameters.first(where: { equalIgnoringCase($0.name, "boundary") })?.value,
      (1...70).contains(boundary.utf8.count), boundary.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F })
    else {
      throw HTTPError(
        .unsupportedMediaType, "A multipart/form-data body with a boundary is needed.")
    }
    parser = MultipartParser(boundary: boundary, limits: limits)
    body = request.body.makeAsyncIterator()
  }

  /// The next beginning of a part or run of bytes, or nil after the last part.
  ///
  /// - Throws: `HTTPError` for a malformed or oversized body, and what reading the body throws.
  public mutating func next() async throws -> MultipartEvent? {
    while index == events.count {
      events.removeAll(keepingCapacity: true)
      index = 0
      guard let chunk = try await body.next() else {
        guard parser.isFinished else { throw MultipartParser.malformed }
        return nil
      }
      try parser.parse(chunk.span, into: &events)
    }
    index += 1
    return events[index - 1]
  }
}

/// Splits `value; name=token; name="quoted"`; nil when it is no such thing.
func parseParameters(_ text: String) -> (
  value: String, parameters: [(name: String, value: String)]
)? {
  var rest = text.unicodeScalars[...]
  func blanks() {
    while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
  }
  func take(while condition: (Unicode.Scalar) -> Bool) -> String {
    let run = rest.prefix(while: condition)
    rest = rest[run.endIndex...]
    return String(run)
  }
  let value = String(trimBlanks(take { $0 != ";" }[...]))
  var parameters: [(name: String, value: String)] = []
  while rest.first == ";" {
    rest.removeFirst()
    blanks()
    if rest.isEmpty { break }
    let name = take { $0 != "=" && $0 != ";" && $0 != " " }
    guard !name.isEmpty, rest.first == "=" else { return nil }
    rest.removeFirst()
    var content = ""
    if rest.first == "\"" {
      rest.removeFirst()
      while let next = rest.popFirst(), next != "\"" {
        if next == "\\", let escaped = rest.first, escaped == "\"" || escaped == "\\" {
          rest.removeFirst()
          content.unicodeScalars.append(escaped)
        } else {
          content.unicodeScalars.append(next)
        }
        if rest.isEmpty { return nil }
      }
    } else {
      content = take { $0 != ";" && $0 != " " && $0 != "\t" }
    }
    parameters.append((name, content))
    blanks()
  }
  return rest.isEmpty && !value.isEmpty ? (value, parameters) : nil
}
