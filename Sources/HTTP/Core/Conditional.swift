/// What the conditions of a request ask of a representation: RFC 9110 sections 13 and 14.
enum Conditional: Equatable {
  case whole
  case part(Range<Int>)
  case notModified
  case failed
  case unsatisfiable

  /// Judges in the order of section 13.2.2: If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since, Range.
  ///
  /// `etag` is the representation's quoted validator, `modified` its time in seconds since 1970, `size` its
  /// length in bytes.
  init(method: String, headers: Headers, etag: String, modified: Int?, size: Int) {
    self = Conditional.judge(method, headers, etag, modified, size)
  }

  private static func judge(
    _ method: String, _ headers: Headers, _ etag: String, _ modified: Int?, _ size: Int
  ) -> Conditional {
    let safe = method == "GET" || method == "HEAD"
    if headers["If-Match"] != nil {
      guard matches(headers, "If-Match", etag, weakly: false) else { return .failed }
    } else if let modified, let since = date(headers, "If-Unmodified-Since"), modified > since {
      return .failed
    }
    if headers["If-None-Match"] != nil {
      if matches(headers, "If-None-Match", etag, weakly: true) {
        return safe ? .notModified : .failed
      }
    } else if safe, let modified, let since = date(headers, "If-Modified-Since"), modified <= since
    {
      return .notModified
    }
    guard method == "GET", let range = headers["Range"], headers.all("Range").count == 1,
      rangeApplies(headers, etag, modified)
    else { return .whole }
    return part(range, size)
  }

  private static func date(_ headers: Headers, _ name: String) -> Int? {
    headers[name].flatMap(HTTPDate.parse)
  }

  /// Whether a list of entity tags names this one.
  private static func matches(_ headers: Headers, _ name: String, _ etag: String, weakly: Bool)
    -> Bool
  {
    let values = headers.all(name)
    if values.count == 1, values[0] == "*" { return true }
    let own = etag.hasPrefix("W/") ? String(etag.dropFirst(2)) : etag
    return values.flatMap(splitList).contains { tag in
      let weak = tag.hasPrefix("W/")
      if !weakly, weak || etag.hasPrefix("W/") { return false }
      return (weak ? tag.dropFirst(2) : tag[...]) == own
    }
  }

  /// If-Range: only an equal strong tag, or the exact date, lets the range stand.
  private static func rangeApplies(_ headers: Headers, _ etag: String, _ modified: Int?) -> Bool {
    guard let condition = headers["If-Range"] else { return true }
    if condition.hasPrefix("\"") { return condition == etag }
    guard let modified, let date = HTTPDate.parse(condition) else { return false }
    return date == modified
  }

  /// One range of bytes; several, or what is no range, are ignored and the whole is sent.
  private static func part(_ text: String, _ size: Int) -> Conditional {
    guard let equals = text.firstIndex(of: "="), equalIgnoringCase(String(text[..<equals]), "bytes")
    else {
      return .whole
    }
    let specification = trimBlanks(text[text.index(after: equals)...])
    guard !specification.contains(",") else { return .whole }
    let ends = specification.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    guard ends.count == 2 else { return .whole }
    if ends[0].isEmpty {
      guard let suffix = decimal(ends[1].utf8) else { return .whole }
      return suffix == 0 || size == 0 ? .unsatisfiable : .part(max(0, size - suffix)..<size)
    }
    guard let first = decimal(ends[0].utf8) else { return .whole }
    if ends[1].isEmpty { return first < size ? .part(first..<size) : .unsatisfiable }
    guard let last = decimal(ends[1].utf8), last >= first else { return .whole }
    return first < size ? .part(first..<min(last, size - 1) + 1) : .unsatisfiable
  }
}
