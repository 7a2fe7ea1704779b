/// The chunked transfer coding of RFC 9112 section 7.1, read strictly.
struct ChunkedDecoder {
  private enum State: Equatable {
    case size(digits: Int)
    // The extensions of a size line, RFC 9112 section 7.1.1. "Bad whitespace" may stand around each `;` and `=`:
    // it is read and means nothing, but a blank that no `;` follows is refused, as a size line may not end with one.
    case beforeSemicolon
    case beforeName
    case name
    case beforeEquals
    case beforeValue
    case value
    case quoted
    case quotedEscape
    case afterQuoted
    case sizeLineFeed
    case data
    case dataReturn
    case dataLineFeed
    case trailers
  }

  private let limit: Int
  private let limits: Limits
  private var state = State.size(digits: 0)
  private var size: UInt64 = 0
  private var left = 0
  private var dataBytes = 0
  private var extensionBytes = 0
  private var overheadBytes = 0
  private var trailers: FieldSection

  init(limit: Int, limits: Limits) {
    self.limit = limit
    self.limits = limits
    trailers = FieldSection(
      .trailersTooLarge, line: limits.fieldLineBytes, section: limits.trailerSectionBytes,
      count: limits.fieldCount)
  }

  /// Takes bytes from `position` on, which moves past the body's.
  ///
  /// - Returns: whether the last chunk and the trailers are in.
  mutating func decode(
    _ bytes: Span<UInt8>, at position: inout Int, into output: inout [UInt8]
  ) throws(HTTPError) -> Bool {
    while position < bytes.count {
      switch state {
      case .data: takeData(bytes, &position, &output)
      case .trailers:
        guard try trailers.take(bytes, at: &position) else { return false }
        try judgeTrailers()
        return true
      default:
        try takeFraming(bytes[position])
        position += 1
      }
    }
    return false
  }

  private mutating func takeData(
    _ bytes: Span<UInt8>, _ position: inout Int, _ output: inout [UInt8]
  ) {
    let count = min(left, bytes.count - position)
    output.append(bytes.extracting(position..<position + count))
    position += count
    left -= count
    dataBytes += count
    if left == 0 { state = .dataReturn }
  }

  /// One byte outside of data and trailers.
  private mutating func takeFraming(_ byte: UInt8) throws(HTTPError) {
    overheadBytes += 1
    if overheadBytes > limits.chunkOverheadBytes, overheadBytes > 4 * dataBytes {
      throw .malformed(.chunkOverhead, "The chunks are too small for what they carry.")
    }
    switch state {
    case .size(let digits): try takeSize(byte, digits)
    case .sizeLineFeed:
      try require(byte == 0x0A)
      state = left == 0 ? .trailers : .data
    case .dataReturn:
      try require(byte == 0x0D)
      state = .dataLineFeed
    case .dataLineFeed:
      try require(byte == 0x0A)
      state = .size(digits: 0)
    default:
      extensionBytes += 1
      if extensionBytes > limits.chunkExtensionBytes {
        throw .malformed(.chunkExtensions, "The chunk extensions are longer than allowed.")
      }
      try takeExtension(byte)
    }
  }

  private mutating func takeSize(_ byte: UInt8, _ digits: Int) throws(HTTPError) {
    if let value = hexValue(byte) {
      try require(digits < 16)
      size = (digits == 0 ? 0 : size << 4) | UInt64(value)
      state = .size(digits: digits + 1)
      return
    }
    try require(digits > 0 && (byte == 0x0D || byte == 0x3B || isBlank(byte)))
    try require(size <= UInt64(Int.max))
    guard Int(size) <= limit - dataBytes else { throw .bodyTooLarge(limit: limit) }
    left = Int(size)
    switch byte {
    case 0x0D: state = .sizeLineFeed
    case 0x3B: state = .beforeName
    default:
      extensionBytes += 1
      state = .beforeSemicolon
    }
  }

  private mutating func takeExtension(_ byte: UInt8) throws(HTTPError) {
    switch (state, byte) {
    case (.name, 0x0D), (.value, 0x0D), (.afterQuoted, 0x0D): state = .sizeLineFeed
    case (.name, 0x3B), (.beforeEquals, 0x3B), (.value, 0x3B), (.afterQuoted, 0x3B),
      (.beforeSemicolon, 0x3B):
      state = .beforeName
    case (.name, 0x3D), (.beforeEquals, 0x3D): state = .beforeValue
    case (.beforeValue, 0x22): state = .quoted
    case (.quoted, 0x22): state = .afterQuoted
    case (.quoted, 0x5C): state = .quotedEscape
    case (.quoted, _), (.quotedEscape, _):
      try require(isFieldValueByte(byte))
      state = .quoted
    case (.name, _) where isBlank(byte): state = .beforeEquals
    case (.value, _) where isBlank(byte), (.afterQuoted, _) where isBlank(byte):
      state = .beforeSemicolon
    case (.beforeSemicolon, _) where isBlank(byte), (.beforeName, _) where isBlank(byte),
      (.beforeEquals, _) where isBlank(byte), (.beforeValue, _) where isBlank(byte):
      break
    case (.beforeName, _), (.name, _):
      try require(isTokenByte(byte))
      state = .name
    case (.beforeValue, _), (.value, _):
      try require(isTokenByte(byte))
      state = .value
    default: try require(false)
    }
  }

  private func judgeTrailers() throws(HTTPError) {
    for field in trailers.headers.fields where forbiddenTrailers.contains(field.name.lowercased()) {
      throw .malformed(.forbiddenTrailer, "A trailer names a field that belongs in the head.")
    }
  }

  private func require(_ condition: Bool) throws(HTTPError) {
    if !condition {
      throw .malformed(.invalidChunk, "The chunked body is not well formed.")
    }
  }
}

/// Fields about framing, routing, authentication and the body itself, which mean nothing after the body.
private let forbiddenTrailers: Set<String> = [
  "authorization", "cache-control", "connection", "content-encoding", "content-length",
  "content-range", "content-type", "cookie", "expect", "host", "keep-alive", "max-forwards",
  "proxy-authorization", "range", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade",
]
