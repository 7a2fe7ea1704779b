/// A request target split by its form.
struct TargetForm {
  /// Path and query; `*` for the asterisk form.
  var pathAndQuery: String
  /// The authority of the absolute form.
  var authority: String?

  /// Judges the form of a target whose bytes are all visible ASCII.
  ///
  /// - Throws: 400 for a form that does not fit the method, 501 for CONNECT.
  init(_ target: String, method: String) throws(HTTPError) {
    if method == "CONNECT" {
      throw .refusal(.methodNotImplemented, "This server is no proxy.")
    }
    if target.utf8.first == 0x2F {
      pathAndQuery = target
      return
    }
    if target == "*", method == "OPTIONS" {
      pathAndQuery = target
      return
    }
    guard let separator = target.firstRange(of: "://") else { throw TargetForm.invalid }
    let scheme = String(target[..<separator.lowerBound])
    guard equalIgnoringCase(scheme, "http") || equalIgnoringCase(scheme, "https") else {
      throw TargetForm.invalid
    }
    let rest = target[separator.upperBound...]
    let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    let named = String(rest[..<end])
    guard isValidAuthority(named) else { throw TargetForm.invalid }
    authority = named
    let tail = rest[end...]
    pathAndQuery = tail.hasPrefix("/") ? String(tail) : "/" + tail
  }

  private static var invalid: HTTPError {
    .malformed(.invalidTarget, "The request target has no valid form.")
  }
}

/// Whether the text is `uri-host[:port]` with a non-empty host, without user information.
func isValidAuthority(_ text: String) -> Bool {
  let bytes = text.utf8.span
  guard bytes.count > 0 else { return false }
  var end = 0
  if bytes[0] == 0x5B {
    let address = text.utf8.dropFirst().prefix { $0 != 0x5D }
    end = address.count + 2
    guard end <= bytes.count, address.contains(0x3A), IPAddress(Substring(address)) != nil
    else { return false }
  } else {
    while end < bytes.count, bytes[end] != 0x3A {
      if bytes[end] == 0x25 {
        guard end + 2 < bytes.count, hexValue(bytes[end + 1]) != nil,
          hexValue(bytes[end + 2]) != nil
        else { return false }
      } else if !isHostByte(bytes[end]) {
        return false
      }
      end += 1
    }
    if end == 0 { return false }
  }
  guard end < bytes.count else { return true }
  let port = text.utf8.dropFirst(end + 1)
  guard bytes[end] == 0x3A, port.count <= 5 else { return false }
  return port.isEmpty || decimal(port).map { $0 <= 65535 } ?? false
}

private func isHostByte(_ byte: UInt8) -> Bool {
  switch byte {
  case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true  // digits and letters
  case 0x2D, 0x2E, 0x5F, 0x7E: true  // - . _ ~
  case 0x21, 0x24, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x2B, 0x3B, 0x3D: true  // sub-delims, no comma
  default: false
  }
}

/// Whether the target is a path that decodes to itself: no query, no escape, no dot and no backslash.
func isPlainPath(_ target: String) -> Bool {
  let bytes = target.utf8.span
  for index in bytes.indices {
    switch bytes[index] {
    case 0x25, 0x2E, 0x3F, 0x5C: return false
    default: continue
    }
  }
  return true
}

/// A path decoded once.
///
/// - Throws: 400 for a bad escape, an escaped slash, a backslash, NUL or another control character, a dot segment, or
///   bytes that are no UTF-8.
func decodePath(_ path: Substring) throws(HTTPError) -> String {
  let invalid = HTTPError(.invalidPath, "The path is not well formed or leaves its folder.")
  if isPlainPath(String(path)) { return String(path) }
  guard let bytes = decodePercent(path.utf8, plusIsSpace: false),
    let text = String(validating: bytes, as: UTF8.self)
  else { throw invalid }
  // An escaped slash would move the borders of the segments after they were judged.
  let slashes = path.utf8.count { $0 == 0x2F }
  guard bytes.count(where: { $0 == 0x2F }) == slashes,
    bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != 0x5C })
  else { throw invalid }
  for segment in bytes.split(separator: 0x2F)
  where segment.elementsEqual([0x2E]) || segment.elementsEqual([0x2E, 0x2E]) {
    throw invalid
  }
  return text
}

/// The pairs of a query, decoded; a bad escape stays as written.
func parseQuery(_ query: Substring) -> [(name: String, value: String)] {
  query.split(separator: "&").map { pair in
    let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    return (queryText(parts[0]), parts.count > 1 ? queryText(parts[1]) : "")
  }
}

private func queryText(_ text: Substring) -> String {
  guard let bytes = decodePercent(text.utf8, plusIsSpace: true) else { return String(text) }
  return String(decoding: bytes, as: UTF8.self)
}

/// The bytes with escapes resolved once, or nil for an escape that is none.
func decodePercent(_ text: Substring.UTF8View, plusIsSpace: Bool) -> [UInt8]? {
  var out: [UInt8] = []
  out.reserveCapacity(text.count)
  var iterator = text.makeIterator()
  while let byte = iterator.next() {
    if byte == 0x25 {
      guard let high = iterator.next().flatMap(hexValue),
        let low = iterator.next().flatMap(hexValue)
      else { return nil }
      out.append(high << 4 | low)
    } else {
      out.append(plusIsSpace && byte == 0x2B ? 0x20 : byte)
    }
  }
  return out
}
