/// Joins the bytes of a line that may arrive in pieces; a line in one piece is never copied.
struct LineReader {
  /// What a scan found.
  enum Outcome {
    /// The line goes on; all bytes given are kept.
    case incomplete
    /// A line that lies whole in the bytes given, without its LF.
    case whole(Range<Int>)
    /// A line that began earlier, without its LF.
    case joined([UInt8])
    /// More bytes than the limit before an LF.
    case tooLong
  }

  private var partial: [UInt8] = []

  /// The beginning of the current line as far as it is known.
  var beginning: ArraySlice<UInt8> { partial.prefix(64) }

  /// Looks for the next LF from `position`, which moves past what was taken.
  /// `limit` is the most bytes before the LF, the CR included.
  mutating func next(in bytes: Span<UInt8>, at position: inout Int, limit: Int) -> Outcome {
    let start = position
    let budget = limit - partial.count
    var index = start
    let end = min(bytes.count, start + budget + 1)
    while index < end, bytes[index] != 0x0A { index += 1 }
    if index - start > budget { return .tooLong }
    if index == bytes.count {
      partial.append(bytes.extracting(start..<index))
      position = index
      return .incomplete
    }
    position = index + 1
    if partial.isEmpty { return .whole(start..<index) }
    partial.append(bytes.extracting(start..<index))
    defer { partial = [] }
    return .joined(partial)
  }
}

extension [UInt8] {
  /// Appends a run of bytes.
  mutating func append(_ bytes: Span<UInt8>) {
    unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
  }
}

/// The line without its CR.
///
/// - Throws: 400 when the CR is missing; a CR elsewhere is refused by the line's own grammar.
func withoutReturn(_ line: Span<UInt8>) throws(HTTPError) -> Range<Int> {
  guard line.count > 0, line[line.count - 1] == 0x0D else {
    throw .malformed(.bareLineFeed, "A line ends with LF instead of CR LF.")
  }
  return 0..<line.count - 1
}

/// Text of bytes that are known to be ASCII.
func asciiText(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String { text(bytes, range) }

/// Text of bytes that should be UTF-8; those that are not appear as U+FFFD.
func text(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String {
  unsafe bytes.extracting(range).withUnsafeBufferPointer {
    unsafe String(decoding: $0, as: UTF8.self)
  }
}
