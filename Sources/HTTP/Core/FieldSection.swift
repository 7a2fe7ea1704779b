/// A section of field lines up to the empty line that ends it: of a head, of a chunked body's trailers, of a part.
///
/// A line's length is judged before its bytes are kept.
struct FieldSection {
  private(set) var headers = Headers()
  private var lines = LineReader()
  private var bytes = 0
  private let limits: (line: Int, section: Int, count: Int)
  private let tooLarge: HTTPError.Code

  /// A section that is refused with `tooLarge` for a line of more than `line` bytes without its end, or for more than
  /// `section` bytes in all; more than `count` lines are refused too.
  init(_ tooLarge: HTTPError.Code, line: Int, section: Int, count: Int = .max) {
    self.tooLarge = tooLarge
    limits = (line, section, count)
  }

  /// Takes bytes from `position` on, which moves past the section's.
  ///
  /// - Returns: whether the section is complete.
  /// - Throws: 400 or 431.
  mutating func take(_ input: Span<UInt8>, at position: inout Int) throws(HTTPError) -> Bool {
    while position < input.count {
      let limit = min(limits.line + 1, limits.section - bytes)
      switch lines.next(in: input, at: &position, limit: limit) {
      case .incomplete: return false
      case .whole(let range): if try take(input.extracting(range)) { return true }
      case .joined(let line): if try take(line.span) { return true }
      case .tooLong:
        throw .refusal(
          tooLarge,
          "The section of fields may have \(limits.section) bytes, and a line \(limits.line) bytes."
        )
      }
    }
    return false
  }

  private mutating func take(_ line: Span<UInt8>) throws(HTTPError) -> Bool {
    if line.count == 1, line[0] == 0x0D { return true }
    bytes += line.count + 1
    guard headers.fields.count < limits.count else {
      throw .refusal(.tooManyFields, "A section may have \(limits.count) fields.")
    }
    if headers.fields.isEmpty { headers.reserve(8) }
    try parseFieldLine(line, into: &headers)
    return false
  }
}

/// Parses one field line, `name: value`, and adds it.
///
/// - Throws: 400 for a fold, a missing colon, a name that is no token, or control characters in the value.
func parseFieldLine(_ line: Span<UInt8>, into headers: inout Headers) throws(HTTPError) {
  let content = try withoutReturn(line)
  guard line[0] != 0x20, line[0] != 0x09 else {
    throw .malformed(.foldedField, "A field line begins with a blank.")
  }
  var colon = 0
  while colon < content.upperBound, isTokenByte(line[colon]) { colon += 1 }
  guard colon < content.upperBound, line[colon] == 0x3A, colon > 0 else {
    throw .malformed(
      .invalidFieldName, "A field name is empty, no token, or not followed by a colon.")
  }
  var start = colon + 1
  var end = content.upperBound
  while start < end, line[start] == 0x20 || line[start] == 0x09 { start += 1 }
  while end > start, line[end - 1] == 0x20 || line[end - 1] == 0x09 { end -= 1 }
  for index in start..<end {
    guard isFieldValueByte(line[index]) else {
      throw .malformed(.invalidFieldValue, "A field value holds a control character.")
    }
  }
  // Bytes that are no UTF-8 become U+FFFD in the value.
  headers.appendValid(asciiText(line, 0..<colon), text(line, start..<end))
}

/// The members of a comma-separated list over all fields of a name, without blanks and empty members.
func listMembers(_ headers: Headers, _ name: String) -> [Substring] {
  headers.fields.lazy.filter { equalIgnoringCase($0.name, name) }.flatMap { field in
    field.value.split(separator: ",").map(trimBlanks).filter { !$0.isEmpty }
  }
}

/// The members of a comma-separated list whose members may hold commas between quotes, without outer blanks.
func splitList(_ list: String) -> [String] {
  var members: [String] = []
  var current = ""
  var quoted = false
  for scalar in list.unicodeScalars {
    if scalar == "\"" { quoted.toggle() }
    if scalar == ",", !quoted {
      members.append(String(trimBlanks(current[...])))
      current = ""
    } else {
      current.unicodeScalars.append(scalar)
    }
  }
  members.append(String(trimBlanks(current[...])))
  return members
}
